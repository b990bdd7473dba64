"""Which keys secrets are sealed with: their fingerprints, never the keys.

A key is registered before anything is sealed with it and retired when nothing is. A process that
lacks a registered key could not open some secret, so it refuses to start; so does one that would
seal with a retired key, which others may have thrown away. Registering is
serialized by a row of its own (fingerprint ``""``, no key), so that two processes which start for
the first time with different key files cannot both succeed.
"""

from collections.abc import Iterable
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

    :raises Misconfigured: naming the fingerprints that the box lacks, or the retired one that it
        would seal with
    """
    held = box.fingerprints()
    with database.reader() as tx:
        known = registered(tx)
    require(known, held)
    if held[0] not in {row.fingerprint for row in known}:
        database.write(lambda tx: _admit(tx, held))


def require(known: Iterable[sa.Row], held: Iterable[str]) -> None:
    """:raises Misconfigured: if a registered key is not among those held"""
    lacking = sorted({row.fingerprint for row in known} - set(held))
    if lacking:
        raise exceptions.Misconfigured(
            f"Secrets are sealed with keys that the key file lacks: {', '.join(lacking)}.",
            remedy="Copy the key file from a host whose services run.", fingerprints=lacking)


def _admit(tx: Transaction, held: list[str]) -> None:
    lock(tx)
    known = registered(tx)
    require(known, held)
    if held[0] not in {row.fingerprint for row in known}:
        _refuse_retired(tx, held[0])
        register(tx, held[0])
        set_primary(tx, held[0])


def _refuse_retired(tx: Transaction, fingerprint: str) -> None:
    retired = sa.select(secret_keys).where(secret_keys.c.fingerprint == fingerprint,
                                           secret_keys.c.retired_at.is_not(None))
    if tx.one(retired) is not None:
        raise exceptions.Misconfigured(
            f"The key file begins with a key that was retired: {fingerprint}.",
            remedy="Copy the key file from a host whose services run.", fingerprints=[fingerprint])


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
    """Keys that something may be sealed with, oldest first.

    Columns: fingerprint, primary, created_at, primary_since (None: it never sealed).
    """
    return tx.all(sa.select(secret_keys).where(
        secret_keys.c.fingerprint != _GATE, secret_keys.c.retired_at.is_(None)).order_by(
        secret_keys.c.created_at, secret_keys.c.fingerprint))


def register(tx: Transaction, fingerprint: str) -> None:
    """Add a key that does not seal yet, unless it is there. Call after :func:`lock`."""
    if fingerprint not in {row.fingerprint for row in registered(tx)}:
        tx.execute(sa.insert(secret_keys).values(fingerprint=fingerprint, created_at=tx.now()))


def set_primary(tx: Transaction, fingerprint: str) -> None:
    """Record which registered key seals from now on. Call after :func:`lock`."""
    tx.execute(sa.update(secret_keys).where(
        secret_keys.c.primary.is_(True), secret_keys.c.fingerprint != fingerprint).values(
        primary=False))
    tx.execute(sa.update(secret_keys).where(
        secret_keys.c.fingerprint == fingerprint, secret_keys.c.primary.is_(False)).values(
        primary=True, primary_since=tx.now()))


def retire_others(tx: Transaction, fingerprint: str) -> list[str]:
    """Retire every key but this one: nothing is sealed with them any more.

    Call after :func:`lock`. :returns: the fingerprints that went
    """
    others = [row.fingerprint for row in registered(tx) if row.fingerprint != fingerprint]
    tx.execute(sa.update(secret_keys).where(secret_keys.c.fingerprint.in_(others)).values(
        primary=False, retired_at=tx.now()))
    return others
