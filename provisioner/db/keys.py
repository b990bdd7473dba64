"""Which keys secrets are sealed with: their fingerprints, never the keys.

A key is registered before anything is sealed with it and stays until nothing is. A process that
lacks a registered key could not open some secret, so it refuses to start. Registering is
serialized by a row of its own (fingerprint ``""``, no key), so that two processes which start for
the first time with different key files cannot both succeed.
"""

import datetime
from typing import Protocol

import sqlalchemy as sa
from oslo_db import exception as db_exception

from provisioner import exceptions
from provisioner.db.models import secret_keys
from provisioner.db.session import Database, Transaction

_GATE = ""


class Keys(Protocol):
    """What is asked of a box of keys."""

    def fingerprints(self) -> list[str]:
        """Fingerprints of all keys, the sealing one first."""


def verify(database: Database, box: Keys) -> None:
    """Refuse a box that lacks a registered key; register its sealing key if that is new.

    :raises Misconfigured: naming the fingerprints that the box lacks
    """
    held = box.fingerprints()
    with database.reader() as tx:
        known = _require(tx, held)
    if held[0] not in known:
        database.write(lambda tx: _admit(tx, held))


def _require(tx: Transaction, held: list[str]) -> set[str]:
    known = {row.fingerprint for row in registered(tx)}
    lacking = sorted(known - set(held))
    if lacking:
        raise exceptions.Misconfigured(
            f"Secrets are sealed with keys that the key file lacks: {', '.join(lacking)}.",
            remedy="Copy the key file from a host whose services run.", fingerprints=lacking)
    return known


def _admit(tx: Transaction, held: list[str]) -> None:
    lock(tx)
    if held[0] not in _require(tx, held):
        register(tx, held[0])
        set_primary(tx, held[0])


def lock(tx: Transaction) -> None:
    """Keep others from registering until this transaction ends. The first statement of it.

    :raises oslo_db.exception.DBDeadlock: if two processes made the row at once; run it again
    """
    gate = sa.update(secret_keys).where(secret_keys.c.fingerprint == _GATE)
    if tx.execute(gate.values(primary=False)).rowcount == 1:
        return
    try:
        tx.execute(sa.insert(secret_keys).values(fingerprint=_GATE, created_at=tx.now()))
    except db_exception.DBDuplicateEntry as error:
        raise db_exception.DBDeadlock(error) from error


def registered(tx: Transaction) -> list[sa.Row]:
    """Keys that something may be sealed with, oldest first: fingerprint, primary, created_at."""
    return tx.all(sa.select(secret_keys).where(secret_keys.c.fingerprint != _GATE).order_by(
        secret_keys.c.created_at, secret_keys.c.fingerprint))


def register(tx: Transaction, fingerprint: str) -> None:
    """Add a key that does not seal yet. Call after :func:`lock`."""
    tx.execute(sa.insert(secret_keys).values(fingerprint=fingerprint, created_at=tx.now()))


def set_primary(tx: Transaction, fingerprint: str) -> datetime.datetime:
    """Record which key seals from now on; ``created_at`` becomes the time of that.

    Call after :func:`lock`. :returns: that time (UTC, without zone)
    """
    tx.execute(sa.update(secret_keys).where(secret_keys.c.primary.is_(True)).values(primary=False))
    moment = tx.read_now()
    tx.execute(sa.update(secret_keys).where(secret_keys.c.fingerprint == fingerprint).values(
        primary=True, created_at=moment))
    return moment


def forget_others(tx: Transaction, fingerprint: str) -> list[str]:
    """Unregister every key but this one: nothing is sealed with them any more.

    Call after :func:`lock`. :returns: the fingerprints that went
    """
    others = [row.fingerprint for row in registered(tx) if row.fingerprint != fingerprint]
    tx.execute(sa.delete(secret_keys).where(secret_keys.c.fingerprint.in_(others)))
    return others
