"""Registered keys: who lacks one does not start."""

import pytest

from provisioner import exceptions
from provisioner.db import keys


class Held:
    """A box that holds keys of these fingerprints."""

    def __init__(self, *fingerprints):
        self._fingerprints = list(fingerprints)

    def fingerprints(self):
        return self._fingerprints


def registered(database):
    with database.reader() as tx:
        return {row.fingerprint: bool(row.primary) for row in keys.registered(tx)}


def test_the_first_use_registers_the_sealing_key(database):
    assert registered(database) == {}
    for _ in range(2):
        keys.verify(database, Held("k1", "k0"))
        assert registered(database) == {"k1": True}


def test_a_process_without_a_registered_key_is_refused(database):
    keys.verify(database, Held("k1"))
    with pytest.raises(exceptions.Misconfigured, match="k1") as caught:
        keys.verify(database, Held("k2"))
    assert caught.value.where["fingerprints"] == ["k1"]
    assert registered(database) == {"k1": True}, "it was not registered either"


def test_a_rotated_key_is_registered_and_the_old_one_still_wanted(database):
    keys.verify(database, Held("k1"))
    keys.verify(database, Held("k2", "k1"))
    assert registered(database) == {"k1": False, "k2": True}
    for lacking in ("k1", "k2"):
        with pytest.raises(exceptions.Misconfigured, match="k1|k2") as caught:
            keys.verify(database, Held(*{"k1", "k2", "k3"} - {lacking}))
        assert caught.value.where["fingerprints"] == [lacking]


def test_another_order_of_known_keys_changes_nothing(database):
    keys.verify(database, Held("k1"))
    keys.verify(database, Held("k2", "k1"))
    keys.verify(database, Held("k1", "k2"))
    assert registered(database) == {"k1": False, "k2": True}


def test_a_retired_key_may_be_thrown_away_and_does_not_come_back(database):
    keys.verify(database, Held("k1"))
    keys.verify(database, Held("k2", "k1"))

    def retire(tx):
        keys.lock(tx)
        return keys.retire_others(tx, "k2")
    assert database.write(retire) == ["k1"]
    keys.verify(database, Held("k2"))
    keys.verify(database, Held("k2", "k1"))
    with pytest.raises(exceptions.Misconfigured, match="k1"):
        keys.verify(database, Held("k1", "k2"))
    assert registered(database) == {"k2": True}


def test_of_two_first_starts_with_different_keys_one_fails(database, in_thread, until_blocked):
    with database.writer() as tx:
        keys.lock(tx)
        keys.register(tx, "k1")
        keys.set_primary(tx, "k1")
        second = in_thread(keys.verify, database, Held("k2"))
        until_blocked(second)
    with pytest.raises(exceptions.Misconfigured, match="k1"):
        second.result(30)
    assert registered(database) == {"k1": True}


def test_first_starts_at_once_with_one_key_all_succeed(database, in_thread):
    for future in [in_thread(keys.verify, database, Held("k1")) for _ in range(6)]:
        future.result(30)
    assert registered(database) == {"k1": True}
