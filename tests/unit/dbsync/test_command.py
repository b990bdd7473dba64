"""The command line, as a person uses it."""

import subprocess
import sys

import pytest

from provisioner import dbsync, secrets
from provisioner.db.session import Database
from tests.unit.db import rows


@pytest.fixture
def command(tmp_path, capsys):
    """``command(*arguments)``: (exit code, standard output, standard error)."""
    config = tmp_path / "provisioner.conf"
    config.write_text(f"[database]\nconnection = sqlite:///{tmp_path / 'x.sqlite'}\n"
                      f"[secrets]\nkey_file = {tmp_path / 'secret.keys'}\n")

    def run(*arguments):
        code = dbsync.main(["--config-file", str(config), *arguments])
        printed = capsys.readouterr()
        return code, printed.out.strip(), printed.err.strip()
    return run


def test_the_life_of_a_schema(command):
    assert command("version") == (0, "no schema", "")
    assert command("create_schema") == (0, dbsync.latest(), "")
    code, _, error = command("create_schema")
    assert (code, "has a schema" in error) == (1, True)
    assert command("upgrade") == (0, dbsync.latest(), "")
    assert command("downgrade", "base") == (0, "no schema", "")
    assert command("stamp", "0001") == (0, "0001", "")


def test_an_unknown_revision_is_told(command):
    code, _, error = command("upgrade", "nowhere")
    assert (code, "nowhere" in error, "newer release" in error) == (1, True, True)


def test_keys(command, tmp_path):
    path = str(tmp_path / "secret.keys")
    command("upgrade")
    assert "create_key" in command("rotate_keys")[2]
    assert command("create_key")[0] == 0
    code, _, error = command("create_key")
    assert (code, "already" in error) == (1, True)
    box = secrets.read_box(path)
    database = Database(f"sqlite:///{tmp_path / 'x.sqlite'}")
    rows.node(database, driver_info=box.seal({"ipmi_password": "x"}))
    database.dispose()
    code, out, _ = command("rotate_keys", "--prepare")
    assert (code, "opens only" in out) == (0, True)
    code, out, _ = command("rotate_keys", "--batch", "1")
    assert (code, out.startswith("1 values")) == (0, True)
    code, out, _ = command("rotate_keys", "--forget-old")
    assert (code, box.fingerprints()[0] in out) == (0, True)


def test_values_that_no_key_opens_are_told(command, tmp_path):
    command("upgrade")
    command("create_key")
    database = Database(f"sqlite:///{tmp_path / 'x.sqlite'}")
    rows.node(database, driver_info=secrets.Box([secrets.new_key()]).seal({"password": "x"}))
    database.dispose()
    code, _, error = command("rotate_keys")
    assert (code, "nodes.driver_info 1" in error) == (1, True)


def test_the_order_of_a_rotation_is_in_the_help(capsys):
    with pytest.raises(SystemExit) as caught:
        dbsync.main(["rotate_keys", "--help"])
    assert caught.value.code == 0
    assert "restart\n   every service" in capsys.readouterr().out


def test_a_missing_configuration_is_told(tmp_path, capsys):
    assert dbsync.main(["--config-file", str(tmp_path / "none"), "version"]) == 1
    assert "none" in capsys.readouterr().err


def test_a_database_that_cannot_be_reached_is_told_without_the_password(tmp_path, capsys):
    config = tmp_path / "provisioner.conf"
    config.write_text("[database]\nconnection = postgresql+psycopg2://u:hidden@127.0.0.1:1/x\n")
    assert dbsync.main(["--config-file", str(config), "version"]) == 1
    printed = capsys.readouterr()
    assert "The database failed" in printed.err
    assert "hidden" not in printed.err + printed.out


def test_it_runs_as_a_program(tmp_path):
    config = tmp_path / "provisioner.conf"
    config.write_text(f"[database]\nconnection = sqlite:///{tmp_path / 'x.sqlite'}\n")
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from provisioner.dbsync import main; sys.exit(main())",
         "--config-file", str(config), "upgrade"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, dbsync.latest())
