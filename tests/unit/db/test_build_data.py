"""Build data, on every database."""

from provisioner.db import build_data
from provisioner.db.models import new_uuid


def test_records_are_found_by_node_and_task(database):
    one, two = new_uuid(), new_uuid()
    given = [("a", "lshw", "1", one), ("a", "lshw", "2", two), ("a", "lldp", "3", one),
             ("b", "lshw", "4", one)]
    with database.writer() as tx:
        for node, generator, text, task in given:
            build_data.add(tx, build_data.Record(node, generator, "text/plain", text, task))
    with database.reader() as tx:
        whole = build_data.of_node(tx, "a")
        latest = build_data.of_node(tx, "a", latest=True)
        by_task = build_data.of_tasks(tx, [one, two])
        none = build_data.of_tasks(tx, [])
    assert [row.data_element for row in whole] == ["1", "2", "3"]
    assert [row.data_element for row in latest] == ["2", "3"]
    assert {task: [row.data_element for row in rows] for task, rows in by_task.items()} == {
        one: ["1", "3", "4"], two: ["2"]}
    assert none == {}
