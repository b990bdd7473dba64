"""No wake-up is lost, whichever of wait and signal comes first."""

import pytest

from provisioner.db import signals, tasks
from provisioner.db.tasks import Waiting
from tests.unit.db import rows


@pytest.fixture(params=["node task", "task without a node"])
def running(request, database):
    """uuid of a task that a worker is inside of."""
    uuid = rows.task(database, rows.node(database) if request.param == "node task" else None)
    database.write(lambda tx: tasks.update(tx, uuid, state="running", due_at=None))
    return uuid


def wait(tx, uuid, wake=0, poll=3600.0):
    tasks.wait(tx, uuid, Waiting(wake=wake, poll=poll, what="agent", late="the agent is late"))


def is_due(database, uuid):
    with database.reader() as tx:
        return uuid in [row.uuid for row in tasks.due(tx, "nobody", 0)]


def test_a_wait_without_a_signal_waits(database, running):
    database.write(lambda tx: wait(tx, running))
    task = rows.read_task(database, running)
    assert (task.state, task.wait_for, task.wait_late) == (
        "waiting", "agent", "the agent is late")
    assert not is_due(database, running)


def test_a_wait_is_due_when_its_poll_is(database, running):
    database.write(lambda tx: wait(tx, running, poll=-1))
    assert rows.read_task(database, running).state == "waiting"
    assert is_due(database, running)


def test_a_signal_before_the_wait_keeps_the_task_runnable(database, running):
    wake = rows.read_task(database, running).wake
    assert database.write(lambda tx: signals.send(tx, running, "heartbeat"))
    assert rows.read_task(database, running).state == "running", "a worker is inside"
    database.write(lambda tx: wait(tx, running, wake))
    assert rows.read_task(database, running).state == "runnable"
    assert is_due(database, running)


def test_a_signal_after_the_wait_wakes(database, running):
    database.write(lambda tx: wait(tx, running))
    assert database.write(lambda tx: signals.send(tx, running, "cancel", {"n": 1}, "user"))
    assert rows.read_task(database, running).state == "runnable"
    assert is_due(database, running)
    with database.reader() as tx:
        signal, = signals.of(tx, running)
    assert (signal.kind, signal.data, signal.user) == ("cancel", {"n": 1}, "user")


def test_a_signal_that_the_step_has_seen_does_not_wake_again(database, running):
    database.write(lambda tx: signals.send(tx, running, "heartbeat"))
    wake = rows.read_task(database, running).wake
    database.write(lambda tx: wait(tx, running, wake))
    assert rows.read_task(database, running).state == "waiting"


def test_a_signal_that_meets_a_wait_under_way(database, running, in_thread, until_blocked):
    with database.writer() as tx:
        wait(tx, running)
        sending = in_thread(database.write, lambda tx: signals.send(tx, running, "heartbeat"))
        until_blocked(sending)
    assert sending.result(30)
    assert rows.read_task(database, running).state == "runnable"
    assert is_due(database, running)


def test_a_wait_that_meets_a_signal_under_way(database, running, in_thread, until_blocked):
    with database.writer() as tx:
        signals.send(tx, running, "heartbeat")
        waiting = in_thread(database.write, lambda tx: wait(tx, running, wake=0))
        until_blocked(waiting)
    waiting.result(30)
    assert rows.read_task(database, running).state == "runnable"
    assert is_due(database, running)


def test_a_signal_that_is_rolled_back_wakes_nobody(database, running):
    database.write(lambda tx: wait(tx, running))
    with pytest.raises(RuntimeError), database.writer() as tx:
        signals.send(tx, running, "heartbeat")
        raise RuntimeError
    assert rows.read_task(database, running).state == "waiting"


def test_two_last_children_cannot_miss_each_other(database, in_thread, until_blocked):
    """Each ends in one transaction with its signal; whoever is second sees the first one ended."""
    parent = rows.task(database)
    children = [rows.task(database, rows.node(database), parent=parent) for _ in range(2)]
    database.write(lambda tx: wait(tx, parent))

    def end(tx, uuid):
        tasks.update(tx, uuid, state="succeeded")
        signals.send(tx, parent, "child", {"task": uuid})

    with database.writer() as tx:
        end(tx, children[0])
        second = in_thread(database.write, lambda tx: end(tx, children[1]))
        until_blocked(second)
    second.result(30)
    task = rows.read_task(database, parent)
    assert (task.state, task.wake) == ("runnable", 2)
    with database.reader() as tx:
        assert [row.state for row in tasks.children(tx, parent)] == ["succeeded"] * 2


def test_what_only_wakes_is_not_told(database, running):
    kinds = ("cancel", *signals.WAKE_UPS, "resume")
    for kind in kinds:
        assert database.write(lambda tx, kind=kind: signals.send(tx, running, kind))
    with database.reader() as tx:
        assert [row.kind for row in signals.of(tx, running)] == ["cancel", "resume"]
    assert rows.read_task(database, running).wake == len(kinds)


@pytest.mark.parametrize("state", signals.ENDED)
def test_an_ended_task_takes_no_signals(database, running, state):
    database.write(lambda tx: tasks.update(tx, running, state=state))
    assert not database.write(lambda tx: signals.send(tx, running, "cancel"))
    with database.reader() as tx:
        assert signals.of(tx, running) == []
    assert rows.read_task(database, running).state == state


def test_old_wake_ups_are_pruned_and_what_says_more_is_kept(database, running):
    for kind in ("heartbeat", "heartbeat", "cancel", "child"):
        database.write(lambda tx, kind=kind: signals.send(tx, running, kind))
    assert database.write(lambda tx: signals.prune(tx, older_than=3600)) == 0
    assert database.write(lambda tx: signals.prune(tx, older_than=-1, batch=2)) == 2
    assert database.write(lambda tx: signals.prune(tx, older_than=-1, batch=2)) == 1
    with database.reader() as tx:
        assert [row.kind for row in signals.of(tx, running)] == ["cancel"]
