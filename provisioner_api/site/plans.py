"""``/api/v1.1/plans``: what an action would do, kept to be applied exactly.

Plans are made by a conductor, which has the flows; it leaves them in a row, and this reads it.
"""

import re

import sqlalchemy as sa

from provisioner import exceptions
from provisioner.db import designs, plans
from provisioner.rpc.client import PlanRequest
from provisioner.site.plan import ACTIONS, BUILDING
from provisioner_api import arguments, idempotency
from provisioner_api.arguments import Argument
from provisioner_api.call import NO_CONTENT, Answer, Call, created, ok
from provisioner_api.site import answers, bodies, task_requests

_SITE_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
_SITE = {"type": "string", "pattern": _SITE_NAME}
_CREATE = {
    "type": "object", "additionalProperties": False,
    "not": {"required": ["action", "actions"]},
    "properties": {
        "site": _SITE, "action": {"enum": list(ACTIONS)},
        "actions": {"type": "array", "items": {"enum": list(ACTIONS)}, "minItems": 1,
                    "uniqueItems": True},
        "design": {"type": ["string", "null"], "minLength": 8, "maxLength": 64},
        "node_filter": {"type": ["object", "null"]}, "save": {"type": "boolean"}}}
_NOTHING = {"type": "object", "additionalProperties": False, "properties": {}}


def create(call: Call) -> Answer:
    """Make a plan: 201 with the plan, or 200 when it is not to be kept (``save: false``).

    Without actions it is for all that brings a site to its design.
    """
    call.authorize()
    body = bodies.document(call, _CREATE)
    key, site = idempotency.of(call), body.get("site", task_requests.DEFAULT_SITE)
    with call.services.database.reader() as tx:
        design = task_requests.wanted_design(tx, site, body.get("design"), None)
    task_requests.check_filter(call, design, body.get("node_filter"))
    save = body.get("save", True)
    actions = body.get("actions") or [body[name] for name in ("action",) if name in body]
    uuid = call.services.conductor_client.plan(PlanRequest(
        site=site, design=design.digest, actions=actions or list(BUILDING),
        request_key=f"{key.key}:{key.digest}", node_filter=body.get("node_filter"), save=save,
        user=call.context.user, project=call.context.project))
    row = _require(call, uuid)
    if save:
        return created(whole(row), call.link("api/v1.1/plans", uuid))
    return ok(whole(row) | {"uuid": None})


def check_site(name: str) -> None:
    """:raises Invalid: unless a site may be called so"""
    if not re.fullmatch(_SITE_NAME, name):
        raise exceptions.Invalid("The name of a site has letters, digits and . _ - only.",
                                 field="site")


def _require(call: Call, uuid: str) -> sa.Row:
    with call.services.database.reader() as tx:
        return plans.require(tx, uuid.lower())


def brief(row: sa.Row) -> dict:
    """A plan without what it says. :ivar task: the task that applies it, or null"""
    return {"uuid": row.uuid, "site": row.site, "design": row.design, "actions": row.actions,
            "node_filter": row.node_filter, "totals": row.totals, "task": row.task,
            "user": row.user, "created_at": answers.stamp(row.created_at)}


def whole(row: sa.Row) -> dict:
    return brief(row) | {"plan": row.document}


def index(call: Call) -> Answer:
    """Saved plans, newest first; ``next`` is there while there are more."""
    call.authorize()
    given = arguments.query(call, {**answers.PAGING, "site": Argument("str", 0)})
    limit, marker = answers.limit(call, given), given.get("marker")
    with call.services.database.reader() as tx:
        before = plans.require(tx, marker).id if marker else None
        rows = plans.find(tx, limit + 1, given.get("site"), before)
    body: dict = {"plans": [brief(row) for row in rows[:limit]]}
    if len(rows) > limit:
        body["next"] = answers.next_page(call, rows[limit - 1].uuid)
    return ok(body)


def show(call: Call, uuid: str) -> Answer:
    call.authorize()
    arguments.none(call)
    return ok(whole(_require(call, uuid)))


def delete(call: Call, uuid: str) -> Answer:
    """Forget a plan. The task that applies it, if any, goes on."""
    call.authorize()
    arguments.none(call)
    call.services.database.write(
        lambda tx: plans.delete(tx, plans.require(tx, uuid.lower()).uuid))
    return NO_CONTENT


def apply(call: Call, uuid: str) -> Answer:
    """Do what the plan says: 202 with the task.

    :raises PlanStale: if anything that the plan was made from has moved, with what it is
    """
    call.authorize()
    bodies.optional(call, _NOTHING)
    key = idempotency.of(call)
    with call.services.database.reader() as tx:
        row = plans.require(tx, uuid.lower())
        earlier = idempotency.find(tx, key)
        there = designs.get(tx, row.design)
    if earlier:
        return task_requests.accepted(call, earlier)
    if there is None:
        raise exceptions.NotFound(f"Design {row.design[:12]} of the plan is gone.",
                                  remedy="Create it again, then make a new plan.")
    return task_requests.accepted(call, task_requests.submit(call, key, {
        "action": "apply_plan", "site": row.site, "design": row.design,
        "node_filter": row.node_filter, "args": {"plan": row.uuid}}))
