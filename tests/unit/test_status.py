"""The upgrade check: what it finds, as data."""

import json

import pytest

from provisioner import dbsync, secrets, status
from provisioner.db import keys
from provisioner.db.session import Database


@pytest.fixture
def place(tmp_path):
    """A folder with a configuration; neither database nor key file yet."""
    (tmp_path / "provisioner.conf").write_text(
        f"[database]\nconnection = sqlite:///{tmp_path / 'x.sqlite'}\n"
        f"[secrets]\nkey_file = {tmp_path / 'secret.keys'}\n")
    return tmp_path


@pytest.fixture
def database(place):
    database = Database(f"sqlite:///{place / 'x.sqlite'}")
    dbsync.upgrade(database)
    yield database
    database.dispose()


def check(place, capsys):
    """(exit code, {check: (result, details)})"""
    code = status.main(["--config-file", str(place / "provisioner.conf"),
                        "upgrade", "check", "--json"])
    found = json.loads(capsys.readouterr().out)
    return code, {one["check"]: (one["result"], one["details"]) for one in found["checks"]}


def test_all_is_well(place, database, capsys):
    key = secrets.add_key(str(place / "secret.keys"))
    keys.verify(database, secrets.read_box(str(place / "secret.keys")))
    code, found = check(place, capsys)
    assert code == 0
    assert found["Schema"] == (0, f"Revision {dbsync.latest()}")
    assert found["Secret keys"] == (0, key)
    assert found["Database"][0] == 0


def test_a_table_for_people(place, database, capsys):
    secrets.add_key(str(place / "secret.keys"))
    assert status.main(["--config-file", str(place / "provisioner.conf"),
                        "upgrade", "check"]) == 0
    assert "Result: Success" in capsys.readouterr().out


def test_no_schema_and_no_key_file(place, capsys):
    code, found = check(place, capsys)
    assert code == 2
    assert (found["Schema"][0], "dbsync upgrade" in found["Schema"][1]) == (2, True)
    assert (found["Secret keys"][0], "create_key" in found["Secret keys"][1]) == (2, True)


def test_a_schema_of_a_newer_release(place, database, capsys):
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'zzzz'")
    code, found = check(place, capsys)
    assert (code, "newer release" in found["Schema"][1]) == (2, True)


def test_an_unreachable_database(place, capsys):
    (place / "provisioner.conf").write_text(
        "[database]\nconnection = mysql+pymysql://u:hidden@127.0.0.1:1/x\n"
        f"[secrets]\nkey_file = {place / 'secret.keys'}\n")
    code, found = check(place, capsys)
    assert code == 2
    assert found["Database"][0] == found["Schema"][0] == 2
    assert "hidden" not in str(found)


def test_a_missing_key(place, database, capsys):
    keys.verify(database, secrets.Box([secrets.new_key()]))
    secrets.add_key(str(place / "secret.keys"))
    code, found = check(place, capsys)
    assert (code, found["Secret keys"][0]) == (2, 2)


def test_a_rotation_that_has_not_ended(place, database, capsys):
    path = str(place / "secret.keys")
    for _ in range(2):
        secrets.add_key(path)
        keys.verify(database, secrets.read_box(path))
    code, found = check(place, capsys)
    assert (code, found["Secret keys"][0]) == (1, 1)
