"""The schema of the database: made and changed by migrations only.

One process at a time changes it: others wait, then find nothing left to do.
"""

import contextlib
import hashlib
import pathlib
import sqlite3
from collections.abc import Callable, Iterator

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

import db_migrations
from provisioner import exceptions
from provisioner.db.session import Database

HEAD = "head"
#: seconds to wait for another process that changes the schema (SQLite: the database's own)
PATIENCE = 60


def version(database: Database) -> str | None:
    """The revision of the schema, or None if there is none."""
    with database.engine.connect() as connection:
        return _revision(connection)


def latest() -> str:
    """The newest revision that this program knows."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def is_known(revision: str) -> bool:
    """Whether this program has the migration that leads to a revision."""
    try:
        return ScriptDirectory.from_config(_config()).get_revision(revision) is not None
    except CommandError:
        return False


def create_schema(database: Database) -> None:
    """Make all tables in an empty database.

    :raises Conflict: if there is a schema already
    """
    with _exclusive(database) as connection:
        present = _revision(connection)
        if present is not None:
            raise exceptions.Conflict(f"The database has a schema, revision {present}.",
                                      remedy="Run provisioner-dbsync upgrade.")
        _migrate(connection, command.upgrade, HEAD)


def upgrade(database: Database, revision: str = HEAD) -> None:
    """Bring the schema to a revision; does nothing if it is there. Safe to repeat after a kill.

    :raises Misconfigured: if the revision, or that of the database, is unknown
    """
    with _exclusive(database) as connection:
        _migrate(connection, command.upgrade, revision)


def downgrade(database: Database, revision: str) -> None:
    """Take the schema back to an earlier revision (``base``: none). What it drops is lost.

    :raises Misconfigured: if the revision, or that of the database, is unknown
    """
    with _exclusive(database) as connection:
        _migrate(connection, command.downgrade, revision)


def stamp(database: Database, revision: str) -> None:
    """Record a revision without running anything.

    :raises Misconfigured: if it is unknown
    """
    with _exclusive(database) as connection:
        _migrate(connection, command.stamp, revision)


def _config() -> Config:
    config = Config()
    folder = pathlib.Path(db_migrations.__file__).parent
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return config


def _revision(connection: sa.Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _migrate(connection: sa.Connection, change: Callable, revision: str) -> None:
    config = _config()
    config.attributes["connection"] = connection
    try:
        change(config, revision)
    except CommandError as error:
        raise exceptions.Misconfigured(
            f"The schema cannot be changed: {error}",
            remedy="The database may belong to a newer release of this program.") from error


@contextlib.contextmanager
def _exclusive(database: Database) -> Iterator[sa.Connection]:
    """A connection in a transaction that no other process of this kind is in."""
    with database.engine.connect() as connection:
        gates = {"sqlite": _sqlite_gate, "postgresql": _postgresql_gate}
        with gates.get(connection.dialect.name, _mariadb_gate)(connection):
            yield connection
            connection.commit()


def _busy() -> exceptions.Conflict:
    return exceptions.Conflict("Another process is changing the schema.",
                               remedy="Wait for it to end, then run this again.")


@contextlib.contextmanager
def _lock_timeout_is_busy() -> Iterator[None]:
    try:
        yield
    except sa.exc.DBAPIError as error:
        # lock_not_available of PostgreSQL, SQLITE_BUSY
        if getattr(error.orig, "pgcode", None) != "55P03" and getattr(
                error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY:
            raise
        raise _busy() from error


@contextlib.contextmanager
def _sqlite_gate(connection: sa.Connection) -> Iterator[None]:
    # oslo.db would emit a deferred BEGIN, which takes the write lock too late.
    connection.connection.info["in_transaction"] = True
    with _lock_timeout_is_busy():
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    yield


@contextlib.contextmanager
def _postgresql_gate(connection: sa.Connection) -> Iterator[None]:
    key = int.from_bytes(hashlib.sha256(b"provisioner-dbsync").digest()[:8], signed=True)
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {PATIENCE * 1000}")
    with _lock_timeout_is_busy():
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))
    yield


@contextlib.contextmanager
def _mariadb_gate(connection: sa.Connection) -> Iterator[None]:
    # Named locks are the server's, not the database's.
    name = sa.func.concat("provisioner-dbsync-", sa.func.md5(sa.func.database()))
    if connection.execute(sa.select(sa.func.get_lock(name, PATIENCE))).scalar() != 1:
        raise _busy()
    try:
        yield
    finally:
        connection.execute(sa.select(sa.func.release_lock(name)))
