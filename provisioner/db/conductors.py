"""Leases: which incarnations of which conductors may act, and what they offer."""

import dataclasses
from collections.abc import Iterable

import sqlalchemy as sa

from provisioner.db.models import conductor_drivers, conductors, nodes, tasks
from provisioner.db.session import Transaction


@dataclasses.dataclass(frozen=True)
class Registration:
    """What a conductor tells of itself when it starts.

    :ivar drivers: ``{hardware type: {"interfaces": {kind: [names]}, "settings": {...}}}``
    """

    incarnation: str
    hostname: str
    conductor_group: str
    weight: int
    drivers: dict


def register(tx: Transaction, me: Registration, lease: float) -> None:
    """Begin an incarnation with a lease of ``lease`` seconds.

    :raises oslo_db.exception.DBDuplicateEntry: while another incarnation of that hostname lives
    """
    tx.execute(sa.insert(conductors).values(
        incarnation=me.incarnation, hostname=me.hostname, live_name=me.hostname,
        conductor_group=me.conductor_group, weight=me.weight, lease_until=tx.now(lease),
        created_at=tx.now(), updated_at=tx.now()))
    for name, offer in me.drivers.items():
        tx.execute(sa.insert(conductor_drivers).values(
            incarnation=me.incarnation, hardware_type=name, **offer))


def renew(tx: Transaction, incarnation: str, lease: float) -> bool:
    """Renew a lease that has not ended. A lost lease is never revived."""
    renewed = tx.execute(sa.update(conductors).where(
        conductors.c.incarnation == incarnation, conductors.c.dead.is_(False),
        conductors.c.lease_until > tx.now()).values(
        lease_until=tx.now(lease), updated_at=tx.now()))
    return renewed.rowcount == 1


def declare_dead(tx: Transaction) -> int:
    """Declare dead every incarnation whose lease has ended; how many."""
    return tx.execute(sa.update(conductors).where(
        conductors.c.dead.is_(False), conductors.c.lease_until < tx.now()).values(
        dead=True, live_name=None, dead_at=tx.now())).rowcount


def resign(tx: Transaction, incarnation: str, margin: float) -> None:
    """Declare oneself dead, last of all: nothing of this incarnation runs any more.

    Dated back by ``margin`` seconds, because nobody has to wait for a write under way.
    """
    tx.execute(sa.update(conductors).where(
        conductors.c.incarnation == incarnation, conductors.c.dead.is_(False)).values(
        dead=True, live_name=None, dead_at=tx.now(-margin), lease_until=tx.now()))


def bury(tx: Transaction, hostname: str, margin: float) -> int:
    """Declare dead all earlier incarnations of a host that a file lock proves gone."""
    return tx.execute(sa.update(conductors).where(
        conductors.c.hostname == hostname, conductors.c.dead.is_(False)).values(
        dead=True, live_name=None, dead_at=tx.now(-margin), lease_until=tx.now())).rowcount


def live(tx: Transaction) -> list[sa.Row]:
    """Incarnations not declared dead: incarnation, hostname, conductor_group, weight."""
    return tx.all(sa.select(
        conductors.c.incarnation, conductors.c.hostname, conductors.c.conductor_group,
        conductors.c.weight).where(conductors.c.dead.is_(False)).order_by(conductors.c.hostname))


def offers(tx: Transaction, incarnations: Iterable[str]) -> list[sa.Row]:
    """What these incarnations offer: incarnation, hardware_type, interfaces, settings."""
    return tx.all(sa.select(conductor_drivers).where(
        conductor_drivers.c.incarnation.in_(tuple(incarnations))).order_by(
        conductor_drivers.c.hardware_type, conductor_drivers.c.incarnation))


def newest(tx: Transaction) -> list[sa.Row]:
    """The newest incarnation of every hostname, dead or not, ordered by hostname."""
    last = sa.select(sa.func.max(conductors.c.id)).group_by(conductors.c.hostname)
    return tx.all(sa.select(conductors).where(conductors.c.id.in_(last)).order_by(
        conductors.c.hostname))


def forget(tx: Transaction, older_than: float) -> int:
    """Delete rows of incarnations dead for ``older_than`` seconds; how many.

    One that still holds a node or a task stays: its row is the proof that they may be taken.
    """
    holding = [sa.exists().where(table.c.incarnation == conductors.c.incarnation)
               for table in (nodes, tasks)]
    old = [row.incarnation for row in tx.all(sa.select(conductors.c.incarnation).where(
        conductors.c.dead.is_(True), conductors.c.dead_at < tx.now(-older_than),
        ~sa.or_(*holding)))]
    for table in (conductor_drivers, conductors):
        tx.execute(sa.delete(table).where(table.c.incarnation.in_(old)))
    return len(old)
