"""How far the parts of a task are: one query of a few columns, however many parts and steps.

Whoever watches a task asks this every second, so nothing is read that is not shown.
"""

import sqlalchemy as sa

from provisioner.db.models import steps, tasks
from provisioner.db.session import Transaction
from provisioner.steps import DONE, SKIPPED

_COLUMNS = ("uuid", "node", "node_name", "action", "state", "retry", "wait_for", "deadline",
            "error", "created_at", "started_at", "finished_at")


def of_children(tx: Transaction, parent: str) -> list[sa.Row]:
    """Direct children, oldest first, each with the step it is at.

    That step (``step_name``, ``step_state``, ``step_number`` counted from 1 of ``step_total``) is
    the first one not over, else the last one; all None for a task without steps.
    """
    children = sa.select(tasks.c.uuid).where(tasks.c.parent == parent)
    is_open = sa.case((steps.c.state.not_in((DONE, SKIPPED)), steps.c.position))
    at = sa.select(
        steps.c.task, sa.func.count().label("total"),
        sa.func.coalesce(sa.func.min(is_open), sa.func.max(steps.c.position)).label("position"),
    ).where(steps.c.task.in_(children)).group_by(steps.c.task).subquery()
    before = steps.alias()
    number = sa.select(sa.func.count()).where(
        before.c.task == at.c.task, before.c.position <= at.c.position).scalar_subquery()
    joined = tasks.outerjoin(at, at.c.task == tasks.c.uuid).outerjoin(
        steps, sa.and_(steps.c.task == at.c.task, steps.c.position == at.c.position))
    return tx.all(sa.select(
        *[tasks.c[name] for name in _COLUMNS], steps.c.name.label("step_name"),
        steps.c.state.label("step_state"), number.label("step_number"),
        at.c.total.label("step_total"),
    ).select_from(joined).where(tasks.c.parent == parent).order_by(tasks.c.id))
