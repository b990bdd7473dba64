"""Site designs, immutable and named by their digest, and the sites that use them."""

import dataclasses

import sqlalchemy as sa

from provisioner import exceptions
from provisioner.db.models import designs, plans, sites, tasks
from provisioner.db.session import Transaction
from provisioner.db.signals import ENDED


@dataclasses.dataclass(frozen=True)
class NewDesign:
    """:ivar documents: the YAML text as it came, sealed: it holds credentials of BMCs
    :ivar summary: counts of documents by kind, errors and warnings
    :ivar findings: findings as plain data
    """

    digest: str
    documents: str
    source: str | None = None
    parent: str | None = None
    summary: dict = dataclasses.field(default_factory=dict)
    findings: list = dataclasses.field(default_factory=list)
    user: str | None = None


def put(tx: Transaction, new: NewDesign) -> None:
    """Store a design; one that is there already stays as it is."""
    if tx.scalar(sa.select(designs.c.id).where(designs.c.digest == new.digest)) is None:
        tx.execute(sa.insert(designs).values(created_at=tx.now(), **dataclasses.asdict(new)))


def get(tx: Transaction, digest: str) -> sa.Row | None:
    """The design of that digest, or of the only one that begins so (8 characters at least)."""
    if len(digest) >= 64:
        return tx.one(sa.select(designs).where(designs.c.digest == digest))
    if len(digest) < 8:
        return None
    found = tx.all(sa.select(designs).where(
        designs.c.digest.startswith(digest, autoescape=True)).limit(2))
    return found[0] if len(found) == 1 else None


def find(tx: Transaction, limit: int = 1000, before: int | None = None) -> list[sa.Row]:
    """Designs without their documents, newest first."""
    columns = [c for c in designs.c if c.name not in ("documents", "findings")]
    query = sa.select(*columns).order_by(designs.c.id.desc()).limit(limit)
    return tx.all(query if before is None else query.where(designs.c.id < before))


def delete(tx: Transaction, digest: str) -> None:
    """:raises Conflict: while a site, a task or a saved plan that was not applied uses it"""
    used = [tx.scalar(sa.select(sa.func.count()).where(condition)) for condition in (
        sites.c.design == digest, tasks.c.design == digest,
        sa.and_(plans.c.design == digest, plans.c.saved.is_(True), plans.c.task.is_(None)))]
    if any(used):
        raise exceptions.Conflict(
            f"Design {digest[:12]} is used by a site, a task or a plan.",
            remedy="Point the site at another design, and delete the plans first.")
    tx.execute(sa.delete(designs).where(designs.c.digest == digest))


def site(tx: Transaction, name: str) -> sa.Row | None:
    return tx.one(sa.select(sites).where(sites.c.name == name))


def locks(tx: Transaction) -> list[sa.Row]:
    """Sites that have a design, by name."""
    return tx.all(sa.select(sites).where(sites.c.design.is_not(None)).order_by(sites.c.name))


def lock_site(tx: Transaction, name: str, digest: str, task: str | None) -> None:
    """Make ``digest`` the design of the site; the lock moves to it.

    :param task: that takes the lock; None for a person
    :raises Conflict: while a task of another design runs on the site
    """
    _refuse_busy(tx, name, "running tasks of another design", tasks.c.design != digest)
    if site(tx, name) is None:
        tx.execute(sa.insert(sites).values(name=name, design=digest, locked_by=task,
                                           created_at=tx.now()))
    tx.execute(sa.update(sites).where(sites.c.name == name).values(
        design=digest, locked_by=task, updated_at=tx.now()))


def unlock_site(tx: Transaction, name: str) -> bool:
    """Take its design from a site; False if it has none.

    :raises Conflict: while a task runs on the site
    """
    _refuse_busy(tx, name, "running tasks", sa.true())
    return tx.execute(sa.update(sites).where(
        sites.c.name == name, sites.c.design.is_not(None)).values(
        design=None, locked_by=None, updated_at=tx.now())).rowcount == 1


def _refuse_busy(tx: Transaction, name: str, what: str, which) -> None:
    busy = tx.all(sa.select(tasks.c.uuid).where(
        tasks.c.site == name, which, tasks.c.parent.is_(None),
        tasks.c.state.not_in(ENDED)).limit(3))
    if busy:
        raise exceptions.Conflict(
            f"Site {name} has {what}: {', '.join(row.uuid for row in busy)}.",
            remedy="Wait for them to end, or cancel them.", site=name)
