"""The database fixtures of the tests next door, and a key file."""

import pytest

from provisioner import secrets
from provisioner.db import schema
from provisioner.db.session import Database
from tests.unit.db.conftest import database, in_thread, until_blocked  # noqa: F401


@pytest.fixture
def key_file(tmp_path):
    """Path of a key file with one key."""
    path = tmp_path / "secret.keys"
    secrets.add_key(str(path))
    return str(path)


@pytest.fixture
def sqlite(tmp_path):
    """A migrated SQLite database."""
    database = Database(f"sqlite:///{tmp_path / 'provisioner.sqlite'}")  # noqa: F811
    schema.upgrade(database)
    yield database
    database.dispose()
