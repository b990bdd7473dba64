"""One owner at a time: taking, locking, and who waits for whom, on each kind of database."""

import threading

import pytest
import sqlalchemy as sa

from provisioner import exceptions
from provisioner.db import conductors, events, fences, nodes, tasks
from provisioner.db.models import conductors as conductors_table
from provisioner.db.models import tasks as tasks_table
from provisioner.db.signals import send
from tests.unit.db import rows


@pytest.fixture(params=["node task", "task without a node"])
def task(request, database):
    """uuid of a runnable task of either kind."""
    return rows.task(database, rows.node(database) if request.param == "node task" else None)


def epoch_of(database, uuid):
    task = rows.read_task(database, uuid)
    return rows.read_node(database, task.node).epoch if task.node else task.epoch


def take(database, uuid, holder, epoch=None):
    task = rows.read_task(database, uuid)
    epoch = epoch_of(database, uuid) if epoch is None else epoch
    return database.write(lambda tx: fences.take_task(tx, task, epoch, holder))


def lock(database, fence):
    database.write(fence.lock)


def test_take_bumps_the_epoch_and_shows_the_owner(database, task):
    me = rows.conductor(database)
    fence = take(database, task, me)
    assert (fence.epoch, epoch_of(database, task), fence.holder) == (1, 1, me)
    if fence.node:
        assert rows.read_node(database, fence.node).reservation == "a"
    lock(database, fence)


def test_take_writes_an_event(database, task):
    fence = take(database, task, rows.conductor(database))
    with database.reader() as tx:
        event, = events.find(tx, events.EventFilter(task=task))
    assert (event.kind, event.node, event.epoch, event.incarnation, event.sequence) == (
        "take", fence.node, 1, fence.holder.incarnation, 1)


def test_of_two_that_take_at_once_one_wins(database, in_thread):
    holders = [rows.conductor(database, "a"), rows.conductor(database, "b")]
    start = threading.Barrier(2, timeout=30)

    def race(uuid, holder):
        task, epoch = rows.read_task(database, uuid), epoch_of(database, uuid)
        start.wait()
        return database.write(lambda tx: fences.take_task(tx, task, epoch, holder))

    for node in (rows.node(database), None, rows.node(database), None):
        uuid = rows.task(database, node)
        futures = [in_thread(race, uuid, holder) for holder in holders]
        won = [fence for future in futures if (fence := future.result(60))]
        assert len(won) == 1
        assert epoch_of(database, uuid) == won[0].epoch == 1
        lock(database, won[0])


def test_of_two_that_take_in_overlapping_transactions_one_wins(
        database, task, in_thread, until_blocked):
    first, second = rows.conductor(database, "a"), rows.conductor(database, "b")
    row = rows.read_task(database, task)
    with database.writer() as tx:
        won = fences.take_task(tx, row, 0, first)
        late = in_thread(take, database, task, second, 0)
        until_blocked(late)
    assert late.result(30) is None
    lock(database, won)


def test_a_living_owner_keeps_its_work(database, task):
    take(database, task, rows.conductor(database, "a"))
    assert take(database, task, rows.conductor(database, "b")) is None


def test_an_ended_lease_is_not_enough_to_take(database, task):
    """Taking checks ``dead``, never a time."""
    fence = take(database, task, rows.conductor(database, "a", lease=-60))
    other = rows.conductor(database, "b")
    assert take(database, task, other) is None
    database.write(conductors.declare_dead)
    assert take(database, task, other).epoch == 2
    with pytest.raises(exceptions.FenceLost):
        lock(database, fence)


def test_one_takes_ones_own_work_again(database, task):
    me = rows.conductor(database)
    first = take(database, task, me)
    second = take(database, task, me)
    assert second.epoch == 2
    lock(database, second)
    with pytest.raises(exceptions.FenceLost):
        lock(database, first)


def test_a_node_that_has_another_task_is_not_taken(database):
    node = rows.node(database)
    old = rows.task(database, node)
    rows.task(database, node)
    assert take(database, old, rows.conductor(database)) is None
    assert rows.read_node(database, node).epoch == 0


def test_an_old_epoch_does_not_take(database, task):
    me = rows.conductor(database)
    fence = take(database, task, me)

    def release(tx):
        fence.lock(tx)
        fence.release(tx)
    database.write(release)
    assert take(database, task, me, epoch=0) is None
    assert take(database, task, me, epoch=1).epoch == 2


def test_a_lock_waits_for_the_transaction_before_it_and_goes_on(
        database, task, in_thread, until_blocked):
    fence = take(database, task, rows.conductor(database))

    def second():
        with database.writer() as tx:
            fence.lock(tx)
            return tasks.get(tx, task).wait_for

    with database.writer() as tx:
        fence.lock(tx)
        tasks.update(tx, task, wait_for="agent")
        waiting = in_thread(second)
        until_blocked(waiting)
    assert waiting.result(30) == "agent", "it saw the state of before"


def test_a_lock_waits_for_the_successor_and_then_fails(database, task, in_thread, until_blocked):
    stale = take(database, task, rows.conductor(database, "a", lease=-1))
    successor = rows.conductor(database, "b")
    database.write(conductors.declare_dead)
    row = rows.read_task(database, task)
    with database.writer() as tx:
        assert fences.take_task(tx, row, 1, successor).epoch == 2
        late = in_thread(lock, database, stale)
        until_blocked(late)
    with pytest.raises(exceptions.FenceLost):
        late.result(30)


def test_the_successor_waits_for_a_fenced_transaction(database, task, in_thread, until_blocked):
    """What the old owner wrote in time is there before the new one begins."""
    old = take(database, task, rows.conductor(database, "a", lease=-1))
    successor = rows.conductor(database, "b")
    database.write(conductors.declare_dead)
    with database.writer() as tx:
        old.lock(tx)
        tasks.update(tx, task, wait_for="agent")
        taking = in_thread(take, database, task, successor, 1)
        until_blocked(taking)
    assert taking.result(30).epoch == 2
    assert rows.read_task(database, task).wait_for == "agent"


def test_taking_checks_the_owner_on_the_locked_row(database, in_thread, until_blocked):
    """The owner changes while another waits for the row: the new owner lives."""
    node, alive = rows.node(database), rows.conductor(database, "a")
    seen = rows.read_node(database, node)
    with database.writer() as tx:
        fence = fences.take_node(tx, seen, alive)
        late = in_thread(database.write, lambda tx: fences.take_node(
            tx, seen, fences.Holder("i", "b")))
        until_blocked(late)
    with pytest.raises(exceptions.NodeBusy):
        late.result(30)
    lock(database, fence)


def test_another_incarnation_of_the_same_host_holds_nothing(database, task):
    fence = take(database, task, rows.conductor(database, "a"))
    impostor = fences.Fence(fence.node, fence.task, fence.epoch,
                            fences.Holder("another-incarnation", "a"))
    with pytest.raises(exceptions.FenceLost):
        lock(database, impostor)


def test_release_frees(database, task):
    fence = take(database, task, rows.conductor(database, "a"))

    def release(tx):
        fence.lock(tx)
        fence.release(tx)
    database.write(release)
    if fence.node:
        node = rows.read_node(database, fence.node)
        assert (node.reservation, node.incarnation, node.epoch) == (None, None, 1)
    with pytest.raises(exceptions.FenceLost):
        lock(database, fence)
    assert take(database, task, rows.conductor(database, "b")).epoch == 2


def test_revoke_fences_ones_own_worker(database, task):
    me = rows.conductor(database)
    fence = take(database, task, me)
    database.write(lambda tx: fences.revoke(tx, fence))
    with pytest.raises(exceptions.FenceLost):
        lock(database, fence)
    with pytest.raises(exceptions.FenceLost):
        database.write(lambda tx: fences.revoke(tx, fence))
    assert epoch_of(database, task) == 2
    assert take(database, task, me).epoch == 3


def test_a_signal_needs_no_fence_and_breaks_none(database, task):
    fence = take(database, task, rows.conductor(database))
    assert database.write(lambda tx: send(tx, task, "cancel"))
    lock(database, fence)


def test_take_node_for_a_short_call(database):
    node = rows.node(database, name="n1")
    first, other = rows.conductor(database, "a"), rows.conductor(database, "b")
    seen = rows.read_node(database, node)
    fence = database.write(lambda tx: fences.take_node(tx, seen, first))
    lock(database, fence)
    for read, why in ((seen, "n1 has an operation under way"),
                      (rows.read_node(database, node), "n1 is locked by host a")):
        with pytest.raises(exceptions.NodeBusy, match=why):
            database.write(lambda tx, read=read: fences.take_node(tx, read, other))
    assert rows.read_node(database, node).epoch == 1


def test_take_node_twice_by_the_same_conductor_is_busy(database):
    """Unlike a task: the first call is still under way."""
    node, me = rows.node(database), rows.conductor(database)
    database.write(lambda tx: fences.take_node(tx, nodes.get(tx, node), me))
    with pytest.raises(exceptions.NodeBusy):
        database.write(lambda tx: fences.take_node(tx, nodes.get(tx, node), me))


def test_supersede_replaces_a_task_nobody_is_inside_of(database):
    node = rows.node(database)
    old = rows.task(database, node)
    new = database.write(lambda tx: tasks.insert(tx, tasks.NewTask("abort", [], node=node)))
    database.write(lambda tx: fences.supersede(tx, nodes.get(tx, node), new))
    assert rows.read_node(database, node).task == new
    assert take(database, old, rows.conductor(database)) is None


def test_supersede_does_not_pull_a_task_from_under_a_worker(database):
    node = rows.node(database)
    uuid = rows.task(database, node)
    before = rows.read_node(database, node)
    fence = take(database, uuid, rows.conductor(database))
    for read in (before, rows.read_node(database, node)):
        with pytest.raises(exceptions.NodeBusy):
            database.write(lambda tx, read=read: fences.supersede(tx, read, None))
    lock(database, fence)


def test_accepting_puts_one_task_on_a_free_node(database, in_thread):
    node = rows.node(database)
    free = rows.read_node(database, node)
    made = [database.write(lambda tx: tasks.insert(tx, tasks.NewTask("x", [], node=node)))
            for _ in range(2)]
    start = threading.Barrier(2, timeout=30)

    def accept(uuid):
        start.wait()
        try:
            database.write(lambda tx: fences.supersede(tx, free, uuid))
            return uuid
        except exceptions.NodeBusy:
            return None
    placed = [uuid for uuid in [future.result(30) for future in
                                [in_thread(accept, uuid) for uuid in made]] if uuid]
    assert placed == [rows.read_node(database, node).task]


def test_a_deleted_row_fences_its_worker(database):
    uuid = rows.task(database)
    fence = take(database, uuid, rows.conductor(database))
    database.write(lambda tx: tx.execute(sa.delete(tasks_table)))
    with pytest.raises(exceptions.FenceLost):
        lock(database, fence)


def test_a_forgotten_owner_is_never_one_that_holds_work(database):
    """The row of a dead owner is the proof that its work may be taken."""
    node = rows.node(database)
    uuid = rows.task(database, node)
    gone = rows.conductor(database, "gone", lease=-1)
    take(database, uuid, gone)
    database.write(conductors.declare_dead)
    database.write(lambda tx: tx.execute(sa.update(conductors_table).values(
        dead_at=tx.now(-1000))))
    assert database.write(lambda tx: conductors.forget(tx, 100)) == 0
    assert take(database, uuid, rows.conductor(database)).epoch == 2
    assert database.write(lambda tx: conductors.forget(tx, 100)) == 1
