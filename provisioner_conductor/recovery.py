"""What a task needs next. Pure: rows in, a decision out; start and resume are the same question.

Nothing here knows a flow. A step found *started* under an older epoch was interrupted: its
declaration says whether it is repeated, asked about, or left to a person.
"""

import dataclasses
from collections.abc import Sequence

import sqlalchemy as sa

from provisioner import steps
from provisioner.db import tasks

#: signals that end a task
STOP = frozenset({"cancel", "abort"})
#: signal of a person who has an ended task go on: what was asked before it no longer counts
REOPENED = "reopened"


@dataclasses.dataclass(frozen=True)
class Call:
    """Call the step's function.

    :ivar attempt: 1 for the first
    :ivar interrupted: it was started before and nobody knows how that ended
    :ivar again: the same attempt goes on: a wait is polled
    """

    step: sa.Row
    attempt: int
    interrupted: bool = False
    again: bool = False


@dataclasses.dataclass(frozen=True)
class Finish:
    """The task is over: ``state`` is one of the ended states."""

    state: str
    reason: str = ""


@dataclasses.dataclass(frozen=True)
class Park:
    """The step may not be called again without a person's word."""

    step: sa.Row


Decision = Call | Finish | Park


def stopped_by(found: Sequence[sa.Row]) -> str | None:
    """The kind of the signal that asks the task to stop, if one does.

    :param found: signals of the task, oldest first
    """
    stopped = None
    for signal in found:
        if signal.kind == REOPENED:
            stopped = None
        elif signal.kind in STOP and stopped is None:
            stopped = signal.kind
    return stopped


def decide(task: sa.Row, step_rows: Sequence[sa.Row], stopped: str | None,
           epoch: int) -> Decision:
    """What to do next.

    :param stopped: kind of the signal that asked to stop, if any
    :param epoch: of the fence in hand; a step started under it is our own
    """
    current = next((row for row in step_rows
                    if row.state not in (steps.DONE, steps.SKIPPED)), None)
    if current is None:
        return Finish(tasks.SUCCEEDED)
    if current.state == steps.FAILED:
        return Finish(tasks.FAILED)
    definition = steps.get(current.name)
    interrupted = current.state == steps.STARTED and current.epoch != epoch
    if stopped and not (interrupted and not definition.abortable):
        return Finish(tasks.CANCELLED, stopped)
    if current.state == steps.STARTED and not interrupted:
        return Call(current, current.attempt)
    if current.state == steps.WAITING:
        return Call(current, current.attempt, again=True)
    if interrupted and definition.on_interrupt == steps.PARK:
        return Park(current)
    return Call(current, current.attempt + 1,
                interrupted=interrupted and definition.on_interrupt == steps.PROBE)
