"""Rotation of the key that seals, while services run or not; safe to repeat after a kill.

With services running, in this order:

1. ``rotate_keys --prepare`` adds a key that only opens. Copy the key file to every host, restart
   every service.
2. ``rotate_keys`` puts that key first and seals every secret anew. Copy the key file to every
   host, restart every service: from now on they seal with it.
3. ``rotate_keys --forget-old`` seals anew what was written meanwhile and retires the old keys.
   Their lines may then be deleted from the key files; backups of the database made before need
   them.

With all services stopped, ``rotate_keys`` alone adds the key as well. Conductors that were not
restarted in between are refused by name; API processes are not known to the database: restarting
them is up to the operator.

Where a rotation stands is in the table of keys, which holds fingerprints only: a key that has
never been primary is prepared, one that has been is old. The file is always written first, so
that a registered key is in it.
"""

import contextlib
import datetime
import fcntl
import os
import pathlib
from collections.abc import Iterator

import sqlalchemy as sa

from provisioner import exceptions, secrets
from provisioner.db import keys
from provisioner.db.models import conductors
from provisioner.db.session import Database, Transaction
from provisioner.dbsync.resealing import Outcome, Resealer


def prepare(database: Database, path: str) -> str:
    """Add a key that opens and does not seal yet, unless there is one.

    :param path: of the key file
    :returns: its fingerprint
    :raises Misconfigured: if the key file lacks a registered key
    """
    with _key_file(path):
        keys.verify(database, secrets.read_box(path))
        known = _registered(database)
        prepared = next((row for row in known if row.primary_since is None), None)
        if prepared is not None:
            return prepared.fingerprint
        fingerprint = secrets.add_key(path, seals=False)
        _record(database, fingerprint, primary=False)
        return fingerprint


def rotate(database: Database, path: str, *, batch: int = 100) -> Outcome:
    """Make the prepared key (or else a new one) the sealing key and seal everything with it.

    A rotation whose old keys are not forgotten yet is continued; no other is begun.

    :param path: of the key file
    :raises Misconfigured: if the key file lacks a registered key
    :raises Conflict: while a conductor lives that does not have the key
    """
    with _key_file(path):
        fingerprint = _target(database, path)
        if secrets.read_box(path).fingerprints()[0] != fingerprint:
            secrets.promote_key(path, fingerprint)
        _record(database, fingerprint, primary=True)
        return _reseal(database, path, batch)


def forget_old(database: Database, path: str, *, batch: int = 100) -> tuple[Outcome, list[str]]:
    """Seal anew what is left, then retire every key but the primary.

    :param path: of the key file
    :returns: what was sealed anew, and the fingerprints of the keys that were retired
    :raises Misconfigured: if the key file lacks a registered key, or a value cannot be opened
    :raises Conflict: while a conductor lives that may seal with an old key, or no rotation ended
    """
    with _key_file(path):
        box = secrets.read_box(path)
        keys.verify(database, box)
        primary = next(row for row in _registered(database) if row.primary)
        _refuse_stale(database, primary.primary_since)
        if box.fingerprints()[0] != primary.fingerprint or _is_prepared(database):
            raise exceptions.Conflict("A rotation has been prepared, not done.",
                                      remedy="Run provisioner-dbsync rotate_keys first.")
        outcome = _reseal(database, path, batch)
        if outcome.unreadable:
            raise exceptions.Misconfigured(
                f"No key opens {', '.join(outcome.unreadable)}; no key is forgotten.",
                remedy="Set these values again, or add the key that they were sealed with.")
        return outcome, database.write(lambda tx: _forget(tx, primary.fingerprint))


def _target(database: Database, path: str) -> str:
    """The fingerprint of the key that shall seal; it is in the file."""
    # Registers a key that a run, killed before it could do so, has left first in the file.
    keys.verify(database, secrets.read_box(path))
    known = _registered(database)
    wanted = [row for row in known if row.primary_since is None] or [
        row for row in known if row.primary and len(known) > 1]
    _refuse_stale(database, wanted[0].created_at if wanted else None)
    return wanted[0].fingerprint if wanted else secrets.add_key(path)


def _refuse_stale(database: Database, since: datetime.datetime | None) -> None:
    """:raises Conflict: while conductors live that started before ``since`` (None: any)"""
    with database.reader() as tx:
        alive = sa.select(conductors.c.hostname).where(
            conductors.c.dead.is_(False), conductors.c.lease_until > tx.now())
        if since is not None:
            alive = alive.where(conductors.c.created_at < since)
        names = [row.hostname for row in tx.all(alive.order_by(conductors.c.hostname))]
    if names and since is None:
        raise exceptions.Conflict(
            f"Conductors run without the new key: {', '.join(names)}.",
            remedy="Begin with provisioner-dbsync rotate_keys --prepare, or stop all services.")
    if names:
        raise exceptions.Conflict(
            f"Conductors run with an older key file: {', '.join(names)}.",
            remedy="Copy the key file to every host and restart every service.")


def _registered(database: Database) -> list[sa.Row]:
    with database.reader() as tx:
        return keys.registered(tx)


def _is_prepared(database: Database) -> bool:
    return any(row.primary_since is None for row in _registered(database))


def _record(database: Database, fingerprint: str, *, primary: bool) -> None:
    def change(tx: Transaction) -> None:
        keys.lock(tx)
        keys.register(tx, fingerprint)
        if primary:
            keys.set_primary(tx, fingerprint)
    database.write(change)


def _forget(tx: Transaction, fingerprint: str) -> list[str]:
    keys.lock(tx)
    return keys.retire_others(tx, fingerprint)


def _reseal(database: Database, path: str, batch: int) -> Outcome:
    box = secrets.read_box(path)
    return Resealer(database, box, box.sealing(), batch=batch).run()


@contextlib.contextmanager
def _key_file(path: str) -> Iterator[None]:
    """Only one process of this kind works with the key file (its folder is locked)."""
    descriptor = os.open(pathlib.Path(path).parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise exceptions.Conflict("Another process changes the key file.",
                                  remedy="Wait for it to end, then run this again.") from error
    finally:
        os.close(descriptor)
