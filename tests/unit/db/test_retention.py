"""What ended long ago goes, with all that only it refers to; everything else stays."""

import pytest
import sqlalchemy as sa

from provisioner.db import build_data, events, models, retention, signals, tasks
from provisioner.steps import StepSpec

DAY = 86400.0


@pytest.fixture
def put(database):
    """``put(age, state, ...)``: a task that ended so many days ago; its uuid."""
    def insert(age, state=tasks.SUCCEEDED, **more):
        with database.writer() as tx:
            uuid = tasks.insert(tx, tasks.NewTask(
                action="deploy_nodes", steps=[StepSpec("x")], **more))
            signals.send(tx, uuid, "poke")
            events.append(tx, events.Event("test", "It happened.", task=uuid))
            tx.execute(sa.update(models.tasks).where(models.tasks.c.uuid == uuid).values(
                state=state, finished_at=tx.now(-age * DAY)))
        return uuid
    return insert


def left(database, table, column="task"):
    with database.reader() as tx:
        return {row[0] for row in tx.all(sa.select(table.c[column]))}


def purge(database, days, **more):
    with database.writer() as tx:
        return retention.purge_site_tasks(tx, days * DAY, **more)


def test_old_site_tasks_go_with_their_children_and_all_that_is_theirs(database, put):
    old, young = put(10), put(1)
    child = put(10, node="node", parent=old, root=old)
    with database.writer() as tx:
        build_data.add(tx, build_data.Record("node", "lshw", "text/xml", "<x/>", child))
    assert purge(database, 5) == 1
    assert left(database, models.tasks, "uuid") == {young}
    for table in (models.steps, models.signals, models.events):
        assert left(database, table) == {young}
    assert left(database, models.build_data) == {child}, "what was learnt is kept"


def test_what_runs_and_what_is_of_nodes_stays(database, put):
    of_node = put(10, node="node")
    running = put(10, tasks.RUNNING)
    cancelled = put(10, tasks.CANCELLED)
    child = put(10, tasks.WAITING, node="node", parent=cancelled, root=cancelled)
    assert purge(database, 5) == 0
    assert left(database, models.tasks, "uuid") == {of_node, running, cancelled, child}


def test_it_goes_in_batches(database, put):
    for _ in range(3):
        put(10)
    assert [purge(database, 5, limit=2) for _ in range(3)] == [2, 1, 0]
