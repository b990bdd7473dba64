"""Why a node is where it is, in sentences: a pure function of what the database says."""

import dataclasses
import datetime
from typing import Any

from provisioner import states
from provisioner.db import tasks
from provisioner_api.site import task_views
from provisioner_api.site.answers import stamp

#: what to do about a wait that is not late yet, by what is waited for
_MEANWHILE = {
    "agent": "Give it time to boot. If it is slower than usual, look at the machine's console: "
             "does it boot from the network, and reach the API?",
    "command": "Give the ramdisk time. If it is slower than usual, look at its log on the "
               "machine's console.",
    "power": "Give the machine time. If it is slower than usual, look at its BMC and power supply.",
    "boot device": "Give the BMC time. If it is slower than usual, look at its boot settings.",
    "switch": "Give the switch time. If it is slower than usual, look at its log.",
    "children": "Look at the nodes that are not done yet.",
    "retry": "Mend what went wrong meanwhile; the step is tried again by itself.",
}
_ANY = "Wait, or cancel the task."


@dataclasses.dataclass(frozen=True)
class Facts:
    """What there is to know about a node at one moment; rows as they were read.

    :ivar task: the node's unfinished task, or else its last one, or None
    :ivar owner: conductor of the incarnation that holds the node, or None
    :ivar servers: live conductors that serve the node's hardware type and group
    :ivar now: database time
    """

    node: Any
    task: Any
    steps: list
    owner: Any
    servers: list
    now: datetime.datetime

    @property
    def step(self):
        return task_views.current(self.steps)

    @property
    def alive(self) -> bool:
        """Whether the owner's lease is running."""
        return self.owner is not None and not self.owner.dead and (
            self.owner.lease_until > self.now)

    @property
    def unfinished(self) -> bool:
        return self.task is not None and self.task.state not in tasks.ENDED

    @property
    def until(self) -> datetime.datetime | None:
        """When what goes on now should be over."""
        if not self.unfinished:
            return None
        return self.task.deadline if self.task.state == tasks.WAITING else self.task.run_until

    @property
    def late(self) -> bool:
        return self.until is not None and self.until < self.now


def explain(facts: Facts) -> dict:
    """The whole answer but for the last events."""
    node, task = facts.node, facts.task
    why, remedy = _why(facts)
    since = (facts.step.started_at if facts.unfinished and facts.step else None)
    owner = {"conductor": facts.owner.hostname, "alive": facts.alive} if facts.owner else None
    return {
        "node": {"uuid": node.uuid, "name": node.name}, "provision_state": node.provision_state,
        "target_provision_state": node.target_provision_state, "power_state": node.power_state,
        "maintenance": node.maintenance,
        "task": {"uuid": task.uuid, "action": task.action, "state": task.state,
                 "parent": task.parent, "error": task.error} if task is not None else None,
        "step": task_views.progress(facts.steps),
        "waiting_for": task.wait_for if facts.unfinished and task.state == tasks.WAITING else None,
        "since": stamp(since or node.provision_updated_at or node.created_at),
        "until": stamp(facts.until), "late": facts.late, "why": why, "remedy": remedy,
        "owner": owner}


def _why(facts: Facts) -> tuple[str, str]:
    """(why, what to do about it, or '')."""
    if facts.unfinished:
        return {tasks.RUNNING: _running, tasks.WAITING: _waiting,
                tasks.RUNNABLE: _runnable}[facts.task.state](facts)
    if facts.node.maintenance:
        reason = facts.node.maintenance_reason or facts.node.fault or "no reason was given"
        return (f"The node is in maintenance: {reason}.".replace("..", "."),
                "Mend the cause, then clear the node's maintenance flag.")
    return _at_rest(facts)


def _named(facts: Facts) -> str:
    """``step 3 of 9 (deploy.write_image) of task deploy``"""
    place = task_views.progress(facts.steps)
    if place is None:
        return f"task {facts.task.action}"
    return (f"step {place['position']} of {place['total']} ({place['name']}) of task "
            f"{facts.task.action}")


def _running(facts: Facts) -> tuple[str, str]:
    what = _named(facts)
    if facts.owner is None or not facts.alive:
        name = facts.owner.hostname if facts.owner else "unknown"
        return (f"{_upper(what)} was running on conductor {name}, which no longer renews its "
                "lease. Another one goes on from this step.", _nobody(facts))
    sentence = f"{_upper(what)} runs on conductor {facts.owner.hostname}"
    if facts.step is not None and facts.step.attempt > 1:
        sentence += f", attempt {facts.step.attempt}"
    if facts.late:
        return (sentence + f", past its limit of {stamp(facts.until)}.",
                "It will be cut off and taken up again; look at the conductor's log if it stays.")
    return sentence + ".", ""


def _nobody(facts: Facts) -> str:
    """What to do when nobody can take the work; '' while somebody can."""
    if facts.servers:
        return ""
    return (f"Start a conductor with hardware type {facts.node.driver} in group "
            f"\"{facts.node.conductor_group}\".")


def _runnable(facts: Facts) -> tuple[str, str]:
    if not facts.servers:
        return (f"{_upper(_named(facts))} is due, and no live conductor serves hardware type "
                f"{facts.node.driver} in group \"{facts.node.conductor_group}\".",
                _nobody(facts))
    return f"{_upper(_named(facts))} is due; a conductor takes it within seconds.", ""


def _waiting(facts: Facts) -> tuple[str, str]:
    task = facts.task
    sentence = f"{_upper(_named(facts))} waits for {task.wait_for or 'a signal'}"
    if task.wait_for == "retry":
        return f"{sentence}: {task.wait_late}", _nobody(facts) or _MEANWHILE["retry"]
    if facts.late:
        return f"{sentence}, and that is late.", task.wait_late or "Look at the node's console."
    if facts.until is not None:
        sentence += f" until {stamp(facts.until)}"
    return f"{sentence}.", _nobody(facts) or _MEANWHILE.get(task.wait_for, _ANY)


def _at_rest(facts: Facts) -> tuple[str, str]:
    node, task = facts.node, facts.task
    failed = task is not None and task.state in (tasks.FAILED, tasks.PARKED)
    stuck = node.provision_state in states.FAILED
    if failed and (stuck or task.state == tasks.PARKED or node.last_error):
        error = task.error or {}
        message = error.get("message") or node.last_error or "no reason was recorded"
        verb = "is parked" if task.state == tasks.PARKED else "has failed"
        return (f"{_upper(_named(facts))} {verb}: {message}",
                error.get("remedy") or _ways_out(facts))
    if node.last_error:
        return (f"The node is {node.provision_state}; its last error: {node.last_error}",
                _ways_out(facts))
    return f"Nothing is going on: the node is {node.provision_state}.", _ways_out(facts)


def _ways_out(facts: Facts) -> str:
    if facts.task is not None and facts.task.state == tasks.PARKED and (
            facts.node.provision_state in states.FAILED):
        return "Look at the machine, then resume, skip or fail the task with a reason."
    verbs = sorted(set(states.VERBS.values())
                   & set(states.TRANSITIONS.get(facts.node.provision_state, {})))
    return f"Possible now: {', '.join(verbs)}." if verbs else ""


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
