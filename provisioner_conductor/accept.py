"""From a request to a task, in one transaction.

The request key is looked up first, so a repeated request finds its task; settings are checked
without hardware; then task, steps and the node's new state are written together, if the node is
free. Whoever accepts need not be who runs it: the ring's owner does.
"""

import datetime
from collections.abc import Callable

import sqlalchemy as sa
from oslo_db import exception as db_exception

from provisioner import exceptions, states
from provisioner.db import events, fences, nodes, ports, signals, tasks
from provisioner.db.session import Transaction
from provisioner.rpc.client import TaskRequest
from provisioner_conductor import flows, planning, recovery
from provisioner_conductor.context import Services
from provisioner_conductor.flows.base import Flow, Request


class Acceptor:
    """Accepts requests. Safe for use by several threads."""

    def __init__(self, services: Services):
        self._services = services
        self._special: dict[str, Callable[[Transaction, TaskRequest], str]] = {
            "abort": self._abort, "retry": self._retry, "resume": self._unpark,
            "skip": self._unpark, "fail": self._unpark, planning.APPLY: self._apply}

    def accept(self, request: TaskRequest) -> str:
        """The uuid of the task that the request makes, or has made before.

        :raises KeyReused: if the key was used for a different request
        :raises Unavailable: if ``not_after`` has passed
        :raises Invalid: :raises Conflict: what is wrong with it
        """
        try:
            return self._services.database.write(lambda tx: self._accept(tx, request))
        except db_exception.DBDuplicateEntry:
            # The same request, accepted by another conductor at the same moment.
            return self._services.database.write(lambda tx: self._accept(tx, request))
        except (exceptions.Invalid, exceptions.Conflict):
            # What refuses it may be what this very request has done, by another conductor, since
            # the key was looked up.
            with self._services.database.reader() as tx:
                known = _known(tx, request)
            if known is None:
                raise
            return known

    def _accept(self, tx: Transaction, request: TaskRequest) -> str:
        known = _known(tx, request)
        if known is not None:
            return known
        _in_time(tx, request)
        uuid = self._make(tx, request)
        # Again, with every lock in hand: waiting for them takes time too, and whoever asked will
        # take a task that is not there by then for one that never will be.
        _in_time(tx, request)
        return uuid

    def _make(self, tx: Transaction, request: TaskRequest) -> str:
        if request.action in self._special:
            return self._again(tx, request) or self._special[request.action](tx, request)
        flow = flows.get(request.action)
        if flow.site:
            return self._accept_site(tx, request, flow)
        return accept_node(tx, self._services, request, flow)

    def _apply(self, tx: Transaction, request: TaskRequest) -> str:
        return planning.apply(tx, self._services.conf.conductor, request)

    def _accept_site(self, tx: Transaction, request: TaskRequest, flow: Flow) -> str:
        plan = flow.plan(Request(None, request.args, self._services.conf.conductor))
        uuid = tasks.insert(tx, tasks.NewTask(
            steps=plan, site=request.site, design=request.design, design_ref=request.design_ref,
            node_filter=request.node_filter, **_common(request)))
        events.append(tx, events.Event(kind="task.accepted", task=uuid, user=request.user,
                                       message=f"Task {request.action} accepted"))
        return uuid

    @staticmethod
    def _again(tx: Transaction, request: TaskRequest) -> str | None:
        """The task that this very request has reopened before, or None."""
        task = request.args.get("task")
        known = [row for row in signals.of(tx, task) if row.kind == recovery.REOPENED
                 and row.data.get("key") == request.request_key] if task else []
        if any(row.data.get("digest") != request.request_digest for row in known):
            raise exceptions.KeyReused("This Idempotency-Key was used for another request.")
        return task if known else None

    def _abort(self, tx: Transaction, request: TaskRequest) -> str:
        """Signal the node's task to stop. A state that only an event leaves is left by it."""
        node = nodes.require(tx, request.node)
        if not states.can(node.provision_state, "abort"):
            states.next_state(node.provision_state, "abort")
        if node.task is not None:
            signals.send(tx, node.task, "abort", user=request.user)
            return node.task
        raise exceptions.Conflict(f"Node {node.name or node.uuid} has no task to abort.",
                                  remedy="Ask for 'manage' or 'deleted' instead.")

    def _retry(self, tx: Transaction, request: TaskRequest) -> str:
        """Run an ended site task again: what has failed, with a new retry number."""
        task = _ended_task(tx, request, (tasks.FAILED, tasks.CANCELLED, tasks.PARKED))
        if task.node is not None:
            raise exceptions.Invalid("Only a site task is retried.",
                                     remedy="Repeat the node's verb instead.")
        for step in tasks.steps_of(tx, task.uuid):
            if step.name == "site.children" or step.state != "done":
                tasks.update_step(tx, task.uuid, step.position, state="pending", attempt=0,
                                  started_at=None, deadline=None, finished_at=None, error=None,
                                  result=None)
        _reopen(tx, task, request, retry=task.retry + 1, result=None)
        return task.uuid

    def _unpark(self, tx: Transaction, request: TaskRequest) -> str:
        """A person's word on a parked step: run it again, skip it, or give it up."""
        task = _ended_task(tx, request, (tasks.PARKED,))
        new_state = {"resume": "pending", "skip": "skipped", "fail": "failed"}[request.action]
        for step in tasks.steps_of(tx, task.uuid):
            if step.state == "parked":
                tasks.update_step(tx, task.uuid, step.position, state=new_state)
        if task.node is not None:
            _back_on_node(tx, task)
        _reopen(tx, task, request, error=task.error if new_state == "failed" else None)
        return task.uuid


def _known(tx: Transaction, request: TaskRequest) -> str | None:
    """The task that this very request has made before. :raises KeyReused:"""
    known = tasks.by_request_key(tx, request.request_key)
    if known is None:
        return None
    if known.request_digest != request.request_digest:
        raise exceptions.KeyReused("This Idempotency-Key was used for another request.")
    return known.uuid


def _in_time(tx: Transaction, request: TaskRequest) -> None:
    """:raises Unavailable: if ``not_after`` has passed"""
    if tx.read_now() > datetime.datetime.fromisoformat(request.not_after):
        raise exceptions.Unavailable("The request came too late to be accepted.")


def _back_on_node(tx: Transaction, task: sa.Row) -> None:
    """Give a parked task its node back, in the state in which it was parked.

    :raises NodeBusy: if the node has another task
    :raises InvalidState: if another task has moved the node since: what it has put there must
        not be overwritten
    """
    node = nodes.require(tx, task.node)
    if node.task is not None:
        raise exceptions.NodeBusy(f"Node {node.name or node.uuid} has another task.")
    values: dict = {"last_error": None}
    if flows.get(task.action).provision:
        values.update(_state_before(tx, task, node))
    if node.fault:
        values.update(maintenance=False, fault=None, maintenance_reason=None)
    fences.supersede(tx, node, task.uuid)
    nodes.update_engine(tx, node.uuid, values)


def _state_before(tx: Transaction, task: sa.Row, node: sa.Row) -> dict:
    before = task.result["parked_in"]
    later = [row for row in tasks.find(tx, tasks.TaskFilter(node=node.uuid))
             if row.id > task.id and flows.get(row.action).provision]
    if later or states.TRANSITIONS[before].get("fail") != node.provision_state:
        raise exceptions.InvalidState(
            f"Node {node.name or node.uuid} has moved on since task {task.uuid} was parked.",
            remedy="Ask for a new verb instead.", node=node.uuid, task=task.uuid)
    return {"provision_state": before, "provision_updated_at": tx.now(),
            "target_provision_state": node.target_provision_state or states.TARGETS[before]}


def _ended_task(tx: Transaction, request: TaskRequest, allowed: tuple[str, ...]) -> sa.Row:
    task = tasks.get(tx, request.args["task"])
    if task is None:
        raise exceptions.NotFound(f"Task {request.args['task']} could not be found.")
    if task.state not in allowed:
        raise exceptions.InvalidState(
            f"Task {task.uuid} is {task.state}; {request.action} is for tasks that are "
            f"{' or '.join(allowed)}.", task=task.uuid)
    if not tasks.lock(tx, task):
        raise exceptions.Changed(f"Task {task.uuid} goes on already.", task=task.uuid)
    return task


def _reopen(tx: Transaction, task: sa.Row, request: TaskRequest, **values) -> None:
    tasks.update(tx, task.uuid, state=tasks.RUNNABLE, due_at=tx.now(), finished_at=None,
                 **{"error": None, **values})
    signals.send(tx, task.uuid, recovery.REOPENED, {
        "key": request.request_key, "digest": request.request_digest}, request.user)
    events.append(tx, events.Event(
        kind=f"task.{request.action}", node=task.node, task=task.uuid, user=request.user,
        message=f"Task {task.action}: {request.action} asked for",
        data={"reason": request.args.get("reason")}))


def _common(request: TaskRequest) -> dict:
    return {"action": request.action, "args": request.args, "user": request.user,
            "request_key": request.request_key, "request_digest": request.request_digest,
            "request_id": request.request_id, "project": request.project}


def accept_node(tx: Transaction, services: Services, request: TaskRequest, flow: Flow,
                **parentage) -> str:
    """Insert a node's task and move the node into its first state.

    :param parentage: parent, root and retry, for a child of a site task
    :raises NodeBusy: while the node has another task that this one does not supersede
    """
    node = nodes.require(tx, request.node)
    if flow.provision:
        states.next_state(node.provision_state, flow.event)
    flow.refuse(node)
    node = _keep(tx, node, request, flow)
    hardware = services.hardware
    hardware.validate(node, ports.of_node(tx, node.uuid), flow.validates)
    plan = flow.plan(Request(node, request.args, services.conf.conductor,
                             lambda kind: hardware.interface(node, kind)))
    uuid = tasks.insert(tx, tasks.NewTask(
        steps=plan, node=node.uuid, node_name=node.name, **_common(request), **parentage))
    if node.task is not None and flow.action != "delete":
        raise fences.busy(node)
    # The node's row first and then its task's, as everybody locks them.
    fences.supersede(tx, node, uuid if plan else None)
    if node.task is not None:
        _end_superseded(tx, node)
    _move(tx, node, flow, bool(plan))
    if parentage and not plan:
        signals.send(tx, parentage["parent"], "child", {"task": uuid, "state": tasks.SUCCEEDED})
    events.append(tx, events.Event(
        kind="task.accepted", node=node.uuid, task=uuid, user=request.user,
        message=f"Task {request.action} accepted", data={"action": request.action}))
    return uuid


def _keep(tx: Transaction, node: sa.Row, request: TaskRequest, flow: Flow) -> sa.Row:
    """The node with the arguments that stay with its instance; their secrets are sealed."""
    kept = {name: request.args[name] for name in flow.keeps if request.args.get(name) is not None}
    if not kept:
        return node
    nodes.update_engine(tx, node.uuid, {"instance_info": {**node.instance_info, **kept}})
    return nodes.require(tx, node.uuid)


def _end_superseded(tx: Transaction, node: sa.Row) -> None:
    """End the task in whose place a delete has come; nobody is inside its steps."""
    old = tasks.get(tx, node.task)
    tasks.update(tx, old.uuid, state=tasks.CANCELLED, incarnation=None, finished_at=tx.now(),
                 wait_for=None, wait_late=None, deadline=None, error={
                     "code": "Superseded", "message": "A delete took its place.",
                     "remedy": "", "where": {}})
    if old.parent is not None:
        signals.send(tx, old.parent, "child", {"task": old.uuid, "state": tasks.CANCELLED})


def _move(tx: Transaction, node: sa.Row, flow: Flow, lasting: bool) -> None:
    """The node's state as the client sees it from now on; all the way if there is no step."""
    values: dict = {"last_error": None}
    if flow.provision:
        state, target = states.next_state(node.provision_state, flow.event,
                                          node.target_provision_state)
        if not lasting and state not in states.STABLE:
            state, target = states.next_state(state, flow.final, target)
        values.update(provision_state=state, target_provision_state=target,
                      provision_updated_at=tx.now())
        if node.fault and state in states.STABLE:
            values.update(fault=None, maintenance=False, maintenance_reason=None)
    nodes.update_engine(tx, node.uuid, values)
