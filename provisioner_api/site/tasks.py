"""``/api/v1.1/tasks``: reading. What changes tasks is in :mod:`.task_requests`."""

import sqlalchemy as sa

from provisioner import exceptions
from provisioner.db import nodes, progress, tasks
from provisioner.db.session import Database, Transaction
from provisioner_api import arguments
from provisioner_api.arguments import Argument
from provisioner_api.call import Answer, Call, ok
from provisioner_api.site import answers, task_views

STATES = (tasks.RUNNABLE, tasks.RUNNING, tasks.WAITING, tasks.SUCCEEDED, tasks.FAILED,
          tasks.CANCELLED, tasks.PARKED)
_FILTERS = {**answers.PAGING, "site": Argument("str", 0), "state": Argument("list", 0),
            "action": Argument("str", 0), "node": Argument("str", 0), "all": Argument("bool", 0)}


def require(tx: Transaction, uuid: str) -> sa.Row:
    """:raises NotFound:"""
    row = tasks.get(tx, uuid.lower()) if len(uuid) == 36 else None
    if row is None:
        raise exceptions.NotFound(f"There is no task {uuid[:64]}.",
                                  remedy="List the tasks to find it.", task=uuid[:64])
    return row


def index(call: Call) -> Answer:
    """Tasks, newest first: those without a parent, unless ``all`` or ``node`` says otherwise."""
    call.authorize()
    given = arguments.query(call, _FILTERS)
    limit = answers.limit(call, given)
    states = _states(given.get("state"))
    with call.services.database.reader() as tx:
        node = nodes.require(tx, given["node"]).uuid if given.get("node") else None
        before = require(tx, given["marker"]).id if given.get("marker") else None
        rows = tasks.find(tx, tasks.TaskFilter(
            site=given.get("site"), node=node, action=given.get("action"), states=states,
            top=node is None and not given.get("all"), before=before), limit + 1)
    body: dict = {"tasks": [task_views.brief(row) for row in rows[:limit]]}
    if len(rows) > limit:
        body["next"] = answers.next_page(call, rows[limit - 1].uuid)
    return ok(body)


def _states(wanted: list[str] | None) -> tuple[str, ...] | None:
    unknown = sorted(set(wanted or ()) - set(STATES))
    if unknown:
        raise exceptions.Invalid(f"There is no task state {unknown[0][:32]}.",
                                 remedy=f"States: {', '.join(STATES)}.", field="state")
    return tuple(wanted) if wanted else None


def tree(database: Database, uuid: str) -> dict:
    """A task with its steps and children: three queries, however many children."""
    with database.reader() as tx:
        row = require(tx, uuid)
        steps = tasks.steps_of(tx, row.uuid)
        children = progress.of_children(tx, row.uuid)
    return task_views.whole(row, steps, map(task_views.child, children))


def show(call: Call, uuid: str) -> Answer:
    call.authorize()
    arguments.none(call)
    return ok(tree(call.services.database, uuid))
