"""The process ``provisioner-api``: starts with what it needs, says what it lacks, stops clean."""

import re
import subprocess
import sys

import pytest
import requests

from provisioner import secrets
from provisioner.db import schema
from provisioner.db.session import Database

RUN = "import sys; from provisioner_api.wsgi import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture
def config(tmp_path):
    """``config(**options of group api)``: path of a configuration with database and key."""
    database = Database(f"sqlite:///{tmp_path}/api.sqlite")
    schema.upgrade(database)
    database.dispose()
    secrets.add_key(str(tmp_path / "keys"))

    def write(**options):
        file = tmp_path / "provisioner.conf"
        lines = [f"{name} = {value}" for name, value in {"port": 0, **options}.items()]
        file.write_text(
            f"[DEFAULT]\ntransport_url = fake://\n"
            f"[database]\nconnection = sqlite:///{tmp_path}/api.sqlite\n"
            f"[secrets]\nkey_file = {tmp_path}/keys\n[api]\n" + "\n".join(lines) + "\n")
        return file
    return write


def command(file):
    return [sys.executable, "-W", "ignore", "-c", RUN, "--config-file", str(file)]


def test_it_serves_until_it_is_told_to_stop(config, tmp_path, eventually):
    log = tmp_path / "log"
    with open(log, "w") as out:
        process = subprocess.Popen(command(config()), stdout=out, stderr=subprocess.STDOUT)
    try:
        port = eventually(lambda: re.search(r"listens on 127.0.0.1 port (\d+)", log.read_text()),
                          60)[1]
        url = f"http://127.0.0.1:{port}"
        assert requests.get(f"{url}/healthcheck", timeout=20).json() == {"status": "ok"}
        assert requests.get(f"{url}/v1/nodes", timeout=20).json() == {"nodes": []}
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


def refused(file):
    done = subprocess.run(command(file), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_it_says_why_it_does_not_start(config, tmp_path):
    assert "allow_noauth_anywhere" in refused(config(host="0.0.0.0"))
    assert "user file" in refused(config(auth_strategy="http_basic",
                                         http_basic_auth_user_file=tmp_path / "nothing"))


def test_it_needs_the_key_that_secrets_are_sealed_with(config, tmp_path):
    assert "allow_noauth" in refused(config(host="0.0.0.0"))  # registers the key
    (tmp_path / "keys").unlink()
    assert "key file" in refused(config())
    secrets.add_key(str(tmp_path / "keys"))
    assert "the key file lacks" in refused(config())
