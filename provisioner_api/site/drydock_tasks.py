"""``/api/v1.0/tasks``: the site's tasks for Drydock's clients."""

from collections.abc import Iterable

import sqlalchemy as sa

from provisioner import exceptions
from provisioner.db import build_data, retention, tasks
from provisioner.db.models import tasks as tasks_table
from provisioner.db.session import Transaction
from provisioner.policy import rules
from provisioner.policy.drydock import PREFIX
from provisioner_api import arguments, idempotency
from provisioner_api.arguments import Argument
from provisioner_api.call import Answer, Call, created, ok
from provisioner_api.site import bodies, drydock_views, ingest, task_requests
from provisioner_api.site.tasks import require

#: days for which a purge keeps ended tasks, unless it says otherwise, and at most
KEPT_DAYS = 90
MOST_DAYS = 36500
#: tasks in the list at most, newest first; Drydock's has no pages
LIST_LIMIT = 10000
#: a design that is stored here, as a reference: ``provisioner:<digest>``
STORED = "provisioner:"
_VARIANTS = {"builddata": Argument("bool", 0), "subtaskerrors": Argument("bool", 0),
             "layers": Argument("int", 0)}
_CREATE = {
    "type": "object", "required": ["action", "design_ref"],
    "properties": {
        "action": {"enum": list(task_requests.ACTIONS)},
        "design_ref": {"type": "string", "minLength": 1, "maxLength": 2048},
        "node_filter": {"type": ["object", "null"]}}}


def index(call: Call) -> Answer:
    """Every task of a site with its subtasks, newest first."""
    call.authorize()
    arguments.none(call)
    with call.services.database.reader() as tx:
        tops = sa.select(tasks_table.c.uuid).where(
            tasks_table.c.parent.is_(None), tasks_table.c.action.in_(
                (*task_requests.ACTIONS, *task_requests.MORE_ACTIONS)))
        rows = tx.all(sa.select(tasks_table).where(tasks_table.c.root.in_(tops)).order_by(
            tasks_table.c.id.desc()).limit(LIST_LIMIT))
    children = _children(rows)
    return Answer(200, [drydock_views.task(call, row, children.get(row.uuid, []))
                        for row in rows])


def _children(rows: Iterable[sa.Row]) -> dict[str, list[str]]:
    """Uuids of direct children by parent, oldest first."""
    found: dict[str, list[str]] = {}
    for row in sorted(rows, key=lambda row: row.id):
        found.setdefault(row.parent, []).append(row.uuid)
    return found


def create(call: Call) -> Answer:
    """Start an action. The design is fetched by the conductor, unless it is stored here."""
    call.authorize()
    arguments.none(call)
    body = bodies.document(call, _CREATE)
    rules.authorize(call.enforcer, f"{PREFIX}{body['action']}", call.context)
    key = idempotency.of(call)
    with call.services.database.reader() as tx:
        uuid = idempotency.find(tx, key)
        digest = None if uuid else _stored(tx, body["design_ref"])
    uuid = uuid or task_requests.submit(call, key, {
        "action": body["action"], "site": task_requests.DEFAULT_SITE, "design": digest,
        "design_ref": body["design_ref"] if digest is None else None,
        "node_filter": body.get("node_filter")})
    with call.services.database.reader() as tx:
        row = require(tx, uuid)
    answer = created(drydock_views.task(call, row, []), f"/api/v1.0/tasks/{uuid}")
    answer.body["status"] = "queued"
    return answer


def _stored(tx: Transaction, reference: str) -> str | None:
    """The digest that a reference to a stored design means; None for any other reference."""
    if not reference.startswith(STORED):
        return None
    try:
        return ingest.require(tx, reference.removeprefix(STORED)).digest
    except exceptions.NotFound as error:
        raise exceptions.Invalid(error.message, remedy=error.remedy) from None


def show(call: Call, uuid: str) -> Answer:
    """A task; with its build data, its subtasks or their errors if the query asks for them."""
    call.authorize()
    given = arguments.query(call, _VARIANTS)
    with call.services.database.reader() as tx:
        layers = _tree(tx, require(tx, uuid))
        rows = [row for layer in layers for row in layer]
        data = build_data.of_tasks(tx, [row.uuid for row in rows]) if given.get(
            "builddata") else None
    children = _children(rows[1:])

    def view(row: sa.Row) -> dict:
        body = drydock_views.task(call, row, children.get(row.uuid, []))
        if data is not None:
            body["build_data"] = [drydock_views.build_data(item)
                                  for item in data.get(row.uuid, [])]
        return body
    body = _layered(layers, given.get("layers", 0), view)
    if given.get("subtaskerrors"):
        body["subtask_errors"] = _errors(call, rows[1:])
    return ok(body)


def _tree(tx: Transaction, top: sa.Row) -> list[list[sa.Row]]:
    """The task and everything below it, layer by layer."""
    layers = [[top]]
    while layers[-1]:
        parents = [row.uuid for row in layers[-1]]
        layers.append(tx.all(sa.select(tasks_table).where(
            tasks_table.c.parent.in_(parents)).order_by(tasks_table.c.id)))
    return layers[:-1]


def _layered(layers: list[list[sa.Row]], wanted: int, view) -> dict:
    """One task for 0 layers; so many layers, all for -1, by uuid."""
    if wanted < -1:
        raise exceptions.Invalid("layers must be -1, 0 or more.", field="layers")
    if wanted == 0:
        return view(layers[0][0])
    shown = layers if wanted == -1 else layers[:wanted]
    body: dict = {"init_task_id": layers[0][0].uuid}
    body.update((row.uuid, view(row)) for layer in shown for row in layer)
    return body


def _errors(call: Call, rows: Iterable[sa.Row]) -> dict[str, dict]:
    """Results of the subtasks that have errors, by uuid."""
    results = {row.uuid: drydock_views.result(call, row) for row in rows}
    return {uuid: {**result, "task_id": uuid} for uuid, result in results.items()
            if result["details"]["errorCount"]}


def builddata(call: Call, uuid: str) -> Answer:
    """Build data that the task produced; 404 without a body if there is none."""
    call.authorize()
    arguments.none(call)
    with call.services.database.reader() as tx:
        row = require(tx, uuid)
        records = build_data.of_tasks(tx, [row.uuid]).get(row.uuid, [])
    if not records:
        return Answer(404, None)
    return Answer(200, [drydock_views.build_data(record) for record in records])


def purge(call: Call) -> Answer:
    """Remove site tasks that ended more than ``days`` (90) ago, with what is below them."""
    call.authorize()
    days = arguments.query(call, {"days": Argument("int", 0)}).get("days", KEPT_DAYS)
    if not 0 <= days <= MOST_DAYS:
        raise exceptions.Invalid(f"days must be from 0 to {MOST_DAYS}.", field="days")
    removed = 0
    while True:
        batch = call.services.database.write(
            lambda tx: retention.purge_site_tasks(tx, days * 86400.0))
        removed += batch
        if not batch:
            return Answer(200, f"Removed {removed} tasks that ended more than {days} days ago.",
                          content_type="text/plain; charset=utf-8")


def terminate(call: Call, uuid: str) -> Answer:
    """Cancel a task. :raises Conflict: if it has ended"""
    row = task_requests.send_cancel(call, uuid, "")
    with call.services.database.reader() as tx:
        children = [child.uuid for child in tasks.children(tx, row.uuid)]
    return Answer(202, drydock_views.task(call, row, children))
