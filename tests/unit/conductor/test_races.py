"""Races between conductors, on every kind of database, with real threads and real time."""

import concurrent.futures
import contextlib
import functools
import threading
import time

import pytest
import sqlalchemy as sa

from provisioner import exceptions, states
from provisioner.clock import Clock
from provisioner.db import conductors, fences, models, nodes, signals, tasks
from provisioner.steps import Wait
from tests import cluster
from tests.invariants import violations
from tests.unit.conductor.conftest import SPECS

ROUNDS = 8
HOSTS = ("a", "b", "c")


@pytest.fixture
def on(database_url):
    """A cluster of three conductors in real time."""
    made = cluster.Cluster(database_url, Clock())
    for host in HOSTS:
        made.start(host)
    yield made
    made.close()


@pytest.fixture
def at_once():
    """``at_once(*functions)``: their results, all begun at the same moment on threads."""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        def run(*functions):
            barrier = threading.Barrier(len(functions))

            def begin(function):
                barrier.wait(10)
                return function()
            return [future.result(30) for future in [
                pool.submit(begin, function) for function in functions]]
        yield run


def outcome(function, *args):
    """What a function answers, or the error that it raises."""
    try:
        return function(*args)
    except exceptions.ProvisionerError as error:
        return error


def test_a_task_is_taken_by_one(on, script, at_once):
    for number in range(ROUNDS):
        task = on.insert(on.node(), SPECS["repeat"])
        with on.database.reader() as tx:
            (row,) = tasks.due(tx, "nobody", 2.0)
        takes = [functools.partial(each.sweeper._take, row, each.lease.current)
                 for each in on.processes]
        assert sorted(at_once(*takes)) == [False, False, True]
        assert len(script.contexts) == number + 1
        assert on.task(task).state == tasks.SUCCEEDED
    assert violations(on.database) == []


def test_sweeps_at_once_call_each_step_once(on, script, at_once):
    found = [on.insert(on.node(), SPECS["park"], SPECS["repeat"]) for _ in range(ROUNDS)]
    deadline = time.monotonic() + 30
    while any(on.task(task).state not in tasks.ENDED for task in found):
        assert time.monotonic() < deadline
        at_once(*[process.sweep for process in on.processes])
    assert {on.task(task).state for task in found} == {tasks.SUCCEEDED}
    assert len(script.contexts) == 2 * ROUNDS
    assert violations(on.database) == []


def test_one_request_makes_one_task_though_all_accept_it_at_once(on, at_once):
    for _ in range(ROUNDS):
        node = on.node(provision_state=states.AVAILABLE)
        request = on.ask("deploy", node)
        answers = at_once(*[functools.partial(each.acceptor.accept, request)
                            for each in on.processes])
        assert set(answers) == {on.get(node).task}
    with on.database.reader() as tx:
        assert tx.scalar(sa.select(sa.func.count()).select_from(models.tasks)) == ROUNDS


def test_of_two_verbs_at_once_one_is_accepted(on, at_once):
    for _ in range(ROUNDS):
        node = on.node(provision_state=states.AVAILABLE)
        answers = at_once(*[
            functools.partial(outcome, each.acceptor.accept, on.ask(
                verb, node, args={"target": states.POWER_ON}))
            for each, verb in zip(on.processes, ("deploy", "power", "manage"), strict=True)])
        accepted = [answer for answer in answers if isinstance(answer, str)]
        refused = [answer for answer in answers if not isinstance(answer, str)]
        assert all(isinstance(error, exceptions.NodeBusy | exceptions.InvalidState)
                   for error in refused)
        # "manage" has no step: the node may be free again for another verb
        assert 1 <= len(accepted) <= 2
        row = on.get(node)
        with on.database.reader() as tx:
            open_ = tx.all(sa.select(models.tasks.c.uuid).where(
                models.tasks.c.node == node, models.tasks.c.state.not_in(tasks.ENDED)))
        assert [task.uuid for task in open_] == ([row.task] if row.task else [])


def test_a_hardware_call_and_a_verb_exclude_each_other(on, at_once):
    holder = on.processes[0].lease.current.holder

    def call(row):
        with on.processes[0].database.writer() as tx:
            return fences.take_node(tx, row, holder)
    for _ in range(ROUNDS):
        node = on.node(provision_state=states.AVAILABLE)
        row = on.get(node)
        taken, accepted = at_once(
            lambda row=row: outcome(call, row),
            lambda node=node: outcome(on.processes[1].acceptor.accept, on.ask("deploy", node)))
        assert isinstance(taken, fences.Fence) != isinstance(accepted, str)
        assert (on.get(node).reservation == "a") == isinstance(taken, fences.Fence)


def test_a_lease_is_either_renewed_or_declared_dead(on, at_once):
    """Both statements serialize on the row: who was declared dead is not renewed after it."""
    process = on.processes[0]
    for _ in range(ROUNDS):
        mine = process.incarnation()
        with on.database.writer() as tx:
            tx.execute(sa.update(models.conductors).where(
                models.conductors.c.incarnation == mine).values(lease_until=tx.now(0.03)))

        def renew(mine=mine):
            answers = []
            for _ in range(6):
                with on.processes[1].database.writer() as tx:
                    answers.append(conductors.renew(tx, mine, 0.03))
                time.sleep(0.01)
            return answers

        def declare():
            for _ in range(8):
                with on.processes[2].database.writer() as tx:
                    conductors.declare_dead(tx)
                time.sleep(0.01)
        answers, _ = at_once(renew, declare)
        assert answers == sorted(answers, reverse=True), "never renewed after it was refused"
        with on.database.writer() as tx:
            tx.execute(sa.update(models.conductors).where(
                models.conductors.c.incarnation == mine).values(lease_until=tx.now(-1.0)))
            conductors.declare_dead(tx)
            assert not conductors.renew(tx, mine, 12.0)
        process.lease.renew()
        assert process.incarnation() != mine


def test_a_signal_that_races_a_wait_wakes_it(on, script, at_once):
    for _ in range(ROUNDS):
        node = on.node()
        task = on.insert(node, SPECS["repeat"])
        script.clear()
        script.answer = lambda context: Wait("x", until=100.0, poll=50.0, late="late")
        sender, inside = on.processes[2].database, threading.Event()

        def answer(context, inside=inside):
            inside.set()
            return Wait("x", until=100.0, poll=50.0, late="late")

        def send(task=task, inside=inside, sender=sender):
            assert inside.wait(10)
            with sender.writer() as tx:
                return signals.send(tx, task, "poke")
        script.answer = answer
        at_once(on.processes[0].sweep, on.processes[1].sweep, send, on.processes[2].sweep)
        row = on.task(task)
        seen = len(script.contexts[-1].signals)
        # either it was seen by a later call, or the task is up for one
        assert row.state == tasks.RUNNABLE or seen == 1


@pytest.mark.parametrize("kind", ["poke", "abort"])
def test_a_signal_between_the_reads_of_a_start_is_not_lost(on, script, kind):
    """It arrives when the signals were read and the task was not yet locked."""
    if on.database.is_sqlite:
        pytest.skip("SQLite has one writer: nothing comes in between")
    process = on.processes[0]
    task = on.insert(on.node(), SPECS["repeat"])
    script.answer = lambda context: Wait("x", until=100.0, poll=50.0, late="late")
    sent = []

    def interfere(connection, cursor, statement, *rest):
        if "FROM signals" in statement and not sent:
            sent.append(True)
            with on.database.writer() as tx:
                signals.send(tx, task, kind)
    sa.event.listen(process.database.engine, "after_cursor_execute", interfere)
    for other in on.processes[1:]:
        other.lease.stop()
    time.sleep(1.1)  # the view of the membership is looked at anew after a second
    process.sweep()
    assert sent
    assert on.task(task).state == tasks.RUNNABLE


def test_a_record_under_way_is_waited_for_and_then_found(on, at_once):
    """A take from the dead does not overtake their last transaction, which holds the fence."""
    first, second = (process.lease.current.holder for process in on.processes[:2])
    node = on.node()
    task = on.insert(node, SPECS["repeat"])
    row = on.task(task)
    with on.database.writer() as tx:
        fence = fences.take_task(tx, row, on.get(node).epoch, first)
        conductors.bury(tx, first.hostname, 2.0)
    holding, record = threading.Event(), threading.Event()

    def hold():
        with on.processes[0].database.writer() as tx:
            fence.lock(tx)
            holding.set()
            record.wait(0.3)
            nodes.update_engine(tx, node, {"description": "recorded"})

    def take():
        assert holding.wait(10)
        with on.processes[1].database.writer() as tx:
            taken = fences.take_task(tx, row, fence.epoch, second)
            return taken, nodes.get(tx, node).description
    _, (taken, seen) = at_once(hold, take)
    assert taken is not None
    assert seen == "recorded"
    with pytest.raises(exceptions.FenceLost), on.database.writer() as tx:
        fence.lock(tx)


def test_a_machine_is_deployed_on_every_kind_of_database(on):
    """The statements of a whole life, where they mean what they mean."""
    node = on.node()
    with contextlib.ExitStack() as stack:
        for option in ("power_poll", "agent_poll"):
            on.conf.set_override(option, 0.1, "conductor")
            stack.callback(on.conf.clear_override, option, "conductor")
        for verb, state in (("manage", "manageable"), ("inspect", "manageable"),
                            ("provide", "available"), ("deploy", "active"),
                            ("delete", "available")):
            ended(on, on.accept(verb, node))
            assert on.get(node).provision_state == state
    assert violations(on.database) == []


def ended(on, task):
    deadline = time.monotonic() + 30
    while on.task(task).state not in tasks.ENDED:
        assert time.monotonic() < deadline, on.task(task)
        if not sum(process.sweep() for process in on.processes):
            time.sleep(0.02)
    assert on.task(task).state == tasks.SUCCEEDED, on.task(task).error
