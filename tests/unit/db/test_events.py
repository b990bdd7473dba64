"""Events: dense sequences per fence row, in the transaction of the change."""

import pytest

from provisioner.db import events
from provisioner.db.events import Event, EventFilter
from tests.unit.db import rows


def add(database, **values):
    database.write(lambda tx: events.append(tx, Event(**{"kind": "k", "message": "m", **values})))


def found(database, limit=1000, **wanted):
    with database.reader() as tx:
        return events.find(tx, EventFilter(**wanted), limit)


@pytest.mark.parametrize("with_node", [True, False])
def test_a_sequence_is_dense_under_concurrency(database, in_thread, with_node):
    node = rows.node(database) if with_node else None
    task = rows.task(database, node)

    def several(writer):
        for number in range(8):
            add(database, node=node, task=task, message=f"{writer}/{number}")
    for future in [in_thread(several, writer) for writer in range(4)]:
        future.result(60)
    seen = sorted((event.sequence, event.message) for event in found(database, task=task))
    assert [sequence for sequence, _ in seen] == list(range(1, 33))
    for writer in range(4):
        mine = [message for _, message in seen if message.startswith(f"{writer}/")]
        assert mine == [f"{writer}/{number}" for number in range(8)]


def test_a_rolled_back_event_leaves_no_gap(database):
    node = rows.node(database)
    add(database, node=node)
    with pytest.raises(RuntimeError), database.writer() as tx:
        events.append(tx, Event("k", "lost", node=node))
        raise RuntimeError
    add(database, node=node)
    assert [event.sequence for event in found(database, node=node)] == [1, 2]


def test_two_events_of_one_transaction(database):
    node = rows.node(database)
    with database.writer() as tx:
        events.append(tx, Event("a", "first", node=node))
        events.append(tx, Event("b", "second", node=node))
    assert [(event.sequence, event.kind) for event in found(database, node=node)] == [
        (1, "a"), (2, "b")]


def test_nodes_count_apart(database):
    first, second = rows.node(database), rows.node(database)
    for node in (first, second, first):
        add(database, node=node)
    assert [event.sequence for event in found(database)] == [1, 1, 2]


def test_an_event_comes_back_whole(database):
    node = rows.node(database)
    task = rows.task(database, node)
    add(database, node=node, task=task, severity="error", data={"a": [1]}, epoch=3,
        incarnation="i", conductor="c", user="u")
    event, = found(database)
    with database.reader() as tx:
        assert events.get(tx, event.uuid) == event
        assert abs((tx.read_now() - event.created_at).total_seconds()) < 60
    assert (event.node, event.task, event.severity, event.data, event.epoch, event.incarnation,
            event.conductor, event.user) == (node, task, "error", {"a": [1]}, 3, "i", "c", "u")


def test_filters_hold_together(database):
    node = rows.node(database)
    tasks = [rows.task(database) for _ in range(2)]
    add(database, task=tasks[0], kind="step", severity="warning")
    add(database, task=tasks[0], kind="state")
    add(database, task=tasks[1], kind="step")
    add(database, node=node, kind="step")
    assert len(found(database, task=tasks[0])) == 2
    assert len(found(database, tasks=tuple(tasks))) == 3
    assert len(found(database, kinds=("step",), tasks=tuple(tasks))) == 2
    assert len(found(database, severities=("warning", "error"))) == 1
    assert len(found(database, node=node)) == 1
    assert found(database, tasks=()) == []


def test_paging_by_id(database):
    node = rows.node(database)
    for _ in range(5):
        add(database, node=node)
    first = found(database, limit=3)
    rest = found(database, limit=3, after=first[-1].id)
    assert [event.sequence for event in first + rest] == [1, 2, 3, 4, 5]
    with database.reader() as tx:
        last = events.find(tx, EventFilter(), 3, newest_first=True)
        early = events.find(tx, EventFilter(after=last[-1].id), 3, newest_first=True)
    assert [event.sequence for event in last + early] == [5, 4, 3, 2, 1]


def test_pruning_takes_the_oldest_in_batches(database):
    node = rows.node(database)
    for _ in range(3):
        add(database, node=node)
    assert database.write(lambda tx: events.prune(tx, older_than=3600)) == 0
    assert database.write(lambda tx: events.prune(tx, older_than=-1, batch=2)) == 2
    assert [event.sequence for event in found(database)] == [3]
    add(database, node=node)
    assert [event.sequence for event in found(database)] == [3, 4], "the count goes on"
