"""How a task ends: its state, its node, its parent, in one transaction under the fence."""

import sqlalchemy as sa

from provisioner import states, steps
from provisioner.db import nodes, signals, tasks
from provisioner.db.fences import Fence
from provisioner.db.session import Transaction
from provisioner_conductor import flows
from provisioner_conductor.journal import fire, note
from provisioner_conductor.recovery import Finish

#: what clients are told when a person or a conductor asked a task to stop
ABORTED = "The operation was aborted by request."


def finish(tx: Transaction, fence: Fence, task: sa.Row, decision: Finish) -> None:
    """End a task as ``decision`` says."""
    if task.node is not None:
        _end_node(tx, fence, task, decision.state)
    elif decision.state == tasks.CANCELLED:
        for child in tasks.children(tx, task.uuid):
            signals.send(tx, child.uuid, "cancel")
    values = {"state": decision.state}
    if decision.state == tasks.CANCELLED:
        values["error"] = {"code": "Cancelled", "message": ABORTED, "remedy": "", "where": {}}
    _close(tx, fence, task, values)
    severity = "info" if decision.state == tasks.SUCCEEDED else "error"
    note(tx, fence, f"task.{decision.state}", f"Task {task.action} {decision.state}",
         severity=severity, data={"action": task.action})


def park(tx: Transaction, fence: Fence, task: sa.Row, step: sa.Row,
         why: str | None = None) -> None:
    """End the attempt: only a person may say how this step goes on."""
    error = {"code": "Parked", "step": step.name,
             "message": why or f"Step {step.name} was interrupted and may not be run twice.",
             "remedy": "Look at the machine, then resume, skip or fail the task.",
             "where": {"node": task.node, "step": step.name}}
    steps.check_transition(step.state, steps.PARKED)
    tasks.update_step(tx, task.uuid, step.position, state=steps.PARKED, error=error)
    node = nodes.by_uuid(tx, task.node) if task.node else None
    if node is not None:
        tasks.update(tx, task.uuid, result={**(task.result or {}),
                                            "parked_in": node.provision_state})
    task = tasks.get(tx, task.uuid)
    if task.node is not None:
        _end_node(tx, fence, task, tasks.PARKED, error)
    _close(tx, fence, task, {"state": tasks.PARKED, "error": error})
    note(tx, fence, "task.parked", error["message"], severity="error",
         data={"action": task.action, "step": step.name})


def _close(tx: Transaction, fence: Fence, task: sa.Row, values: dict) -> None:
    fence.release(tx)
    tasks.update(tx, task.uuid, incarnation=None, finished_at=tx.now(), wait_for=None,
                 wait_late=None, run_until=None, deadline=None, **values)
    if task.parent is not None:
        signals.send(tx, task.parent, "child", {"task": task.uuid, "state": values["state"]})


def _end_node(tx: Transaction, fence: Fence, task: sa.Row, state: str,
              error: dict | None = None) -> None:
    """Bring the node to the state in which the task leaves it, and let it go."""
    node, flow = nodes.by_uuid(tx, task.node), flows.get(task.action)
    values = {"task": None, "target_power_state": None, "clean_step": {}, "deploy_step": {}}
    if state == tasks.SUCCEEDED:
        event = flow.final_event(task)
        values["last_error"] = None
    else:
        event = _failure_event(node, flow, state)
        error = error or task.error or {"message": ABORTED}
        values["last_error"] = error["message"]
        if flow.fault and state != tasks.CANCELLED:
            values.update(fault=flow.fault, maintenance=True,
                          maintenance_reason=error["message"])
    if event is not None and states.can(node.provision_state, event):
        fire(tx, node, event, **values)
    else:
        nodes.update_engine(tx, node.uuid, values)


def _failure_event(node: sa.Row, flow, state: str) -> str | None:
    if not flow.provision:
        return None
    aborts = state == tasks.CANCELLED and states.can(node.provision_state, "abort")
    return "abort" if aborts else "fail"
