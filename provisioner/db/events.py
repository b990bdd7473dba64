"""What has happened: append-only, written in the transaction of the change it tells of.

Node history, task messages and the live stream all read this table. ``sequence`` is counted per
node (per task for a task without one) under the fence row's lock; the global ``id`` is only a
paging key and may become visible out of order.
"""

import dataclasses
from typing import Any

import sqlalchemy as sa

from provisioner.db.models import events, new_uuid, nodes, tasks
from provisioner.db.session import Transaction, dbnow


@dataclasses.dataclass(frozen=True)
class Event:
    """:ivar severity: ``debug``, ``info``, ``warning`` or ``error``"""

    kind: str
    message: str
    node: str | None = None
    task: str | None = None
    severity: str = "info"
    data: dict[str, Any] = dataclasses.field(default_factory=dict)
    epoch: int | None = None
    incarnation: str | None = None
    conductor: str | None = None
    user: str | None = None


def _counter(table: sa.Table) -> sa.Update:
    """Count one event of the fence row ``:fence``."""
    return sa.update(table).where(table.c.uuid == sa.bindparam("fence")).values(
        event_sequence=table.c.event_sequence + 1)


def _insertion(table: sa.Table) -> sa.Insert:
    """Insert an event with the number that was just counted."""
    number = sa.select(table.c.event_sequence).where(
        table.c.uuid == sa.bindparam("fence")).scalar_subquery()
    given = ("uuid", *(field.name for field in dataclasses.fields(Event)))
    return sa.insert(events).values(
        sequence=sa.func.coalesce(number, 0), created_at=dbnow(),
        **{name: sa.bindparam(name) for name in given})


# Built once: every record writes events, and building a statement costs more than running it.
_COUNT = {"node": _counter(nodes), "task": _counter(tasks)}
_INSERT = {"node": _insertion(nodes), "task": _insertion(tasks)}


def append(tx: Transaction, event: Event) -> None:
    """Write an event. The fence row (node, or task without a node) must exist."""
    kind, key = ("node", event.node) if event.node else ("task", event.task)
    tx.execute(_COUNT[kind], {"fence": key})
    tx.execute(_INSERT[kind], {**vars(event), "uuid": new_uuid(), "fence": key})


@dataclasses.dataclass(frozen=True)
class EventFilter:
    """Which events: all conditions given must hold.

    :ivar after: id of the last event already seen
    """

    node: str | None = None
    task: str | None = None
    tasks: tuple[str, ...] | None = None
    kinds: tuple[str, ...] | None = None
    severities: tuple[str, ...] | None = None
    after: int | None = None


def find(tx: Transaction, wanted: EventFilter, limit: int = 1000, *,
         newest_first: bool = False) -> list[sa.Row]:
    """Events in order of their id, ``limit`` at most; ``after`` follows the order."""
    order = events.c.id.desc() if newest_first else events.c.id
    query = sa.select(events).order_by(order).limit(limit)
    equal = {"node": wanted.node, "task": wanted.task}
    for column, value in equal.items():
        if value is not None:
            query = query.where(events.c[column] == value)
    several = {"task": wanted.tasks, "kind": wanted.kinds, "severity": wanted.severities}
    for column, values in several.items():
        if values is not None:
            query = query.where(events.c[column].in_(values))
    if wanted.after is not None:
        query = query.where(events.c.id < wanted.after if newest_first
                            else events.c.id > wanted.after)
    return tx.all(query)


def get(tx: Transaction, uuid: str) -> sa.Row | None:
    return tx.one(sa.select(events).where(events.c.uuid == uuid))


def prune(tx: Transaction, *, older_than: float, batch: int = 1000) -> int:
    """Delete events older than ``older_than`` seconds, ``batch`` at most; how many went."""
    old = [row.id for row in tx.all(sa.select(events.c.id).where(
        events.c.created_at < tx.now(-older_than)).order_by(events.c.id).limit(batch))]
    if old:
        tx.execute(sa.delete(events).where(events.c.id.in_(old)))
    return len(old)
