"""Rotation step by step, with services running or not, and killed in between."""

import pathlib

import pytest
import sqlalchemy as sa

from provisioner import exceptions, secrets
from provisioner.db import conductors, keys
from provisioner.db.models import conductors as conductors_table
from provisioner.dbsync import rotation
from tests.unit.db import rows


def held(path):
    return secrets.read_box(path).fingerprints()


def registered(database):
    """(sealing key, others), of the database."""
    with database.reader() as tx:
        known = keys.registered(tx)
    return ([row.fingerprint for row in known if row.primary],
            {row.fingerprint for row in known if not row.primary})


def start_service(database, path, hostname="a"):
    """What a conductor does when it starts; an earlier one of that host is dead."""
    box = secrets.read_box(path)
    keys.verify(database, box)
    database.write(lambda tx: conductors.bury(tx, hostname, 0))
    rows.conductor(database, hostname)
    return box


@pytest.fixture
def node(sqlite, key_file):
    """uuid of a node with a password, sealed by a service that runs no more."""
    box = start_service(sqlite, key_file)
    sqlite.write(lambda tx: conductors.bury(tx, "a", 0))
    return rows.node(sqlite, driver_info=box.seal({"ipmi_password": "secret"}))


def opens(database, node, box):
    try:
        return box.open(rows.read_node(database, node).driver_info) == {"ipmi_password": "secret"}
    except exceptions.Misconfigured:
        return False


def only(path, fingerprint):
    """A box of one key of the file."""
    lines = pathlib.Path(path).read_bytes().splitlines()
    return secrets.Box([lines[held(path).index(fingerprint)]])


def test_with_all_services_stopped(sqlite, key_file, node):
    old, = held(key_file)
    outcome = rotation.rotate(sqlite, key_file)
    new = held(key_file)[0]
    assert outcome.resealed == 1
    assert (held(key_file), registered(sqlite)) == ([new, old], ([new], {old}))
    assert opens(sqlite, node, only(key_file, new))
    outcome, retired = rotation.forget_old(sqlite, key_file)
    assert (outcome.resealed, retired, registered(sqlite)) == (0, [old], ([new], set()))
    keys.verify(sqlite, only(key_file, new))


def test_with_services_running(sqlite, key_file, node):
    old, = held(key_file)
    running = start_service(sqlite, key_file)

    new = rotation.prepare(sqlite, key_file)
    assert (held(key_file), registered(sqlite)) == ([old, new], ([old], {new}))
    with pytest.raises(exceptions.Conflict, match="older key file: a"):
        rotation.rotate(sqlite, key_file)
    assert opens(sqlite, node, running), "what runs is not disturbed"

    running = start_service(sqlite, key_file)
    assert rotation.rotate(sqlite, key_file).resealed == 1
    assert (held(key_file), registered(sqlite)) == ([new, old], ([new], {old}))
    assert opens(sqlite, node, running)
    late = rows.node(sqlite, driver_info=running.seal({"ipmi_password": "secret"}))
    assert not opens(sqlite, late, only(key_file, new)), "it seals with the old key still"
    with pytest.raises(exceptions.Conflict, match="older key file: a"):
        rotation.forget_old(sqlite, key_file)

    start_service(sqlite, key_file)
    outcome, retired = rotation.forget_old(sqlite, key_file)
    assert (outcome.resealed, retired) == (1, [old])
    assert opens(sqlite, node, only(key_file, new))
    assert opens(sqlite, late, only(key_file, new))


def test_a_new_key_is_not_put_in_use_under_running_services(sqlite, key_file, node):
    before = held(key_file)
    running = start_service(sqlite, key_file)
    with pytest.raises(exceptions.Conflict, match="without the new key: a") as caught:
        rotation.rotate(sqlite, key_file)
    assert "--prepare" in caught.value.remedy
    assert (held(key_file), registered(sqlite)) == (before, (before, set()))
    assert opens(sqlite, node, running)


def test_a_conductor_whose_lease_has_ended_is_no_obstacle(sqlite, key_file, node):
    start_service(sqlite, key_file)
    sqlite.write(lambda tx: tx.execute(sa.update(conductors_table).values(
        lease_until=tx.now(-1))))
    assert rotation.rotate(sqlite, key_file).resealed == 1


def test_repeating_a_step_begins_nothing_new(sqlite, key_file, node):
    prepared = rotation.prepare(sqlite, key_file)
    assert rotation.prepare(sqlite, key_file) == prepared
    rotation.rotate(sqlite, key_file)
    after = held(key_file)
    assert rotation.rotate(sqlite, key_file).resealed == 0
    assert held(key_file) == after
    rotation.forget_old(sqlite, key_file)
    outcome, retired = rotation.forget_old(sqlite, key_file)
    assert (outcome.resealed, retired, held(key_file)) == (0, [], after)
    rotation.rotate(sqlite, key_file)
    assert len(held(key_file)) == 3, "the next rotation"
    assert held(key_file)[1:] == after


def test_killed_before_the_new_key_was_registered(sqlite, key_file, node):
    old, = held(key_file)
    new = secrets.add_key(key_file)
    assert rotation.rotate(sqlite, key_file).resealed == 1
    assert (held(key_file), registered(sqlite)) == ([new, old], ([new], {old}))


def test_killed_before_the_prepared_key_was_registered(sqlite, key_file, node):
    secrets.add_key(key_file, seals=False)
    prepared = rotation.prepare(sqlite, key_file)
    assert held(key_file).index(prepared) == 2
    rotation.rotate(sqlite, key_file)
    assert held(key_file)[0] == prepared
    assert opens(sqlite, node, only(key_file, prepared))


def test_killed_after_the_key_was_put_first_in_the_file(sqlite, key_file, node):
    prepared = rotation.prepare(sqlite, key_file)
    secrets.promote_key(key_file, prepared)
    assert rotation.rotate(sqlite, key_file).resealed == 1
    assert (held(key_file)[0], registered(sqlite)[0]) == (prepared, [prepared])


def test_killed_after_the_key_was_registered(sqlite, key_file, node):
    """A service has started since; it did not need to know of the rotation."""
    old, = held(key_file)
    new = secrets.add_key(key_file)
    start_service(sqlite, key_file)
    assert registered(sqlite) == ([new], {old})
    assert rotation.rotate(sqlite, key_file).resealed == 1
    assert held(key_file) == [new, old]


def test_nothing_is_forgotten_before_it_is_sealed_anew(sqlite, key_file, node):
    old, = held(key_file)
    rotation.prepare(sqlite, key_file)
    with pytest.raises(exceptions.Conflict, match="prepared"):
        rotation.forget_old(sqlite, key_file)
    assert old in registered(sqlite)[0]


def test_nothing_is_forgotten_while_a_value_cannot_be_opened(sqlite, key_file, node):
    old, = held(key_file)
    foreign = secrets.Box([secrets.new_key()]).seal({"password": "x"})
    rows.node(sqlite, driver_info=foreign)
    assert rotation.rotate(sqlite, key_file).unreadable
    with pytest.raises(exceptions.Misconfigured, match="nodes.driver_info"):
        rotation.forget_old(sqlite, key_file)
    assert registered(sqlite)[1] == {old}


@pytest.mark.parametrize("step", [rotation.prepare, rotation.rotate, rotation.forget_old])
def test_a_key_file_that_lacks_a_key_is_refused(sqlite, key_file, node, step, tmp_path):
    other = str(tmp_path / "other.keys")
    secrets.add_key(other)
    with pytest.raises(exceptions.Misconfigured, match=held(key_file)[0]):
        step(sqlite, other)
    assert len(held(other)) == 1
    assert registered(sqlite) == (held(key_file), set())


def test_one_at_a_time(sqlite, key_file, node):
    with rotation._key_file(key_file), pytest.raises(exceptions.Conflict, match="key file"):
        rotation.prepare(sqlite, key_file)
    assert len(held(key_file)) == 1
