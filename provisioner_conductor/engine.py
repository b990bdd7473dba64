"""The one loop: record, call, record.

``Engine.run`` carries a task from where it stands to its next wait or its end. Starting and
resuming are the same: each round is one transaction that locks the fence, records the outcome of
the call before, decides what is next and records its start; then the step's function is called
outside of any transaction. The engine names no flow.
"""

import dataclasses

import sqlalchemy as sa
from oslo_db import exception as db_exception
from oslo_log import log

from provisioner import exceptions, steps
from provisioner.db import agents, nodes, ports, signals, tasks
from provisioner.db.fences import Fence
from provisioner.db.session import OUTAGE, Transaction
from provisioner_conductor import ending, recording, recovery
from provisioner_conductor.channel import Guard
from provisioner_conductor.context import Context, Services

LOG = log.getLogger(__name__)

#: seconds between two tries to record while the database does not answer
RECORD_RETRY = 0.5
#: the database has understood and will not: no outage, though it may be a race that passes
REFUSED = (db_exception.DBConstraintError, db_exception.DBDataError,
           db_exception.DBDuplicateEntry, db_exception.DBReferenceError)
#: tries to record what the database refuses
REFUSED_TRIES = 3


@dataclasses.dataclass
class Run:
    """One worker inside one task.

    :ivar version: of the task's row after our last record; tells whether a commit of unknown
        outcome has happened
    :ivar due: seconds until the task is due again, if it has ended in a wait that nobody woke
    """

    fence: Fence
    guard: Guard
    version: int | None = None
    due: float | None = None


@dataclasses.dataclass(frozen=True)
class Given:
    """What was read on the way to a call, and need not be read again."""

    node: sa.Row | None
    signals: list
    wake: int
    call: recovery.Call


def require(tx: Transaction, uuid: str) -> sa.Row:
    """The task's row. :raises FenceLost: if it is gone"""
    task = tasks.get(tx, uuid)
    if task is None:
        raise exceptions.FenceLost(f"Task {uuid} is gone.", task=uuid)
    return task


class Engine:
    """Runs tasks. Safe for use by several threads, each inside another task."""

    def __init__(self, services: Services):
        self._services = services

    def run(self, run: Run) -> None:
        """From where the task stands to its next wait, or its end.

        :raises FenceLost: if another owner has taken it; nothing was recorded
        :raises LeaseLost: if this incarnation is over; the task is taken up elsewhere
        """
        context, outcome = self._record(run, None, None), None
        while context is not None:
            outcome = self._call(run, context)
            context = self._record(run, context, outcome)

    def _call(self, run: Run, context: Context) -> steps.Outcome:
        """Call the step's function; an error that was raised is an outcome too."""
        definition = steps.get(context.step.name)
        try:
            run.guard.check()
            return definition.function(context)
        except (exceptions.FenceLost, exceptions.LeaseLost):
            raise
        except exceptions.ProvisionerError as error:
            passing = isinstance(error, exceptions.HardwareError) and not isinstance(
                error, exceptions.LoginRefused | exceptions.Unsupported)
            return steps.Failed(error.as_dict(), retryable=passing)
        except REFUSED as error:
            LOG.exception("Task %s: refused by the database", run.fence.task)
            return steps.Failed(exceptions.ProvisionerError(
                f"The database refused what step {context.step.name} wrote: "
                f"{type(error).__name__}.", remedy="The conductor's log has the whole story.",
                node=context.task.node).as_dict(), retryable=True)

    def _record(self, run: Run, context: Context | None,
                outcome: steps.Outcome | None) -> Context | None:
        """Record, until the database says it has; the next call, or None."""
        refused = 0
        while True:
            try:
                following, run.version = self._services.database.write(
                    lambda tx: self._round(tx, run, context, outcome))
                return following
            except OUTAGE as error:
                refused += isinstance(error, REFUSED)
                if refused == REFUSED_TRIES:
                    raise
                # Whether it happened is found out by the task's version, not by trying blindly.
                LOG.warning("Task %s: record not confirmed: %s", run.fence.task, error)
                run.guard.check()
                self._services.clock.wait(recording.NEVER, RECORD_RETRY)

    def record_bug(self, run: Run, error: Exception) -> None:
        """End the task of a step whose function raised what nobody expected.

        :raises FenceLost:
        """
        def body(tx: Transaction) -> None:
            run.fence.lock(tx)
            task = require(tx, run.fence.task)
            if task.state in tasks.ENDED:
                return
            failure = exceptions.ProvisionerError(
                f"Internal error: {type(error).__name__}: {error}",
                remedy="This is a bug; the conductor's log has the whole story.")
            recording.bug(tx, run.fence, task, tasks.steps_of(tx, task.uuid), failure)
            ending.finish(tx, run.fence, tasks.get(tx, task.uuid),
                          recovery.Finish(tasks.FAILED))
        self._services.database.write(body)

    def _round(self, tx: Transaction, run: Run, context: Context | None,
               outcome: steps.Outcome | None) -> tuple[Context | None, int]:
        """One record: the next call, or None, and the task's version as it now is.

        ``run.version`` is left alone: until the commit is known it says what was there before.
        """
        run.fence.lock(tx)
        uuid = run.fence.task
        if context is not None and tasks.version_of(tx, uuid) == run.version:
            recording.outcome(tx, run.fence, context, outcome)
        task, following = require(tx, uuid), None
        if task.state not in tasks.ENDED and not self._has_waited(task, context):
            following = self._next(tx, run, task)
        if task.state == tasks.WAITING and isinstance(outcome, steps.Wait):
            run.due = outcome.poll
        return following, tasks.version_of(tx, uuid)

    @staticmethod
    def _has_waited(task: sa.Row, context: Context | None) -> bool:
        """Whether the call just recorded ended in a wait, so that this worker is through."""
        return context is not None and task.state in (tasks.WAITING, tasks.RUNNABLE)

    def _next(self, tx: Transaction, run: Run, task: sa.Row) -> Context | None:
        """Record what is next: a start, or the end of the task."""
        sent = signals.of(tx, task.uuid)
        decision = recovery.decide(task, tasks.steps_of(tx, task.uuid),
                                   recovery.stopped_by(sent), run.fence.epoch)
        if isinstance(decision, recovery.Call):
            node = nodes.by_uuid(tx, task.node) if task.node else None
            resumed = recording.start(tx, run.fence, task, node, decision)
            return self._context(tx, run, Given(
                nodes.by_uuid(tx, task.node) if resumed else node, sent, task.wake,
                decision))
        if isinstance(decision, recovery.Park):
            ending.park(tx, run.fence, task, decision.step)
        else:
            ending.finish(tx, run.fence, task, decision)
        return None

    def _context(self, tx: Transaction, run: Run, given: "Given") -> Context:
        """What the step whose start was just recorded gets to see."""
        node, own, agent, machine = given.node, [], None, None
        if node is not None:
            own, agent = ports.of_node(tx, node.uuid), agents.get(tx, node.uuid)
            machine = self._services.hardware.machine(node, own, agent, run.guard)
        rows = tasks.steps_of(tx, run.fence.task)
        step = next(row for row in rows if row.position == given.call.step.position)
        return Context(
            services=self._services, fence=run.fence, task=require(tx, run.fence.task),
            step=step, steps=rows, node=node, ports=own, machine=machine, agent=agent,
            signals=given.signals, wake=given.wake, now=tx.read_now(), attempt=given.call.attempt,
            interrupted=given.call.interrupted)
