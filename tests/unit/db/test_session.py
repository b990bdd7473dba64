"""Database time, transactions and locks, on each kind of database."""

import datetime
import threading
import time

import pytest
import sqlalchemy as sa
from oslo_db import exception as db_exception

from provisioner import exceptions
from provisioner.db import nodes
from provisioner.db.models import nodes as nodes_table
from provisioner.db.session import OUTAGE, ROLLED_BACK, Database, dbnow
from tests.unit.db import rows

#: what SQLite's clock can tell apart
RESOLUTION = datetime.timedelta(milliseconds=1)


def read(tx, expression):
    value = tx.scalar(sa.select(sa.type_coerce(expression, sa.DateTime())))
    return datetime.datetime.fromisoformat(value) if isinstance(value, str) else value


@pytest.mark.parametrize("seconds", [0.0, 12.0, 0.25, -2.5, 0.001, 86400.0 * 400, -86400.0 * 400])
def test_now_adds_seconds(database, seconds):
    with database.reader() as tx:
        before = tx.read_now()
        moved = read(tx, tx.now(seconds)) - datetime.timedelta(seconds=seconds)
        after = tx.read_now()
    assert before - RESOLUTION <= moved <= after + RESOLUTION


def test_now_is_utc(database):
    with database.reader() as tx:
        now = tx.read_now()
    here = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    assert abs(now - here) < datetime.timedelta(minutes=1)


def test_now_moves_within_a_transaction(database, eventually):
    with database.reader() as tx:
        first = tx.read_now()
        assert eventually(lambda: tx.read_now() > first)


def test_now_tells_fractions_of_a_second(database, eventually):
    with database.reader() as tx:
        assert eventually(lambda: tx.read_now().microsecond)


def test_deadlines_compare_in_the_database(database):
    with database.reader() as tx:
        early, late = tx.now(-0.01), tx.now(0.01)
        middle = dbnow()
        assert tx.scalar(sa.select(sa.literal(1)).where(early < middle, middle < late)) == 1
        assert tx.scalar(sa.select(sa.literal(1)).where(late < early)) is None


def test_stored_time_equals_what_was_read(database):
    uuid = rows.node(database)
    rows.set_node(database, uuid, updated_at=dbnow(1.5))
    seen = rows.read_node(database, uuid).updated_at
    with database.reader() as tx:
        found = tx.all(sa.select(nodes_table.c.uuid).where(nodes_table.c.updated_at == seen))
        later = tx.all(sa.select(nodes_table.c.uuid).where(
            nodes_table.c.updated_at > seen - RESOLUTION, nodes_table.c.updated_at < tx.now(2)))
    assert [row.uuid for row in found] == [row.uuid for row in later] == [uuid]


def test_an_error_rolls_back(database):
    uuid = rows.node(database)
    with pytest.raises(RuntimeError), database.writer() as tx:
        nodes.update_engine(tx, uuid, {"fault": "power failure"})
        raise RuntimeError
    assert rows.read_node(database, uuid).fault is None


def test_a_reader_keeps_nothing(database):
    uuid = rows.node(database)
    with database.reader() as tx:
        nodes.update_engine(tx, uuid, {"fault": "power failure"})
    assert rows.read_node(database, uuid).fault is None


def test_a_reader_neither_waits_nor_sees_what_is_not_committed(database):
    uuid = rows.node(database)
    with database.writer() as tx:
        nodes.update_engine(tx, uuid, {"fault": "power failure"})
        assert rows.read_node(database, uuid).fault is None
    assert rows.read_node(database, uuid).fault == "power failure"


def test_a_writer_sees_what_was_committed_after_it_began(database, in_thread, until_blocked):
    uuid = rows.node(database, description="")

    def add(letter):
        def change(tx):
            # A statement before the locking one: a snapshot of this moment must not be used.
            nodes.get(tx, uuid)
            tx.execute(sa.update(nodes_table).where(nodes_table.c.uuid == uuid).values(
                epoch=nodes_table.c.epoch))
            text = nodes.get(tx, uuid).description
            nodes.update_engine(tx, uuid, {"description": text + letter})
        database.write(change)

    with database.writer() as tx:
        nodes.update_engine(tx, uuid, {"description": "a"})
        second = in_thread(add, "b")
        until_blocked(second)
    second.result(30)
    assert rows.read_node(database, uuid).description == "ab"


def test_read_modify_write_loses_nothing(database, in_thread):
    uuid = rows.node(database, extra={"n": 0})

    def increment(tx):
        tx.execute(sa.update(nodes_table).where(nodes_table.c.uuid == uuid).values(
            epoch=nodes_table.c.epoch))
        count = nodes.get(tx, uuid).extra["n"]
        nodes.update_engine(tx, uuid, {"extra": {"n": count + 1}})

    def several():
        for _ in range(10):
            database.write(increment)
    for future in [in_thread(several) for _ in range(4)]:
        future.result(60)
    assert rows.read_node(database, uuid).extra == {"n": 40}


def test_a_lock_is_waited_for_only_so_long(database, database_url):
    uuid = rows.node(database)
    impatient = Database(database_url, lock_timeout=1.0)
    begun = time.monotonic()
    with database.writer() as tx:
        nodes.update_engine(tx, uuid, {"fault": "first"})
        with pytest.raises(OUTAGE), impatient.writer() as other:
            nodes.update_engine(other, uuid, {"fault": "second"})
    assert time.monotonic() - begun >= 0.9, "it did not wait"
    impatient.dispose()
    assert rows.read_node(database, uuid).fault == "first"


def test_a_statement_takes_only_so_long(database, database_url):
    if database.is_sqlite:
        pytest.skip("nobody else can make SQLite wait")
    impatient = Database(database_url, lock_timeout=0.2)
    sleep = "pg_sleep(30)" if database.url.get_backend_name() == "postgresql" else "sleep(30)"
    with pytest.raises(OUTAGE), impatient.writer() as tx:
        tx.execute(sa.text(f"SELECT {sleep}"))
    with impatient.writer() as tx:
        assert tx.read_now() is not None
    impatient.dispose()


def test_deadlocks_are_run_again(database, in_thread):
    if database.is_sqlite:
        pytest.skip("one writer at a time cannot deadlock")
    first, second = rows.node(database), rows.node(database)
    both_hold = threading.Barrier(2, timeout=30)
    attempts = []

    def change(order):
        fresh = [True]

        def work(tx):
            attempts.append(order)
            nodes.update_engine(tx, order[0], {"fault": "x"})
            if fresh.pop() if fresh else False:
                both_hold.wait()
            nodes.update_engine(tx, order[1], {"fault": "x"})
        database.write(work)
    futures = [in_thread(change, order) for order in ((first, second), (second, first))]
    for future in futures:
        future.result(60)
    assert len(attempts) == 3, "one of them was rolled back, and run again"


def test_write_gives_up_after_so_many_attempts(database):
    attempts = []

    def fail(tx):
        attempts.append(1)
        raise ROLLED_BACK[0]()
    with pytest.raises(ROLLED_BACK):
        database.write(fail, attempts=3)
    assert len(attempts) == 3


def test_too_long_a_text_is_refused_not_cut(database):
    if database.is_sqlite:
        pytest.skip("SQLite has no lengths")
    with pytest.raises(db_exception.DBError):
        rows.node(database, resource_class="x" * 81)


def test_texts_are_told_apart_by_case_and_hold_any_character(database):
    rows.node(database, name="rack1-Node")
    uuid = rows.node(database, name="rack1-node", description="Größe 🔑 " + "x" * 70000)
    with database.reader() as tx:
        found = nodes.get(tx, "rack1-node")
    assert found.uuid == uuid
    assert found.description == "Größe 🔑 " + "x" * 70000


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused(url):
    with pytest.raises(exceptions.Misconfigured, match="in-memory"):
        Database(url)


def test_parameters_of_the_url_come_first(tmp_path):
    patient = Database(f"sqlite:///{tmp_path / 'x.sqlite'}?timeout=3", lock_timeout=20)
    assert patient.engine.url.query["timeout"] == "3"


def test_sqlite_takes_the_write_lock_at_the_start(tmp_path):
    url = f"sqlite:///{tmp_path / 'x.sqlite'}"
    holder, other = Database(url), Database(url, lock_timeout=0.05)
    with holder.writer(), pytest.raises(OUTAGE), other.writer():
        pytest.fail("two writers at a time")
    with other.writer():
        pass


def test_errors_do_not_tell_what_was_to_be_written(database):
    with pytest.raises(OUTAGE) as failed, database.writer() as tx:
        tx.execute(sa.text("INSERT INTO nowhere VALUES (:value)"), {"value": "the-secret"})
    assert "the-secret" not in str(failed.value)
