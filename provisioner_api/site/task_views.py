"""Tasks as plain data: one form for lists, tasks, children, the explanation and the CLI."""

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from provisioner import secrets
from provisioner.steps import DONE, SKIPPED
from provisioner_api.site.answers import stamp

_TIMES = ("created_at", "started_at", "updated_at", "finished_at", "deadline")


def brief(row: sa.Row) -> dict:
    """A task without its steps. Arguments and result have their secrets masked."""
    return {
        "uuid": row.uuid, "action": row.action, "state": row.state, "site": row.site,
        "design": row.design, "design_ref": row.design_ref, "node": row.node,
        "node_name": row.node_name, "node_filter": row.node_filter, "parent": row.parent,
        "root": row.root, "retry": row.retry, "cancel": row.cancel,
        "args": secrets.mask(row.args), "result": secrets.mask(row.result), "error": row.error,
        "waiting_for": row.wait_for if row.state == "waiting" else None,
        "user": row.user, "project": row.project, "request_id": row.request_id,
        **{name: stamp(getattr(row, name)) for name in _TIMES}}


def step(row: sa.Row, position: int) -> dict:
    return {"position": position, "name": row.name, "state": row.state,
            "attempt": row.attempt, "started_at": stamp(row.started_at),
            "finished_at": stamp(row.finished_at), "deadline": stamp(row.deadline),
            "result": secrets.mask(row.result), "error": row.error}


def current(steps: Sequence[sa.Row]) -> sa.Row | None:
    """The step that a task is at: the first one not over, else the last one."""
    return next((row for row in steps if row.state not in (DONE, SKIPPED)),
                steps[-1] if steps else None)


def progress(steps: Sequence[sa.Row]) -> dict | None:
    """The current step, counted from 1."""
    row = current(steps)
    if row is None:
        return None
    position = 1 + sum(other.position < row.position for other in steps)
    return {"name": row.name, "position": position, "total": len(steps), "state": row.state}


def child(row: sa.Row) -> dict:
    """A child task in one line: what the progress of a site task is drawn from.

    :param row: of :func:`provisioner.db.progress.of_children`
    """
    step_now = {"name": row.step_name, "position": row.step_number, "total": row.step_total,
                "state": row.step_state} if row.step_total else None
    return {
        "uuid": row.uuid, "node": row.node, "node_name": row.node_name, "action": row.action,
        "state": row.state, "retry": row.retry, "step": step_now,
        "waiting_for": row.wait_for if row.state == "waiting" else None,
        "deadline": stamp(row.deadline), "error": row.error,
        "created_at": stamp(row.created_at), "started_at": stamp(row.started_at),
        "finished_at": stamp(row.finished_at)}


def whole(row: sa.Row, steps: Iterable[sa.Row], children: Iterable[dict]) -> dict:
    """A task with its steps, counted from 1, and children."""
    shown = [step(item, number) for number, item in enumerate(steps, 1)]
    return {**brief(row), "steps": shown, "children": list(children)}
