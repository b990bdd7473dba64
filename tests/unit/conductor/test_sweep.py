"""What a conductor may take, and what not."""

import contextlib
import threading

import pytest
from oslo_db import exception as db_exception

from provisioner import exceptions
from provisioner.db import fences, tasks
from provisioner.drivers.clients.fake import Request
from provisioner.steps import Done, Wait
from provisioner_conductor.channel import Guard, GuardedChannel
from provisioner_conductor.engine import Run
from provisioner_conductor.worker import Workers
from tests.invariants import violations
from tests.unit.conductor.conftest import SPECS


@pytest.fixture
def process(on):
    return on.processes[0]


def kill_inside(on, script, *specs):
    """A task under an incarnation that has died inside its first step."""
    task = on.insert(on.node(), *(specs or (SPECS["repeat"],)))
    on.die_at = len(on.points) + 5
    on.processes[0].sweep()
    assert not on.processes[0].alive
    assert len(script.contexts) == 1
    return task


# --- (a) runnable, or waiting and due ---------------------------------------------------------


def test_work_is_taken_by_whom_the_ring_gives_it_to(on, script):
    on.start("b"), on.start("c")
    on.pass_time(2.0)  # the view of the membership is looked at anew
    found = {on.insert(on.node(), SPECS["repeat"]) for _ in range(30)}
    taken = {process.host: process.sweep() for process in on.live()}
    assert sum(taken.values()) == len(found)
    assert len([host for host in taken if taken[host]]) > 1, taken
    rings = on.processes[0].sweeper._view.rings()
    for context in script.contexts:
        assert context.fence.holder.hostname == rings.owner("fake-hardware", "", context.node.uuid)


def test_a_waiting_task_may_change_hands_while_its_last_owner_lives(on, script, process):
    script.answer = lambda context: Wait("x", until=100, poll=5, late="late")
    task = on.insert(on.node(), SPECS["repeat"])
    process.sweep()
    process.lease.stop()
    process.die()
    on.start("b")
    script.answer = lambda context: Done()
    assert on.run(task).state == tasks.SUCCEEDED
    assert [context.fence.holder.hostname for context in script.contexts] == ["a", "b"]
    assert script.contexts[1].fence.epoch > script.contexts[0].fence.epoch


def test_work_that_no_live_conductor_serves_stays(on, script):
    node = on.node(conductor_group="elsewhere")
    task = on.insert(node, SPECS["repeat"])
    assert on.processes[0].sweep() == 0
    assert on.task(task).state == tasks.RUNNABLE


def test_a_task_that_its_node_does_not_show_is_not_taken(on, script, process):
    node = on.node()
    lost = on.insert(node, SPECS["repeat"])
    on.insert(node, SPECS["repeat"])  # has taken its place
    process.sweep()
    assert on.task(lost).state == tasks.RUNNABLE
    assert len(script.contexts) == 1


# --- (b) under a dead incarnation -------------------------------------------------------------


def test_the_work_of_the_dead_waits_for_lease_and_margin(on, script):
    """Nothing is taken before the old lease has ended, been declared so, and the margin is over."""
    task = kill_inside(on, script)
    died = on.clock.seconds
    on.start("b")
    while len(script.contexts) == 1:
        on.processes[1].sweep()
        if len(script.contexts) == 1:
            on.pass_time(0.25)
    assert 12.0 + 2.0 <= on.clock.seconds - died < 12.0 + 2.0 + 1.0
    assert on.task(task).state == tasks.SUCCEEDED
    assert violations(on.database) == []


def test_the_work_of_the_living_is_not_taken(on, script):
    kill_inside(on, script)
    on.start("b")
    for _ in range(8):
        on.processes[0].lease.renew()  # it hangs, but it lives
        on.pass_time(3.0)
        on.processes[1].sweep()
    assert len(script.contexts) == 1


def test_the_work_of_one_that_stopped_cleanly_moves_at_once(on, script):
    kill_inside(on, script)
    on.processes[0].lease.stop()
    on.start("b")
    on.processes[1].sweep()
    assert len(script.contexts) == 2


def test_a_node_held_by_a_hardware_call_of_the_dead_is_freed(on, process):
    node = on.node()
    with on.database.writer() as tx:
        fences.take_node(tx, on.get(node), process.lease.current.holder)
    process.die()
    on.start("b").sweep()
    assert on.get(node).reservation == "a", "its holder lives"
    on.pass_time(12.5)
    on.processes[1].sweep()
    assert on.get(node).reservation == "a", "the margin is not over"
    on.pass_time(2.5)
    on.processes[1].sweep()
    assert (on.get(node).reservation, on.get(node).incarnation) == (None, None)
    assert violations(on.database) == []


# --- (c) our own, without a worker ------------------------------------------------------------


def test_own_work_without_a_worker_is_taken_up_again(on, script, process):
    task = on.insert(on.node(), SPECS["repeat"])

    def answer(context):
        raise db_exception.DBConnectionError("and the worker stops")
    script.answer = answer
    process.sweep()
    assert (on.task(task).state, process.workers.inside(task)) == (tasks.RUNNING, None)
    script.answer = lambda context: Done()
    process.sweep()
    assert on.task(task).state == tasks.SUCCEEDED
    assert script.contexts[1].fence.epoch == script.contexts[0].fence.epoch + 1


def test_own_work_with_a_worker_inside_is_left_to_it(on, script, process):
    task = on.insert(on.node(), SPECS["repeat"])

    def answer(context):
        if len(script.contexts) == 1:
            on.pass_time(5.0)
            assert process.sweeper.sweep() == 0
        return Done()
    script.answer = answer
    process.sweep()
    assert (on.task(task).state, len(script.contexts)) == (tasks.SUCCEEDED, 1)


def test_a_take_whose_commit_was_lost_is_found_as_our_own(on, script, process):
    task = on.insert(on.node(), SPECS["repeat"])
    writer, calls = process.database.writer, []

    @contextlib.contextmanager
    def lost():
        calls.append(1)
        with writer() as tx:
            yield tx
        if len(calls) == 2:  # the first declares the dead, the second takes
            raise db_exception.DBConnectionError("the answer was lost")
    process.database.writer = lost
    process.sweep()
    assert script.contexts == []
    process.database.writer = writer
    process.sweep()
    assert on.task(task).state == tasks.SUCCEEDED


def test_without_free_workers_nothing_is_taken(on, script, process):
    process.workers._size = 0
    task = on.insert(on.node(), SPECS["repeat"])
    assert process.sweep() == 0
    assert on.task(task).state == tasks.RUNNABLE


# --- (d) past the run limit -------------------------------------------------------------------


class Hanging:
    """A step that hangs in its first call until it is let go; then it tries to send."""

    def __init__(self, on):
        self.entered, self.go_on = threading.Event(), threading.Event()
        self.sent = []
        self._on = on

    def __call__(self, context):
        if not self.entered.is_set():
            self.entered.set()
            assert self.go_on.wait(30)
            context.machine.call("power", "set_power_state", "power on")
            self.sent.append("too late")
        return Done()


@pytest.fixture
def threads(on, process):
    """Real threads for the process, closed after the test."""
    workers = process.sweeper.workers = process.workers = Workers(
        process.workers._engine, 2, lambda due: None)
    yield workers
    assert workers.drain(10)
    workers.close()


@pytest.mark.parametrize("by", ["run limit", "lost lease"])
def test_a_step_that_hangs_is_cut_off_and_its_task_goes_on(on, script, process, threads, by):
    node = on.node()
    task = on.insert(node, SPECS["stubborn"])
    hanging = script.answer = Hanging(on)
    process.sweep()
    assert hanging.entered.wait(10)
    run = threads.inside(task)
    if by == "run limit":  # 5 s, and the slack
        on.pass_time(14.0)
        process.sweep()
        assert threads.inside(task) is run
        on.pass_time(2.0)
    else:
        on.clock.seconds += 13.0
        process.lease.renew()
        on.pass_time(2.1)
    try:
        for _ in range(3):
            process.sweep()
        assert threads.drain(10), "the new worker is through, however long the old one hangs"
        assert on.task(task).state == tasks.SUCCEEDED
    finally:
        hanging.go_on.set()
    threads._pool.shutdown(wait=True)
    assert hanging.sent == [], "the channel of the first call was cut"
    assert on.world.sent == []
    assert [context.attempt for context in script.contexts] == [1, 2]
    assert violations(on.database) == []


def test_a_run_that_was_given_up_does_not_take_its_successor_along(on, process, threads):
    """The books are kept by run, not by task."""
    node = on.node()
    task = on.insert(node, SPECS["repeat"])
    holder = process.lease.current.holder
    gates = [threading.Event(), threading.Event()]
    threads._engine = type("Gated", (), {"run": lambda self, run: run.gate.wait(10)})()
    runs = [Run(fences.Fence(node, task, epoch, holder), Guard(process.lease.current))
            for epoch in (1, 2)]
    for run, gate in zip(runs, gates, strict=True):
        run.gate = gate
    try:
        assert threads.submit(runs[0])
        threads.give_up(task)
        assert threads.submit(runs[1])
        gates[0].set()
        # both have a thread; when the first is through, a third submission would show it
        threads._pool.submit(lambda: None).result(10)
        assert threads.inside(task) is runs[1]
    finally:
        for gate in gates:
            gate.set()


# --- not at all -------------------------------------------------------------------------------


def test_nothing_is_taken_past_the_lease(on, script, process):
    on.insert(on.node(), SPECS["repeat"])
    on.clock.seconds += 10.5
    assert process.sweep() == 0
    process.lease.renew()
    assert process.sweep() == 1


def test_nothing_is_taken_while_stopping(on, script, process):
    on.insert(on.node(), SPECS["repeat"])
    process.sweeper.stop()
    assert process.sweep() == 0


def test_a_stale_view_takes_nothing_twice(on, script, process):
    """The epoch is a compare-and-set on what was read with the task."""
    task = on.insert(on.node(), SPECS["repeat"])
    other = on.start("b")
    with on.database.reader() as tx:
        row = tasks.due(tx, process.incarnation(), 2.0)[0]
    taken = [each.sweeper._take(row, each.lease.current) for each in (process, other)]
    assert taken == [True, False]
    assert (on.task(task).state, len(script.contexts)) == (tasks.SUCCEEDED, 1)


def test_a_view_from_before_a_wait_takes_nothing(on, script, process):
    """The task is free again, but it is not the one that was read."""
    on.insert(on.node(), SPECS["repeat"])
    script.answer = lambda context: Wait("x", until=100, poll=50, late="late")
    other = on.start("b")
    with on.database.reader() as tx:
        (row,) = tasks.due(tx, process.incarnation(), 2.0)
    assert process.sweeper._take(row, process.lease.current)
    assert not other.sweeper._take(row, other.lease.current)
    assert len(script.contexts) == 1


def test_nobody_takes_what_a_living_owner_is_inside_of(on, script, process):
    task = on.insert(on.node(), SPECS["repeat"])
    taken = []

    def answer(context):
        if len(script.contexts) == 1:
            other = on.start("b")
            with on.database.reader() as tx:
                (row,) = tasks.due(tx, process.incarnation(), 2.0)
            assert row.fence_epoch == context.fence.epoch
            taken.append(other.sweeper._take(row, other.lease.current))
        return Done()
    script.answer = answer
    process.sweep()
    assert (on.task(task).state, taken) == (tasks.SUCCEEDED, [False])


def test_pokes_cut_the_pause_short(on, process):
    sweeper, clock = process.sweeper, on.clock
    before = clock.seconds
    sweeper.poke(0.25)
    sweeper.poke(0.5)
    sweeper._pause()
    assert clock.seconds - before == pytest.approx(0.25)
    before = clock.seconds
    sweeper._pause()
    assert 0.8 <= clock.seconds - before <= 1.2


def test_a_revoked_run_cannot_send_through_a_channel_it_holds(on, process):
    node = on.node()
    guard = Guard(process.lease.current)
    channel = GuardedChannel(process.hardware.pools["fake"].transport({}), guard)
    channel.send(Request(node, "power.set", ("power on",)))
    guard.revoke()
    with pytest.raises(exceptions.LeaseLost):
        channel.send(Request(node, "power.set", ("power off",)))
    assert on.world.machine(node).power == "power on"



# --- a node held by a hardware call ---------------------------------------------------------------


def test_a_hardware_call_leaves_the_work_of_the_dead_to_its_successor(on, script):
    """Taken and given back in between, a running task would have no owner for ever."""
    task = kill_inside(on, script)
    other = on.start("b")
    on.pass_time(12.5)
    other.sweep()
    node = on.get(on.task(task).node)
    with pytest.raises(exceptions.NodeBusy), on.database.writer() as tx:
        fences.take_node(tx, node, other.lease.current.holder)
    on.pass_time(2.5)
    other.sweep()
    assert on.task(task).state == tasks.SUCCEEDED


def test_nothing_new_begins_on_a_node_before_the_margin_of_its_holder_is_over(on, process):
    node = on.node()
    with on.database.writer() as tx:
        fences.take_node(tx, on.get(node), process.lease.current.holder)
    process.die()
    other = on.start("b")
    on.pass_time(12.5)
    other.sweep()
    with pytest.raises(exceptions.NodeBusy):
        other.acceptor.accept(on.ask("power", node, args={"target": "power on"}))
    on.pass_time(2.5)
    other.sweep()
    other.acceptor.accept(on.ask("power", node, args={"target": "power on"}))


def test_a_call_whose_end_was_not_recorded_keeps_no_node(on, process):
    node = on.node()
    with process.sweeper.calling(node):
        with on.database.writer() as tx:
            fences.take_node(tx, on.get(node), process.lease.current.holder)
        with pytest.raises(exceptions.NodeBusy), process.sweeper.calling(node), \
                on.database.writer() as tx:
            fences.take_node(tx, on.get(node), process.lease.current.holder)
        process.sweep()
        assert on.get(node).reservation == "a", "the first call is under way"
    process.sweep()
    assert (on.get(node).reservation, on.get(node).incarnation) == (None, None)
    assert violations(on.database) == []


def test_a_hardware_call_during_a_wait_is_not_disturbed_by_its_task(on, script, process):
    node = on.node()
    task = on.insert(node, SPECS["repeat"])
    script.answer = lambda context: Wait("power", until=100, poll=50, late="late")
    process.sweep()
    with process.sweeper.calling(node):
        with on.database.writer() as tx:
            fence = fences.take_node(tx, on.get(node), process.lease.current.holder)
        assert process.sweep() == 0
        with on.database.writer() as tx:
            fence.lock(tx)
            fence.release(tx)
    assert (on.task(task).state, len(script.contexts)) == (tasks.WAITING, 1)


# --- much work ------------------------------------------------------------------------------------


def test_work_that_nobody_takes_does_not_hide_ours(on, script, process, monkeypatch):
    monkeypatch.setattr(tasks, "PAGE", 2)
    strange = [on.insert(on.node(conductor_group="elsewhere"), SPECS["repeat"]) for _ in range(5)]
    on.pass_time(1.0)
    own = on.insert(on.node(), SPECS["repeat"])
    process.sweep()
    assert on.task(own).state == tasks.SUCCEEDED
    assert {on.task(task).state for task in strange} == {tasks.RUNNABLE}


def test_steps_that_hang_are_cut_off_also_when_they_have_all_the_workers(
        on, script, process, threads, eventually):
    gate = threading.Event()

    def answer(context):
        if len(script.contexts) <= 2:
            assert gate.wait(30)
        return Done()
    script.answer = answer
    stuck = [on.insert(on.node(), SPECS["stubborn"]) for _ in range(2)]
    try:
        process.sweep()
        assert threads.free() == 0
        eventually(lambda: len(script.contexts) == 2)
        on.pass_time(16.0)
        for _ in range(3):
            process.sweep()
        assert threads.drain(10)
        assert {on.task(task).state for task in stuck} == {tasks.SUCCEEDED}
    finally:
        gate.set()


def test_work_of_a_later_release_is_left_for_those_who_know_it(on, process):
    task = on.insert(on.node(), SPECS["repeat"], action="of_a_later_release")
    process.sweep()
    assert on.task(task).state == tasks.RUNNABLE
    assert on.task(task).incarnation is None
