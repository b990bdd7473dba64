"""Migrations: up, down, again, against the models, by several at once, on each database."""

import pathlib
import re
import subprocess
import sys

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from provisioner import dbsync, exceptions
from provisioner.db import models, nodes
from provisioner.db.session import Database

FOLDER = pathlib.Path(__file__).parents[2] / "db_migrations"


@pytest.fixture
def database(database_url):
    database = Database(database_url)
    yield database
    database.dispose()


def revisions():
    """All revisions, oldest first."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    return [one.revision for one in reversed(list(
        ScriptDirectory.from_config(config).walk_revisions()))]


def tables(database):
    return set(sa.inspect(database.engine).get_table_names())


def shape(database):
    """Columns, indexes and unique constraints of every table, as data."""
    inspector = sa.inspect(database.engine)
    return {table: (
        [(column["name"], str(column["type"]), column["nullable"])
         for column in inspector.get_columns(table)],
        sorted((index["name"], index["unique"], tuple(index["column_names"]))
               for index in inspector.get_indexes(table)),
        sorted(str(one["column_names"]) for one in inspector.get_unique_constraints(table)),
        inspector.get_pk_constraint(table)["constrained_columns"])
        for table in inspector.get_table_names()}


def differences(database):
    """What a new revision would have to do; empty if models and migrations agree."""
    with database.engine.connect() as connection:
        return compare_metadata(
            MigrationContext.configure(connection, opts={"compare_type": True}), models.metadata)


def test_revisions_are_one_line():
    found = revisions()
    assert found == [f"{number:04}" for number in range(1, len(found) + 1)]
    for path in (FOLDER / "versions").glob("[0-9]*.py"):
        assert re.fullmatch(r"\d{4}_[a-z0-9_]+\.py", path.name)


def test_the_newest_schema_is_that_of_the_models(database):
    assert dbsync.version(database) is None
    dbsync.upgrade(database)
    assert dbsync.version(database) == dbsync.latest() == revisions()[-1]
    assert differences(database) == []
    assert tables(database) == set(models.metadata.tables) | {"alembic_version"}


def test_a_difference_would_be_found(database):
    dbsync.upgrade(database)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("DROP INDEX ix_nodes_shard" + (
            " ON nodes" if database.url.get_backend_name() == "mysql" else ""))
        connection.exec_driver_sql("ALTER TABLE sites ADD COLUMN forgotten INTEGER")
    assert {change[0] for change in differences(database)} == {"add_index", "remove_column"}


def test_down_and_up_again(database):
    for revision in revisions():
        dbsync.upgrade(database, revision)
        assert dbsync.version(database) == revision
    whole = shape(database)
    for revision in [*reversed(revisions()[:-1]), "base"]:
        dbsync.downgrade(database, revision)
    assert (dbsync.version(database), tables(database)) == (None, {"alembic_version"})
    dbsync.upgrade(database)
    assert shape(database) == whole


def test_what_is_there_is_kept(database):
    dbsync.upgrade(database)
    uuid = database.write(lambda tx: nodes.create(tx, {"driver": "fake-hardware"}))
    dbsync.upgrade(database)
    with pytest.raises(exceptions.Conflict):
        dbsync.create_schema(database)
    with database.reader() as tx:
        assert nodes.get(tx, uuid).driver == "fake-hardware"


def test_create_schema_makes_all(database):
    dbsync.create_schema(database)
    assert dbsync.version(database) == dbsync.latest()


def test_a_run_that_was_killed_is_repeated(database):
    """MariaDB keeps each table that a killed run has made."""
    dbsync.upgrade(database)
    whole = shape(database)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM alembic_version")
        for table in ("sites", "tasks"):
            connection.exec_driver_sql(f"DROP TABLE {table}")
        connection.exec_driver_sql("DROP INDEX ix_nodes_shard" + (
            " ON nodes" if database.url.get_backend_name() == "mysql" else ""))
    dbsync.upgrade(database)
    assert shape(database) == whole


def test_several_at_once_take_turns(database_url, database):
    """As when all services of a site start after an upgrade."""
    program = ("import sys; from provisioner import dbsync; "
               "from provisioner.db.session import Database; "
               "dbsync.upgrade(Database(sys.argv[1]))")
    running = [subprocess.Popen([sys.executable, "-c", program, database_url],
                                stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for process in running:
        error = process.communicate(timeout=120)[1]
        assert process.returncode == 0, error
    assert differences(database) == []


def test_a_failed_upgrade_leaves_no_lock(database):
    with pytest.raises(exceptions.Misconfigured):
        dbsync.upgrade(database, "nowhere")
    dbsync.upgrade(database)
    assert dbsync.version(database) == dbsync.latest()


def test_a_schema_of_a_newer_release_is_left_alone(database):
    dbsync.upgrade(database)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'zzzz'")
    with pytest.raises(exceptions.Misconfigured, match="zzzz"):
        dbsync.upgrade(database)
    assert dbsync.version(database) == "zzzz"


def test_stamp_only_records(database):
    dbsync.stamp(database, "0001")
    assert (dbsync.version(database), tables(database)) == ("0001", {"alembic_version"})


def test_mariadb_tables_compare_byte_by_byte_in_transactions(database):
    if database.url.get_backend_name() != "mysql":
        pytest.skip("MariaDB has engines and collations by table")
    dbsync.upgrade(database)
    with database.reader() as tx:
        found = tx.all(sa.text(
            "SELECT DISTINCT engine, table_collation FROM information_schema.tables "
            "WHERE table_schema = database() AND table_name <> 'alembic_version'"))
    assert [tuple(row) for row in found] == [("InnoDB", "utf8mb4_bin")]


def test_alembic_can_write_a_revision(database_url, database, tmp_path):
    """The command line that developers use finds the models and sees no difference."""
    dbsync.upgrade(database)
    done = subprocess.run(
        [sys.executable, "-m", "alembic", "-c", str(FOLDER / "alembic.ini"),
         "-x", f"database={database_url}", "check"],
        capture_output=True, text=True, timeout=120)
    assert (done.returncode, "No new upgrade operations" in done.stdout + done.stderr) == (0, True)
