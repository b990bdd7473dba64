"""Requests for tasks: checked here, accepted by a conductor, answered with the task.

A cancel is a signal written by this process; everything else that changes a task is a request
that a conductor accepts in one transaction, once for each request key.
"""

import sqlalchemy as sa

from provisioner import exceptions
from provisioner.db import designs, nodes, signals, tasks
from provisioner.db.session import Transaction
from provisioner.rpc.client import TaskRequest
from provisioner.site import filters
from provisioner_api import idempotency
from provisioner_api.call import Answer, Call
from provisioner_api.idempotency import RequestKey
from provisioner_api.site import bodies, ingest, task_views
from provisioner_api.site.tasks import require

ACTIONS = ("validate_design", "verify_site", "prepare_site", "verify_nodes", "prepare_nodes",
           "deploy_nodes", "destroy_nodes", "relabel_nodes")
#: actions that Drydock runs by itself only, and that people may ask for here
MORE_ACTIONS = ("bootaction_report",)
#: what a person may decide for a parked task
DECISIONS = ("resume", "skip", "fail")
DEFAULT_SITE = "default"

_CREATE = {
    "type": "object", "required": ["action"], "additionalProperties": False,
    "properties": {
        "action": {"enum": [*ACTIONS, *MORE_ACTIONS]},
        "site": {"type": "string", "pattern": r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"},
        "design": {"type": ["string", "null"], "minLength": 8, "maxLength": 64},
        "design_ref": {"type": ["string", "null"], "minLength": 1, "maxLength": 2048},
        "node_filter": {"type": ["object", "null"]},
        "args": {"type": "object", "maxProperties": 32, "properties": {
            "max_parallel": {"type": "integer", "minimum": 1},
            "max_failures": {"type": "integer", "minimum": 0},
            **{name: {"type": "boolean"} for name in (
                "erase", "secure_erase", "quick_erase", "rebootstrap")}}}}}
_REASON = {"type": "object", "additionalProperties": False,
           "properties": {"reason": {"type": "string", "maxLength": 1000}}}
_DECISION = {**_REASON, "required": ["reason"]}


def create(call: Call) -> Answer:
    """Start an action on a site. 202; the same ``Idempotency-Key`` gives the same task."""
    call.authorize()
    body = bodies.document(call, _CREATE)
    key = idempotency.of(call)
    site = body.get("site", DEFAULT_SITE)
    with call.services.database.reader() as tx:
        earlier = idempotency.find(tx, key)
        row = None if earlier else wanted_design(
            tx, site, body.get("design"), body.get("design_ref"))
    if earlier:
        return accepted(call, earlier)
    if row is not None:
        check_filter(call, row, body.get("node_filter"))
    uuid = submit(call, key, {
        "action": body["action"], "site": site, "design": row.digest if row else None,
        "design_ref": body.get("design_ref"), "node_filter": body.get("node_filter"),
        "args": body.get("args", {})})
    return accepted(call, uuid)


def wanted_design(tx: Transaction, site: str, ident: str | None, reference: str | None
                  ) -> sa.Row | None:
    """The design that the request names, or else the site's; None for a reference."""
    if ident and reference:
        raise exceptions.Invalid("The request has both design and design_ref.",
                                 remedy="Send one of them.")
    if reference:
        return None
    if ident:
        return ingest.require(tx, ident)
    known = designs.site(tx, site)
    if known is None or known.design is None:
        raise exceptions.Invalid(
            f"Site {site} has no design yet, and the request names none.",
            remedy="Send design (a digest) or design_ref (a URI).", site=site)
    return ingest.require(tx, known.design)


def check_filter(call: Call, row: sa.Row, node_filter: dict | None) -> None:
    """:raises Invalid: if the filter is malformed, or selects nothing"""
    if node_filter is None:
        return
    design = ingest.effective_sites.of(row, call.services.box)
    if not filters.select(design.site, node_filter):
        raise exceptions.Invalid("The node filter selects no node of the design.",
                                 remedy="Check names, tags and racks against the design.",
                                 design=row.digest)


def submit(call: Call, key: RequestKey, fields: dict) -> str:
    """Have a request accepted by a conductor; the task's uuid.

    :param fields: of :class:`TaskRequest`
    :raises Unavailable: if nobody accepted it in time; nothing will happen then
    """
    with call.services.database.reader() as tx:
        until = idempotency.not_after(call, tx)
    context = call.context
    return call.services.conductor_client.submit(TaskRequest(
        request_key=key.key, request_digest=key.digest, not_after=until,
        request_id=context.request_id, user=context.user, project=context.project, **fields))


def accepted(call: Call, uuid: str) -> Answer:
    """202 with the task and where to find it."""
    with call.services.database.reader() as tx:
        body = task_views.brief(require(tx, uuid))
    return Answer(202, body, {"Location": call.link("api/v1.1/tasks", uuid)})


def cancel(call: Call, uuid: str) -> Answer:
    """Ask the task, and with it its children, to stop at the next safe point.

    :raises Conflict: if it has ended
    """
    call.authorize()
    reason = bodies.optional(call, _REASON).get("reason", "")
    return accepted(call, send_cancel(call, uuid, reason).uuid)


def send_cancel(call: Call, uuid: str, reason: str) -> sa.Row:
    """Signal a cancel, in a transaction of this process; the task.

    :raises Conflict: if the task has ended
    """
    call.authorize()

    def send(tx):
        row = require(tx, uuid)
        if row.cancel or row.state == tasks.CANCELLED:
            return row
        if not signals.send(tx, row.uuid, "cancel", {"reason": reason}, user=call.context.user):
            raise exceptions.Conflict(f"Task {row.uuid} has already ended: {row.state}.",
                                      remedy="Nothing is left to cancel.", task=row.uuid)
        return row
    row = call.services.database.write(send)
    call.services.conductor_client.hint(row.uuid)
    return row


def retry(call: Call, uuid: str) -> Answer:
    """Do again what failed of an ended task, and nothing else.

    :raises Conflict: if it has not ended, or nothing failed
    """
    call.authorize()
    return _about(call, uuid, ("retry", bodies.optional(call, _REASON)))


def decide(call: Call, uuid: str, decision: str) -> Answer:
    """What a person decides for a parked task: ``resume``, ``skip`` or ``fail``, and why.

    :raises Conflict: if the task is not parked
    """
    call.authorize()
    if decision not in DECISIONS:
        raise exceptions.NotFound(f"Tasks have no {decision[:32]}.",
                                  remedy=f"Use cancel, retry, {', '.join(DECISIONS)}.")
    return _about(call, uuid, (decision, bodies.document(call, _DECISION)))


def _about(call: Call, uuid: str, wanted: tuple[str, dict]
           ) -> Answer:
    """A request about a task that exists, sent to who may accept it."""
    (action, body), key = wanted, idempotency.of(call)
    with call.services.database.reader() as tx:
        row = require(tx, uuid)
        node = nodes.get(tx, row.node) if row.node else None
        earlier = idempotency.find(tx, key)
    if earlier:
        return accepted(call, earlier)
    _check_state(row, action)
    return accepted(call, submit(call, key, {
        "action": action, "site": row.site, "design": row.design, "node": row.node,
        "hardware_type": node.driver if node else None,
        "conductor_group": node.conductor_group if node else None,
        "args": {"task": row.uuid, "reason": body.get("reason", "")}}))


def _check_state(row: sa.Row, action: str) -> None:
    """:raises Conflict: unless the task is in a state for ``action``"""
    if action in DECISIONS:
        if row.state != tasks.PARKED:
            raise exceptions.Conflict(f"Task {row.uuid} is not parked: {row.state}.",
                                      remedy="Only a parked task waits for a person.",
                                      task=row.uuid)
    elif row.state not in tasks.ENDED:
        raise exceptions.Conflict(f"Task {row.uuid} has not ended: {row.state}.",
                                  remedy="Wait for it, or cancel it first.", task=row.uuid)
    elif row.state == tasks.SUCCEEDED:
        raise exceptions.Conflict(f"Nothing of task {row.uuid} has failed.",
                                  remedy="Start a new task.", task=row.uuid)
