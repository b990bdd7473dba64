"""The table of decisions: what a task needs next, from what is recorded."""

import collections

import pytest

from provisioner import steps
from provisioner.db import tasks
from provisioner_conductor.recovery import Call, Finish, Park, decide, stopped_by

Row = collections.namedtuple("Row", "name state epoch attempt")
Signal = collections.namedtuple("Signal", "kind")
MINE, OLD = 7, 6
DONE = Row("test.repeat", steps.DONE, OLD, 1)


def row(word, state, epoch=OLD, attempt=2):
    return Row(f"test.{word}", state, epoch, attempt)


@pytest.mark.parametrize(("word", "state", "epoch", "expected"), [
    ("repeat", steps.PENDING, None, ("call", 3, False, False)),
    ("probe", steps.PENDING, None, ("call", 3, False, False)),
    ("park", steps.PENDING, None, ("call", 3, False, False)),
    # our own start, whose commit was not confirmed: the same call goes on
    ("repeat", steps.STARTED, MINE, ("call", 2, False, False)),
    ("park", steps.STARTED, MINE, ("call", 2, False, False)),
    # somebody else's start: nobody knows how it ended
    ("repeat", steps.STARTED, OLD, ("call", 3, False, False)),
    ("probe", steps.STARTED, OLD, ("call", 3, True, False)),
    ("park", steps.STARTED, OLD, ("park",)),
    # nobody is inside a wait, whoever recorded it
    ("repeat", steps.WAITING, OLD, ("call", 2, False, True)),
    ("probe", steps.WAITING, OLD, ("call", 2, False, True)),
    ("park", steps.WAITING, OLD, ("call", 2, False, True)),
    ("repeat", steps.FAILED, OLD, ("finish", tasks.FAILED)),
    ("repeat", steps.DONE, OLD, ("finish", tasks.SUCCEEDED)),
    ("repeat", steps.SKIPPED, OLD, ("finish", tasks.SUCCEEDED)),
])
def test_what_comes_next(script, word, state, epoch, expected):
    current = row(word, state, epoch)
    assert described(decide(None, [DONE, current], None, MINE), current) == expected


def described(decision, current):
    if isinstance(decision, Call):
        assert decision.step is current
        return "call", decision.attempt, decision.interrupted, decision.again
    if isinstance(decision, Park):
        assert decision.step is current
        return ("park",)
    return "finish", decision.state


@pytest.mark.parametrize(("word", "state", "epoch", "ends"), [
    ("repeat", steps.PENDING, None, True),
    ("repeat", steps.WAITING, OLD, True),
    ("repeat", steps.STARTED, OLD, True),
    ("park", steps.STARTED, OLD, True),
    ("stubborn", steps.PENDING, None, True),
    ("stubborn", steps.WAITING, OLD, True),
    # a machine may be between two states: the step finds out first
    ("stubborn", steps.STARTED, OLD, False),
])
def test_a_stop_ends_the_task_unless_the_interrupted_step_must_go_on(script, word, state, epoch,
                                                                    ends):
    decision = decide(None, [row(word, state, epoch), row("repeat", steps.PENDING)], "abort", MINE)
    assert isinstance(decision, Finish if ends else Call)
    assert not ends or decision.state == tasks.CANCELLED


def test_a_stop_that_comes_after_the_last_step_changes_nothing():
    assert decide(None, [DONE], "cancel", MINE) == Finish(tasks.SUCCEEDED)


def test_a_failure_outlives_a_stop():
    assert decide(None, [row("repeat", steps.FAILED)], "abort", MINE) == Finish(tasks.FAILED)


@pytest.mark.parametrize(("kinds", "expected"), [
    ("", None), ("inventory", None), ("inventory abort", "abort"), ("cancel abort", "cancel"),
    ("cancel reopened", None), ("cancel reopened abort", "abort"), ("reopened", None)])
def test_a_stop_counts_until_a_person_reopens_the_task(kinds, expected):
    assert stopped_by([Signal(kind) for kind in kinds.split()]) == expected
