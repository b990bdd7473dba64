"""Plans: what somebody has seen before agreeing to it.

A plan is applied once. Plans that were made only to be looked at are removed soon.
"""

import dataclasses

import sqlalchemy as sa

from provisioner import exceptions
from provisioner.db.models import new_uuid, plans
from provisioner.db.session import Transaction

#: seconds for which a plan that is not to be kept stays, for its reader to fetch
UNSAVED_SECONDS = 600.0


@dataclasses.dataclass(frozen=True)
class NewPlan:
    """:ivar document: the plan as plain data
    :ivar world: the index of what it was made from
    :ivar saved: whether it is kept, to be applied
    """

    site: str
    design: str
    actions: list
    document: dict
    world: dict
    totals: dict
    node_filter: dict | None = None
    saved: bool = True
    request_key: str | None = None
    user: str | None = None
    project: str | None = None


def insert(tx: Transaction, new: NewPlan) -> str:
    """Keep a plan; its uuid.

    :raises oslo_db.exception.DBDuplicateEntry: if its request key exists
    """
    uuid = new_uuid()
    tx.execute(sa.insert(plans).values(uuid=uuid, created_at=tx.now(), **vars(new)))
    return uuid


def get(tx: Transaction, uuid: str) -> sa.Row | None:
    return tx.one(sa.select(plans).where(plans.c.uuid == uuid))


def require(tx: Transaction, uuid: str) -> sa.Row:
    """As :func:`get`. :raises NotFound:"""
    row = get(tx, uuid)
    if row is None:
        raise exceptions.NotFound(f"There is no plan {uuid[:64]}.",
                                  remedy="List the plans, or make one with save.",
                                  plan=uuid[:64])
    return row


def by_request_key(tx: Transaction, key: str) -> sa.Row | None:
    return tx.one(sa.select(plans).where(plans.c.request_key == key))


def find(tx: Transaction, limit: int, site: str | None = None,
         before: int | None = None) -> list[sa.Row]:
    """Saved plans without their documents, newest first."""
    columns = [c for c in plans.c if c.name not in ("document", "world")]
    query = sa.select(*columns).where(plans.c.saved.is_(True)).order_by(
        plans.c.id.desc()).limit(limit)
    if site is not None:
        query = query.where(plans.c.site == site)
    return tx.all(query if before is None else query.where(plans.c.id < before))


def mark_applied(tx: Transaction, uuid: str, task: str) -> bool:
    """Note the task that applies a plan; False if one has been noted before."""
    return tx.execute(sa.update(plans).where(plans.c.uuid == uuid, plans.c.task.is_(None)).values(
        task=task)).rowcount == 1


def delete(tx: Transaction, uuid: str) -> None:
    tx.execute(sa.delete(plans).where(plans.c.uuid == uuid))


def prune(tx: Transaction) -> None:
    """Remove what was made to be looked at only, some time ago."""
    tx.execute(sa.delete(plans).where(plans.c.saved.is_(False),
                                      plans.c.created_at < tx.now(-UNSAVED_SECONDS)))
