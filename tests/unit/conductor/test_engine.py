"""The engine's loop: what is recorded when, and what survives."""

import contextlib

import pytest
from oslo_db import exception as db_exception

from provisioner import exceptions, states
from provisioner.db import events, fences, nodes, signals, tasks
from provisioner.steps import Done, Failed, StepSpec, Wait
from tests.invariants import violations
from tests.unit.conductor.conftest import SPECS

LATE = "It is late."


def wait(until=100.0, poll=10.0, what="power", **more):
    return Wait(what, until=until, poll=poll, late=LATE, **more)


def kinds(on, task):
    with on.database.reader() as tx:
        return [row.kind for row in events.find(tx, events.EventFilter(task=task))]


def signal(on, task, kind="poke"):
    with on.database.writer() as tx:
        return signals.send(tx, task, kind)


# --- one call -----------------------------------------------------------------------------------


def test_a_step_is_recorded_before_it_is_called_and_done_after(on, script):
    node = on.node()
    task = on.insert(node, SPECS["park"], SPECS["repeat"])
    seen = []

    def answer(context):
        row = on.steps(task)[len(seen)]
        seen.append((row.state, row.attempt, on.get(node).reservation))
        return Done({"number": len(seen)})
    script.answer = answer
    assert on.run(task).state == tasks.SUCCEEDED
    assert seen == [("started", 1, "a"), ("started", 1, "a")]
    assert [row.result for row in on.steps(task)] == [{"number": 1}, {"number": 2}]
    assert violations(on.database) == []


def test_expanded_steps_come_before_those_that_follow(on, script):
    names = iter([("test.repeat", "test.probe"), (), (), ()])
    script.answer = lambda context: Done(expand=tuple(map(StepSpec, next(names))))
    task = on.insert(on.node(), SPECS["stubborn"], SPECS["park"])
    on.run(task)
    assert [context.step.name for context in script.contexts] == [
        "test.stubborn", "test.repeat", "test.probe", "test.park"]


def test_what_an_outcome_writes_is_written_with_it_or_not_at_all(on, script):
    node = on.node()
    task = on.insert(node, SPECS["repeat"])

    seen = []

    def write(tx):
        seen.append((on.get(node).description, on.get(node).resource_class))
        nodes.update_engine(tx, node, {"description": "written"})
        if len(seen) == 1:
            raise db_exception.DBConnectionError("the database has gone in the middle")
    script.answer = lambda context: Done(node={"resource_class": "x"}, write=write)
    on.processes[0].sweep()
    assert seen == [(None, None), (None, None)]
    assert (on.get(node).description, on.get(node).resource_class) == ("written", "x")
    assert (on.task(task).state, len(script.contexts)) == (tasks.SUCCEEDED, 1)


# --- waits and signals --------------------------------------------------------------------------


def test_a_wait_holds_neither_thread_nor_node(on, script):
    node = on.node()
    task = on.insert(node, SPECS["repeat"])
    script.answer = lambda context: wait()
    on.processes[0].sweep()
    row = on.get(node)
    assert on.task(task).state == tasks.WAITING
    assert (row.task, row.reservation, row.incarnation) == (task, None, None)
    assert on.processes[0].workers.inside(task) is None


def test_a_wait_is_polled_when_due_and_not_before(on, script):
    task = on.insert(on.node(), SPECS["repeat"])
    script.answer = lambda context: wait(poll=10.0)
    on.processes[0].sweep()
    on.pass_time(9.9)
    on.processes[0].sweep()
    assert len(script.contexts) == 1
    on.pass_time(0.2)
    on.processes[0].sweep()
    assert len(script.contexts) == 2
    assert on.steps(task)[0].attempt == 1


def test_a_signal_wakes_a_waiting_task_at_once(on, script):
    task = on.insert(on.node(), SPECS["repeat"])
    script.answer = lambda context: wait() if not context.signals else Done()
    on.processes[0].sweep()
    signal(on, task)
    on.processes[0].sweep()
    assert on.task(task).state == tasks.SUCCEEDED


def test_a_signal_that_comes_while_the_step_runs_is_not_lost(on, script):
    """The counter has moved when the wait is recorded: the task stays runnable."""
    task = on.insert(on.node(), SPECS["repeat"])

    def answer(context):
        if not context.signals:
            signal(on, task)
            return wait(poll=5000.0)
        return Done()
    script.answer = answer
    on.processes[0].sweep()
    assert on.task(task).state == tasks.RUNNABLE
    on.processes[0].sweep()
    assert on.task(task).state == tasks.SUCCEEDED


def test_an_ended_task_takes_no_signal(on, script):
    task = on.insert(on.node(), SPECS["repeat"])
    on.run(task)
    assert signal(on, task) is False


def test_a_wait_past_its_deadline_fails_and_says_what_was_awaited(on, script):
    node = on.node()
    task = on.insert(node, SPECS["repeat"])
    script.answer = lambda context: wait(until=60.0)
    start = on.clock.seconds
    row = on.run(task)
    assert 60.0 < on.clock.seconds - start < 75.0
    assert (row.state, row.error["code"], row.error["message"], row.error["step"]) == (
        tasks.FAILED, "HardwareTimeout", LATE, "test.repeat")
    assert on.get(node).last_error == LATE
    assert violations(on.database) == []


def test_a_wait_that_ends_at_its_last_poll_is_not_late(on, script):
    task = on.insert(on.node(), SPECS["repeat"])
    started = on.clock.seconds
    script.answer = lambda context: wait(until=60.0) if (
        on.clock.seconds - started <= 60.0) else Done()
    assert on.run(task).state == tasks.SUCCEEDED
    assert on.clock.seconds - started > 60.0


def test_after_an_outage_nothing_fails_for_having_waited(on, script):
    """Nobody could poll for an hour: the machine gets its time again, once somebody can."""
    task = on.insert(on.node(), SPECS["repeat"])
    script.answer = lambda context: wait(until=60.0)
    on.processes[0].sweep()
    on.pass_time(3600.0)
    on.processes[0].sweep()
    assert on.task(task).state == tasks.WAITING
    on.pass_time(30.0)
    on.processes[0].sweep()
    assert on.task(task).state == tasks.WAITING
    script.answer = lambda context: Done()
    assert on.run(task).state == tasks.SUCCEEDED


def test_only_a_wait_for_the_agent_moves_the_provision_state(on, script):
    node = on.node(provision_state=states.DEPLOYING, target_provision_state=states.ACTIVE)
    whom = iter(["power", "agent", "power"])
    seen = []

    def answer(context):
        seen.append(on.get(node).provision_state)
        what = next(whom, None)
        return wait(what=what, poll=1.0) if what else Done()
    script.answer = answer
    task = on.insert(node, SPECS["repeat"], action="deploy")
    states_ = []
    for _ in range(3):
        on.processes[0].sweep()
        states_.append(on.get(node).provision_state)
        on.pass_time(1.1)
    assert states_ == [states.DEPLOYING, states.DEPLOY_WAIT, states.DEPLOYING]
    on.run(task)
    assert set(seen) == {states.DEPLOYING}


# --- interruption -------------------------------------------------------------------------------


def interrupted(on, script, word):
    """A task whose step was started by a process that has died inside it."""
    node = on.node(provision_state=states.CLEANING, target_provision_state=states.AVAILABLE)
    task = on.insert(node, SPECS[word], SPECS["repeat"], action="provide")
    on.die_at = len(on.points) + 5  # take and start are committed; the outcome is not
    on.processes[0].sweep()
    assert [context.step.name for context in script.contexts] == [f"test.{word}"]
    assert on.steps(task)[0].state == "started"
    on.start("b")
    on.pass_time(16.0)
    return node, task


@pytest.mark.parametrize(("word", "asked"), [("repeat", False), ("probe", True)])
def test_an_interrupted_step_is_called_again_as_it_declares(on, script, word, asked):
    _, task = interrupted(on, script, word)
    assert on.run(task).state == tasks.SUCCEEDED
    second = script.contexts[1]
    assert (second.step.name, second.attempt, second.interrupted) == (f"test.{word}", 2, asked)


def test_a_step_that_may_not_be_repeated_is_parked(on, script):
    node, task = interrupted(on, script, "park")
    row = on.run(task)
    assert len(script.contexts) == 1
    assert (row.state, row.error["code"], row.error["step"]) == (
        tasks.PARKED, "Parked", "test.park")
    found = on.get(node)
    assert (found.provision_state, found.fault, found.maintenance) == (
        states.CLEAN_FAILED, "clean failure", True)
    assert (found.task, found.reservation, found.incarnation) == (None, None, None)
    assert found.last_error == row.error["message"]
    assert violations(on.database) == []


@pytest.mark.parametrize(("verb", "ends", "calls"), [
    ("resume", tasks.SUCCEEDED, ["test.park", "test.park", "test.repeat"]),
    ("skip", tasks.SUCCEEDED, ["test.park", "test.repeat"]),
    ("fail", tasks.FAILED, ["test.park"])])
def test_a_person_says_how_a_parked_task_goes_on(on, script, verb, ends, calls):
    node, task = interrupted(on, script, "park")
    on.run(task)
    on.accept(verb, args={"task": task, "reason": "looked at it"}, user="ann")
    row = on.run(task)
    assert row.state == ends
    assert [context.step.name for context in script.contexts] == calls
    found = on.get(node)
    assert found.task is None
    if ends == tasks.SUCCEEDED:
        assert (found.provision_state, found.target_provision_state, found.maintenance) == (
            states.AVAILABLE, None, False)
    else:
        assert (row.error["code"], row.error["step"]) == ("Parked", "test.park")
        assert found.provision_state == states.CLEAN_FAILED
        assert found.last_error == row.error["message"]
    with on.database.reader() as tx:
        told = [event for event in events.find(tx, events.EventFilter(task=task))
                if event.kind == f"task.{verb}"]
    assert [(event.user, event.data["reason"]) for event in told] == [("ann", "looked at it")]
    assert violations(on.database) == []


# --- losing the fence ---------------------------------------------------------------------------


def test_who_has_lost_the_fence_records_nothing(on, script):
    node = on.node()
    task = on.insert(node, SPECS["repeat"])

    def answer(context):
        with on.database.writer() as tx:
            fences.revoke(tx, context.fence)
        return Done(node={"description": "stale"})
    script.answer = answer
    on.processes[0].sweep()
    assert on.get(node).description is None
    assert on.steps(task)[0].state == "started"
    assert on.processes[0].workers.free() == 100


def test_an_earlier_epoch_of_the_same_process_records_nothing(on, script):
    """Taken anew by its own process, for having overrun: the older worker is a stranger."""
    node = on.node()
    task = on.insert(node, SPECS["repeat"])

    def answer(context):
        with on.database.writer() as tx:
            assert fences.take_task(tx, context.task, context.fence.epoch, context.fence.holder)
        return Done(node={"description": "stale"})
    script.answer = answer
    on.processes[0].sweep()
    assert on.get(node).description is None
    assert on.steps(task)[0].state == "started"


def test_a_step_that_writes_at_once_is_fenced_too(on, script):
    node = on.node()
    task = on.insert(node, SPECS["repeat"])

    def answer(context):
        with on.database.writer() as tx:
            fences.revoke(tx, context.fence)
        return context.fenced(lambda tx: nodes.update_engine(tx, node, {"description": "stale"}))
    script.answer = answer
    on.processes[0].sweep()
    assert on.get(node).description is None
    assert on.task(task).state == tasks.RUNNING


def test_no_step_is_called_past_the_lease(on, script):
    task = on.insert(on.node(), SPECS["repeat"], SPECS["park"])

    def answer(context):
        on.clock.seconds += 11.0
        return Done()
    script.answer = answer
    on.processes[0].sweep()
    assert [context.step.name for context in script.contexts] == ["test.repeat"]
    on.pass_time(16.0)
    script.answer = lambda context: Done()
    assert on.run(task).state == tasks.PARKED, "nobody knows that the second was never called"


# --- records of unknown outcome -----------------------------------------------------------------


class Flaky:
    """Loses the answer of the n-th write that an engine makes, before or after its commit."""

    def __init__(self, process, number, after):
        self.number, self.after = number, after
        self._write = process.database.write
        process.database.write = self

    def __call__(self, function):
        self.number -= 1
        if self.number != 0:
            return self._write(function)
        if self.after:
            self._write(function)
        else:
            with contextlib.suppress(_RolledBackError):
                self._write(lambda tx: self._fail(function(tx)))
        raise db_exception.DBConnectionError("the answer was lost")

    def _fail(self, answer):
        raise _RolledBackError


class _RolledBackError(Exception):
    """So that a transaction is undone after its last statement."""


@pytest.mark.parametrize("after", [False, True], ids=["rolled back", "committed"])
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_record_of_unknown_outcome_is_found_to_be_there_or_not(on, script, number, after):
    """Neither is a step called twice nor an outcome written twice, wherever the answer is lost."""
    node = on.node()
    task = on.insert(node, SPECS["park"], SPECS["park"], SPECS["park"])
    script.answer = lambda context: Done(write=lambda tx: nodes.update_engine(
        tx, node, {"power_failures": nodes.nodes.c.power_failures + 1}))
    Flaky(on.processes[0], number, after)
    on.processes[0].sweep()
    assert on.task(task).state == tasks.SUCCEEDED
    assert len(script.contexts) == 3
    assert on.get(node).power_failures == 3
    done = [kind for kind in kinds(on, task) if kind == "step.done"]
    assert len(done) == 3
    assert violations(on.database) == []


@pytest.mark.parametrize("after", [False, True], ids=["rolled back", "committed"])
def test_a_wait_of_unknown_outcome(on, script, after):
    task = on.insert(on.node(), SPECS["park"])
    script.answer = lambda context: wait(result={"n": 1})
    Flaky(on.processes[0], 2, after)
    on.processes[0].sweep()
    assert (on.task(task).state, len(script.contexts)) == (tasks.WAITING, 1)
    assert on.steps(task)[0].result == {"n": 1}


def test_a_database_that_rolls_a_record_back_itself_gets_it_again(on, script):
    node = on.node()
    task = on.insert(node, SPECS["park"])
    lost = []

    def write(tx):
        nodes.update_engine(tx, node, {"power_failures": 5})
        if not lost:
            lost.append(True)
            raise db_exception.DBDeadlock("chosen as the victim")
    script.answer = lambda context: Done(write=write)
    on.processes[0].sweep()
    assert (on.task(task).state, len(script.contexts)) == (tasks.SUCCEEDED, 1)
    assert on.get(node).power_failures == 5


def test_recording_is_tried_until_the_lease_ends(on, script):
    task = on.insert(on.node(), SPECS["repeat"])
    process = on.processes[0]
    write = process.database.write

    def broken(function):
        raise db_exception.DBConnectionError("gone")

    def answer(context):
        process.database.write = broken
        return Done()
    script.answer = answer
    started = on.clock.seconds
    process.sweep()
    assert 9.0 <= on.clock.seconds - started <= 11.0
    process.database.write = write
    script.answer = lambda context: Done()
    on.pass_time(16.0)
    assert on.run(task).state == tasks.SUCCEEDED
    assert violations(on.database) == []


# --- failures -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("error", "again"), [
    (exceptions.Unreachable("x"), True), (exceptions.HardwareTimeout("x"), True),
    (exceptions.RequestRefused("x"), True), (exceptions.LoginRefused("x"), False),
    (exceptions.Unsupported("x"), False), (exceptions.InvalidSetting("x"), False)])
def test_errors_are_passing_by_cause(on, script, error, again):
    task = on.insert(on.node(), SPECS["repeat"])

    def answer(context):
        raise error
    script.answer = answer
    on.processes[0].sweep()
    assert on.task(task).state == (tasks.WAITING if again else tasks.FAILED)


def test_attempts_are_spaced_and_end(on, script):
    task = on.insert(on.node(), SPECS["repeat"])
    moments = []

    def answer(context):
        moments.append(on.clock.seconds)
        return Failed(exceptions.Unreachable("No answer.").as_dict(), retryable=True)
    script.answer = answer
    assert on.run(task).state == tasks.FAILED
    pauses = [round(later - earlier) for earlier, later in zip(moments, moments[1:], strict=False)]
    assert pauses == [1, 2, 4, 8, 16, 30, 30]


def test_a_bug_in_a_step_ends_the_task_and_leaves_nothing_locked(on, script):
    node = on.node()
    task = on.insert(node, SPECS["repeat"])

    def answer(context):
        raise ZeroDivisionError("a bug")
    script.answer = answer
    on.processes[0].sweep()
    row, found = on.task(task), on.get(node)
    assert (row.state, row.error["code"], row.error["step"]) == (
        tasks.FAILED, "InternalError", "test.repeat")
    assert "ZeroDivisionError" in row.error["message"]
    assert (found.task, found.reservation, found.incarnation) == (None, None, None)
    assert on.processes[0].workers.free() == 100
    assert violations(on.database) == []


def test_a_bug_before_the_step_is_called_says_so_too(on, script):
    node = on.node()
    task = on.insert(node, SPECS["repeat"])
    with on.database.writer() as tx:
        nodes.update_engine(tx, node, {"driver_info": {"password": {"$sealed": "not sealed"}}})
    on.processes[0].sweep()
    row = on.task(task)
    assert (row.state, row.error["code"], row.error["step"]) == (
        tasks.FAILED, "InternalError", "test.repeat")
    assert on.get(node).task is None
    assert script.contexts == []


def test_what_the_database_refuses_to_record_is_no_outage(on, script):
    """It would be recorded in vain for ever, at each sweep anew."""
    on.node("taken")
    node = on.node("mine")
    task = on.insert(node, SPECS["repeat"])
    script.answer = lambda context: Done(node={"name": "taken"})
    on.processes[0].sweep()
    row = on.task(task)
    assert (row.state, row.error["code"]) == (tasks.FAILED, "InternalError")
    assert len(script.contexts) == 1
    assert on.get(node).task is None


def test_what_the_database_refuses_to_a_step_is_tried_again_and_ends(on, script):
    on.node("taken")
    node = on.node("mine")
    task = on.insert(node, SPECS["repeat"])
    script.answer = lambda context: context.fenced(
        lambda tx: nodes.update_engine(tx, node, {"name": "taken"}))
    row = on.run(task)
    assert (row.state, row.error["code"], row.error["step"]) == (
        tasks.FAILED, "InternalError", "test.repeat")
    assert len(script.contexts) == 8
