"""Transactions and database time.

``Database.reader()`` and ``Database.writer()`` give a :class:`Transaction`. A writer holds its
lock from the first statement on SQLite (``BEGIN IMMEDIATE``) and runs at READ COMMITTED
elsewhere, so that an ``UPDATE`` of a fence row waits for the transaction before it and then sees
what that one wrote.

Database time is ``Transaction.now(seconds)``, an SQL expression: ``clock_timestamp()`` on
PostgreSQL (``now()`` would be the start of the transaction), ``UTC_TIMESTAMP(6)`` on MariaDB, the
host's clock on SQLite. On MariaDB it is the start of the statement, so after a wait for a lock a
lease that is given is shorter and one that is judged seems younger: both err to the safe side.
"""

import contextlib
import datetime
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import sqlalchemy as sa
from oslo_db import exception as db_exception
from oslo_db.sqlalchemy import engines
from sqlalchemy.ext import compiler

from provisioner import exceptions
from provisioner.clock import Clock

T = TypeVar("T")

#: the transaction was rolled back for certain, so running it again is safe
ROLLED_BACK = (db_exception.DBDeadlock,)
#: nobody knows whether a commit under way has happened
OUTAGE = (db_exception.DBConnectionError, db_exception.DBError, sa.exc.TimeoutError,
          sa.exc.DBAPIError)

#: a statement may take so many times as long as it may wait for a lock
STATEMENT_FACTOR = 3


class dbnow(sa.sql.expression.FunctionElement):  # noqa: N801 - reads as SQL
    """Database time plus a number of seconds, as SQL."""

    type = sa.DateTime()
    inherit_cache = True
    name = "dbnow"

    def __init__(self, seconds: float = 0.0):
        super().__init__(sa.literal(float(seconds), sa.Float()))


@compiler.compiles(dbnow, "postgresql")
def _postgresql(element, compiler_, **kw):
    seconds = compiler_.process(element.clauses, **kw)
    return f"((clock_timestamp() AT TIME ZONE 'UTC') + make_interval(secs => {seconds}))"


@compiler.compiles(dbnow, "mysql")
@compiler.compiles(dbnow, "mariadb")
def _mariadb(element, compiler_, **kw):
    seconds = compiler_.process(element.clauses, **kw)
    return f"(UTC_TIMESTAMP(6) + INTERVAL ({seconds}) * 1000000 MICROSECOND)"


@compiler.compiles(dbnow, "sqlite")
def _sqlite(element, compiler_, **kw):
    seconds = compiler_.process(element.clauses, **kw)
    return f"strftime('%Y-%m-%d %H:%M:%f000', 'now', ({seconds}) || ' seconds')"


class Transaction:
    """One open transaction: executes statements and tells database time.

    :ivar dialect: ``sqlite``, ``postgresql`` or ``mysql``
    """

    def __init__(self, connection: sa.Connection, clock: Clock):
        self._connection = connection
        self.clock = clock
        self.dialect = connection.dialect.name

    def execute(self, statement, parameters: Any = None) -> sa.CursorResult:
        return self._connection.execute(statement, parameters)

    def one(self, statement, **parameters: Any) -> sa.Row | None:
        """The only row, or None. Columns are attributes; the row outlives the transaction.

        :param parameters: values of the statement's bind parameters: hot statements are built
            once, because building one costs more than running it
        """
        return self._connection.execute(statement, parameters).one_or_none()

    def all(self, statement, **parameters: Any) -> list[sa.Row]:
        return list(self._connection.execute(statement, parameters))

    def scalar(self, statement, **parameters: Any) -> Any:
        return self._connection.execute(statement, parameters).scalar()

    def now(self, seconds: float = 0.0):
        """Database time, ``seconds`` from now, as an SQL expression."""
        return dbnow(seconds)

    def read_now(self) -> datetime.datetime:
        """Database time as a value (UTC, without zone)."""
        value = self._connection.execute(sa.select(sa.type_coerce(dbnow(), sa.DateTime()))).scalar()
        return datetime.datetime.fromisoformat(value) if isinstance(value, str) else value


class Database:
    """One database, as this process sees it.

    :param url: SQLAlchemy URL; ``sqlite:///path``, ``postgresql+psycopg2://…`` or
        ``mysql+pymysql://…``
    :param pool: connections kept at most (SQLite opens one per transaction)
    :param lock_timeout: seconds that a statement waits for a lock before it fails; it may take
        three times as long in all (SQLite: no limit)
    """

    def __init__(self, url: str, clock: Clock | None = None, *, pool: int = 20,
                 lock_timeout: float = 20.0):
        self.clock = clock or Clock()
        self.url = sa.make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite and self.url.database in (None, "", ":memory:"):
            raise exceptions.Misconfigured(
                "An in-memory SQLite database cannot be shared by threads.",
                remedy="Name a file: sqlite:////var/lib/provisioner/provisioner.sqlite.")
        pooling = {} if self.is_sqlite else {
            "max_pool_size": pool, "max_overflow": pool, "pool_timeout": lock_timeout}
        self.engine = engines.create_engine(
            self.url.update_query_dict({**self._parameters(lock_timeout), **self.url.query}),
            max_retries=0, connection_recycle_time=1800, mysql_sql_mode="TRADITIONAL", **pooling)
        # Errors are logged with their statements; parameters may be documents or addresses.
        self.engine.hide_parameters = True
        sa.event.listen(self.engine, "connect", self._on_connect(lock_timeout))

    def _parameters(self, lock_timeout: float) -> dict[str, str]:
        """Of the connection; what the URL says comes first.

        A peer that vanishes without a word is noticed some seconds after a statement's time is up.
        """
        if self.is_sqlite:
            return {"timeout": str(lock_timeout)}
        patience = int(lock_timeout * STATEMENT_FACTOR) + 5
        if self.url.get_backend_name() == "postgresql":
            return {"connect_timeout": "5", "tcp_user_timeout": str(patience * 1000),
                    "keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "3"}
        return {"connect_timeout": "5", "charset": "utf8mb4", "read_timeout": str(patience),
                "write_timeout": str(patience)}

    def _on_connect(self, lock_timeout: float) -> Callable:
        milliseconds = int(lock_timeout * 1000)
        statements = {
            "sqlite": ["PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL"],
            "postgresql": [f"SET lock_timeout = {milliseconds}",
                           f"SET statement_timeout = {milliseconds * STATEMENT_FACTOR}"],
        }.get(self.url.get_backend_name(), [
            "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
            f"SET SESSION innodb_lock_wait_timeout = {max(1, int(lock_timeout))}",
            f"SET SESSION max_statement_time = {lock_timeout * STATEMENT_FACTOR}",
            "SET SESSION time_zone = '+00:00'"])

        def prepare(connection, record):
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            cursor.close()
            if not self.is_sqlite:
                connection.commit()
        return prepare

    @contextlib.contextmanager
    def reader(self) -> Iterator[Transaction]:
        """A transaction for reading; nothing written in it is kept."""
        with self.engine.connect() as connection:
            yield Transaction(connection, self.clock)

    @contextlib.contextmanager
    def writer(self) -> Iterator[Transaction]:
        """A transaction that commits at the end of the block, or rolls back on an error.

        :raises oslo_db.exception.DBError: on failure; of a commit under way nobody knows whether
            it happened
        """
        with self.engine.connect() as connection:
            if self.is_sqlite:
                # oslo.db would emit a deferred BEGIN, which takes the write lock too late.
                connection.connection.info["in_transaction"] = True
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield Transaction(connection, self.clock)
            connection.commit()

    def write(self, function: Callable[[Transaction], T], attempts: int = 5) -> T:
        """Run ``function`` in a writer; again if the database itself rolled it back."""
        for attempt in range(1, attempts + 1):
            try:
                with self.writer() as tx:
                    return function(tx)
            except ROLLED_BACK:
                if attempt == attempts:
                    raise
        raise AssertionError("unreachable")

    def dispose(self) -> None:
        """Close all pooled connections."""
        self.engine.dispose()
