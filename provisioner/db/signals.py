"""Signals: the only write without the fence.

Anybody may append one: the API for an agent's heartbeat or a cancel, a person, a child for its
parent. Appending moves ``tasks.wake`` in the same transaction, so a step that commits its wait
while a signal arrives finds the counter moved and stays runnable: no wake-up is lost.
"""

import sqlalchemy as sa

from provisioner.db.models import signals, tasks
from provisioner.db.session import Transaction

#: task states in which nobody will ever read a signal again
ENDED = ("succeeded", "failed", "cancelled", "parked")


def send(tx: Transaction, task: str, kind: str, data: dict | None = None,
         user: str | None = None) -> bool:
    """Append a signal and wake the task; False if the task has ended."""
    woken = tx.execute(sa.update(tasks).where(
        tasks.c.uuid == task, tasks.c.state.not_in(ENDED)).values(
        wake=tasks.c.wake + 1,
        state=sa.case((tasks.c.state == "waiting", "runnable"), else_=tasks.c.state),
        due_at=sa.case((tasks.c.state == "running", tasks.c.due_at), else_=tx.now())))
    if woken.rowcount != 1:
        return False
    tx.execute(sa.insert(signals).values(
        task=task, kind=kind, data=data or {}, user=user, created_at=tx.now()))
    return True


#: kinds that only wake: whoever is woken looks at the rows they are about
WAKE_UPS = ("child", "heartbeat")


_OF = sa.select(signals).where(signals.c.task == sa.bindparam("task"),
                              signals.c.kind.not_in(WAKE_UPS)).order_by(signals.c.id)


def of(tx: Transaction, task: str) -> list[sa.Row]:
    """The signals of a task that say something beyond "look again", oldest first."""
    return tx.all(_OF, task=task)
