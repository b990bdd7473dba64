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


#: seconds to let more children end before their parent looks at all of them
GATHER = 0.5


def send(tx: Transaction, task: str, kind: str, data: dict | None = None,
         user: str | None = None) -> bool:
    """Append a signal and wake the task; False if the task has ended."""
    soon = tx.now(GATHER if kind == "child" else 0.0)
    kept = sa.or_(tasks.c.state == "running", tasks.c.due_at < soon)
    woken = tx.execute(sa.update(tasks).where(
        tasks.c.uuid == task, tasks.c.state.not_in(ENDED)).values(
        wake=tasks.c.wake + 1,
        state=sa.case((tasks.c.state == "waiting", "runnable"), else_=tasks.c.state),
        due_at=sa.case((kept, tasks.c.due_at), else_=soon)))
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


def prune(tx: Transaction, *, older_than: float, batch: int = 1000) -> int:
    """Delete old signals that only woke, ``batch`` at most; how many went.

    What says more is part of its task's story, and may tell that a request was heard before.
    """
    old = [row.id for row in tx.all(sa.select(signals.c.id).where(
        signals.c.kind.in_(WAKE_UPS), signals.c.created_at < tx.now(-older_than)).order_by(
        signals.c.id).limit(batch))]
    if old:
        tx.execute(sa.delete(signals).where(signals.c.id.in_(old)))
    return len(old)
