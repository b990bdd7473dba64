"""A migrated database of each kind, and threads whose blocking can be seen."""

import concurrent.futures

import pytest
import sqlalchemy as sa

from provisioner.db import schema
from provisioner.db.session import Database

#: sessions of this database that wait for a lock
WAITING = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity "
                  "WHERE datname = current_database() AND wait_event_type = 'Lock'",
    "mysql": "SELECT count(*) FROM information_schema.innodb_trx t "
             "JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id "
             "WHERE p.db = database() AND t.trx_state = 'LOCK WAIT'",
}


@pytest.fixture
def database(database_url):
    """A :class:`Database` with the newest schema, empty."""
    database = Database(database_url)
    schema.upgrade(database)
    yield database
    database.dispose()


@pytest.fixture
def in_thread():
    """``in_thread(function, *args)``: a future; all of them are over when the test ends."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=8) as pool:
        yield pool.submit


@pytest.fixture
def until_blocked(database, eventually):
    """``until_blocked(future)``: returns when that thread waits for a lock.

    SQLite does not tell: there it returns at once, and the thread may block a moment later.
    """
    def over(future):
        # MariaDB gives old news to whoever asks more often than every 0.1 s.
        return bool(concurrent.futures.wait([future], timeout=0.11).done)

    def wait(future):
        if database.is_sqlite:
            return
        with database.engine.connect() as connection:
            watching = connection.execution_options(isolation_level="AUTOCOMMIT")
            statement = sa.text(WAITING[connection.dialect.name])
            eventually(lambda: over(future) or watching.execute(statement).scalar(),
                       message="nobody waits for a lock")
        assert not future.done(), "it did not wait"
    return wait
