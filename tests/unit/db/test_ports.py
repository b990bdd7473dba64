"""Ports: unique addresses, filters, compare-and-set."""

import pytest
from oslo_db import exception as db_exception

from provisioner import exceptions
from provisioner.db import ports
from provisioner.db.nodes import Page
from provisioner.db.ports import PortFilter
from tests.unit.db import rows


def add(database, node, address, **values):
    return database.write(lambda tx: ports.create(
        tx, {"node_uuid": node, "address": address, **values}))


def find(database, page=None, **wanted):
    with database.reader() as tx:
        return [row.uuid for row in ports.find(tx, PortFilter(**wanted), page or Page())]


def test_filters_and_pages(database):
    first = rows.node(database, shard="s1", conductor_group="g1", owner="p1")
    second = rows.node(database, shard="s2", lessee="p2")
    made = [add(database, first, "52:54:00:00:00:01", name="p1"),
            add(database, first, "52:54:00:00:00:02", portgroup_uuid="g"),
            add(database, second, "52:54:00:00:00:03", description="left 100%")]
    assert find(database) == made
    assert find(database, node_uuid=first) == made[:2]
    assert find(database, address="52:54:00:00:00:03") == made[2:]
    assert find(database, portgroup_uuid="g") == [made[1]]
    assert find(database, shards=("s1",)) == made[:2]
    assert find(database, project="p1") == made[:2]
    assert find(database, project="p2") == made[2:]
    assert find(database, conductor_groups=("g1",)) == made[:2]
    assert find(database, description_contains="0%") == made[2:]
    assert find(database, Page(2)) == made[:2]
    assert find(database, Page(2, made[1])) == made[2:]
    assert find(database, Page(1, None, "name", True)) == made[:1]
    with pytest.raises(exceptions.NotFound):
        find(database, Page(marker="nowhere"))
    with database.reader() as tx:
        assert [row.uuid for row in ports.of_node(tx, first)] == made[:2]
        assert ports.get(tx, "p1") == ports.get(tx, made[0])
        assert sorted(ports.nodes_of(tx, ["52:54:00:00:00:01", "52:54:00:00:00:02"])) == [first]


def test_an_address_belongs_to_one_port(database):
    add(database, rows.node(database), "52:54:00:00:00:01")
    with pytest.raises(db_exception.DBDuplicateEntry):
        add(database, rows.node(database), "52:54:00:00:00:01")


def test_a_write_needs_the_newest_row(database):
    uuid = add(database, rows.node(database), "52:54:00:00:00:01")

    def read():
        with database.reader() as tx:
            return ports.get(tx, uuid)

    def change(seen, **values):
        database.write(lambda tx: ports.update(tx, seen, values))
    for values in ({"pxe_enabled": False}, {"extra": {"a": 1}}):
        seen = read()
        change(seen, **values)
        with pytest.raises(exceptions.Changed):
            change(seen, pxe_enabled=True)
    assert (read().pxe_enabled, read().extra) == (False, {"a": 1})
    database.write(lambda tx: ports.delete(tx, uuid))
    assert read() is None
