"""Removal of what has been over for long: site tasks with all that only they refer to."""

import sqlalchemy as sa

from provisioner.db.models import events, signals, steps, tasks
from provisioner.db.session import Transaction
from provisioner.db.signals import ENDED


def purge_site_tasks(tx: Transaction, older_than: float, limit: int = 200) -> int:
    """Remove at most ``limit`` site tasks that ended so many seconds ago, with everything below.

    One of which anything below still runs stays. What was learnt of nodes is kept.

    :returns: how many site tasks were removed
    """
    below = tasks.alias()
    running = sa.exists().where(below.c.root == tasks.c.uuid, below.c.state.not_in(ENDED))
    tops = [row.uuid for row in tx.all(sa.select(tasks.c.uuid).where(
        tasks.c.parent.is_(None), tasks.c.node.is_(None), tasks.c.state.in_(ENDED),
        tasks.c.finished_at < tx.now(-older_than), ~running).order_by(tasks.c.id).limit(limit))]
    if tops:
        whole = [row.uuid for row in tx.all(sa.select(tasks.c.uuid).where(
            tasks.c.root.in_(tops)))]
        for table in (steps, signals, events):
            tx.execute(sa.delete(table).where(table.c.task.in_(whole)))
        tx.execute(sa.delete(tasks).where(tasks.c.uuid.in_(whole)))
    return len(tops)
