"""Writing down what a step did: started before, outcome after. All under the fence's lock."""

import datetime
import threading

import sqlalchemy as sa

from provisioner import exceptions, states, steps
from provisioner.db import nodes, tasks
from provisioner.db.fences import Fence
from provisioner.db.session import Transaction
from provisioner_conductor import ending, recovery
from provisioner_conductor.context import Context
from provisioner_conductor.journal import fire, note

#: never set: waiting on it is a pause
NEVER = threading.Event()
#: seconds beyond a step's own limit before a sweep gives it up
RUN_SLACK = 10.0
#: seconds by which a wait is lengthened at least, when nobody could poll it in time
OUTAGE_GRACE = 30.0
#: longest pause between two attempts
LONGEST_BACKOFF = 30.0


def start(tx: Transaction, fence: Fence, task: sa.Row, node: sa.Row | None,
          call: recovery.Call) -> bool:
    """Record that a step's function is about to be called.

    :returns: whether the node's provision state has resumed from a wait by it
    """
    step, definition = call.step, steps.get(call.step.name)
    steps.check_transition(step.state, steps.STARTED)
    values = {"state": steps.STARTED, "attempt": call.attempt, "epoch": fence.epoch,
              "polls": step.polls + 1}
    if step.started_at is None:
        values["started_at"] = tx.now()
    tasks.update_step(tx, task.uuid, step.position, **values)
    begun = {} if task.started_at else {"started_at": tx.now()}
    if fence.node:
        begun["epoch"] = fence.epoch
    tasks.update(tx, task.uuid, state=tasks.RUNNING, incarnation=fence.holder.incarnation,
                 run_until=tx.now(definition.run_limit + RUN_SLACK), **begun)
    if not call.again:
        how = " again, its end was not recorded" if step.state == steps.STARTED else ""
        note(tx, fence, "step.started", f"Step {step.name} started{how}",
             severity="info" if not how else "warning",
             data={"step": step.name, "position": step.position, "attempt": call.attempt,
                   "resumed": bool(how)})
    resumes = node is not None and states.can(node.provision_state, "resume")
    if resumes:
        fire(tx, node, "resume")
    return resumes


def outcome(tx: Transaction, fence: Fence, context: Context, result: steps.Outcome) -> None:
    """Record how a call ended."""
    if result.node:
        nodes.update_engine(tx, fence.node, result.node)
    if result.write is not None:
        result.write(tx)
    if isinstance(result, steps.Wait):
        result = _late(context, result)
    if isinstance(result, steps.Failed) and result.retryable and (
            context.step.attempt < min(steps.get(context.step.name).attempts,
                                       context.conf.step_attempts)):
        _try_again(tx, fence, context, result)
    elif isinstance(result, steps.Done):
        _done(tx, fence, context, result)
    elif isinstance(result, steps.Wait):
        _wait(tx, fence, context, result)
    elif isinstance(result, steps.Parked):
        ending.park(tx, fence, context.task, context.step, result.why)
    else:
        _failed(tx, fence, context, result)


def _done(tx: Transaction, fence: Fence, context: Context, result: steps.Done) -> None:
    step = context.step
    tasks.update_step(tx, context.task.uuid, step.position, state=steps.DONE,
                      result=result.result, finished_at=tx.now(), error=None)
    tasks.update(tx, context.task.uuid, wait_for=None, wait_late=None, deadline=None,
                 run_until=None)
    tasks.insert_steps(tx, context.task.uuid, result.expand, step.position + 1, spacing=1)
    note(tx, fence, "step.done", f"Step {step.name} done",
         data={"step": step.name, "position": step.position})
    if step.event is not None:
        fire(tx, nodes.by_uuid(tx, fence.node), step.event)


def _late(context: Context, wait: steps.Wait) -> steps.Wait | steps.Failed:
    """A wait past its deadline has failed, once a healthy owner has asked in vain."""
    step = context.step
    if step.deadline is None or context.now <= step.deadline:
        return wait
    due = context.task.due_at
    if due is not None and (context.now - due).total_seconds() > OUTAGE_GRACE:
        return wait  # nobody polled in time: that was our outage, not the machine's
    error = exceptions.HardwareTimeout(
        wait.late, node=context.task.node, step=step.name,
        waited=round(context.waited(), 1)).as_dict()
    return steps.Failed(error, result=wait.result)


def _wait(tx: Transaction, fence: Fence, context: Context, wait: steps.Wait) -> None:
    step = context.step
    deadline = step.deadline
    if deadline is None or context.now > deadline:
        # The first wait of this step, or an outage has eaten the time that it had.
        deadline = tx.read_now() + datetime.timedelta(seconds=wait.until)
    first = context.task.wait_for != wait.what or step.deadline is None
    tasks.update_step(tx, context.task.uuid, step.position, state=steps.WAITING,
                      result=wait.result if wait.result is not None else step.result,
                      deadline=deadline, error=None)
    _give_back(tx, fence, context, tasks.Waiting(
        context.wake, wait.poll, wait.what, wait.late, deadline, wait.settle))
    if fence.node is not None and wait.what == "agent":
        node = nodes.by_uuid(tx, fence.node)
        if states.can(node.provision_state, "wait"):
            fire(tx, node, "wait")
    if first:
        note(tx, fence, "step.waiting", f"Step {step.name} waits for {wait.what}",
             data={"step": step.name, "for": wait.what, "until": str(deadline)})


def _try_again(tx: Transaction, fence: Fence, context: Context, failed: steps.Failed) -> None:
    step = context.step
    pause = min(LONGEST_BACKOFF, 2.0 ** (step.attempt - 1))
    tasks.update_step(tx, context.task.uuid, step.position, state=steps.WAITING,
                      attempt=step.attempt + 1, error=failed.error)
    _give_back(tx, fence, context, tasks.Waiting(
        context.wake, pause, "retry", failed.error["message"], step.deadline))
    note(tx, fence, "step.retry", f"Step {step.name} is tried again in {pause:.0f} s: "
         f"{failed.error['message']}", severity="warning",
         data={"step": step.name, "attempt": step.attempt, "error": failed.error})


def _give_back(tx: Transaction, fence: Fence, context: Context, waiting: tasks.Waiting) -> None:
    tasks.wait(tx, context.task.uuid, waiting)
    fence.release(tx)


def bug(tx: Transaction, fence: Fence, task: sa.Row, step_rows: list,
        error: exceptions.ProvisionerError) -> None:
    """Record that the step in hand has failed for a reason nobody foresaw."""
    current = next((row for row in step_rows
                    if row.state not in (steps.DONE, steps.SKIPPED)), step_rows[-1])
    _fail(tx, fence, task, current, error.as_dict())


def _failed(tx: Transaction, fence: Fence, context: Context, failed: steps.Failed) -> None:
    if failed.result is not None:
        tasks.update_step(tx, context.task.uuid, context.step.position, result=failed.result)
    _fail(tx, fence, context.task, context.step, failed.error)


def _fail(tx: Transaction, fence: Fence, task: sa.Row, step: sa.Row, error: dict) -> None:
    tasks.update_step(tx, task.uuid, step.position, state=steps.FAILED, finished_at=tx.now(),
                      error=error)
    tasks.update(tx, task.uuid, error={**error, "step": step.name})
    note(tx, fence, "step.failed", f"Step {step.name} failed: {error['message']}",
         severity="error", data={"step": step.name, "error": error})
