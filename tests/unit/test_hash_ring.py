"""The ring: everybody sees the same order, little moves, weights and groups count."""

import collections
import uuid

import pytest

from provisioner.hash_ring import Member, Rings

KEYS = [str(uuid.UUID(int=number)) for number in range(2000)]


def member(hostname, group="", weight=1, types=("ipmi",)):
    return Member(hostname, group, weight, frozenset(types))


def owners(rings, hardware_type="ipmi", group=""):
    return {key: rings.owner(hardware_type, group, key) for key in KEYS}


def test_nobody():
    for rings in (Rings([]), Rings([member("a", types=["redfish"])])):
        assert rings.owner("ipmi", "", KEYS[0]) is None
        assert rings.hosts("ipmi", "", KEYS[0]) == []


def test_the_order_of_members_does_not_matter():
    members = [member(name) for name in "abcd"]
    assert owners(Rings(members)) == owners(Rings(reversed(members)))


def test_hosts_begin_with_the_owner_and_name_each_once():
    rings = Rings(member(name) for name in "abcd")
    for key in KEYS[:200]:
        hosts = rings.hosts("ipmi", "", key)
        assert hosts[0] == rings.owner("ipmi", "", key)
        assert sorted(hosts) == list("abcd")


def test_the_second_host_is_the_owner_once_the_first_is_gone():
    members = {name: member(name) for name in "abc"}
    whole = Rings(members.values())
    for key in KEYS[:200]:
        first, second, _ = whole.hosts("ipmi", "", key)
        rest = Rings(one for name, one in members.items() if name != first)
        assert rest.owner("ipmi", "", key) == second


def test_only_the_work_of_who_left_moves():
    before = owners(Rings(member(name) for name in "abcd"))
    after = owners(Rings(member(name) for name in "abc"))
    moved = {key for key in KEYS if before[key] != after[key]}
    assert moved == {key for key in KEYS if before[key] == "d"}


def test_the_work_is_spread():
    counts = collections.Counter(owners(Rings(member(name) for name in "abcd")).values())
    assert set(counts) == set("abcd")
    assert min(counts.values()) > len(KEYS) / 4 / 2
    assert max(counts.values()) < len(KEYS) / 4 * 2


def test_weight_is_a_share():
    counts = collections.Counter(owners(
        Rings([member("a"), member("b", weight=4)])).values())
    assert 2 < counts["b"] / counts["a"] < 8


def test_only_members_of_the_group_serve_it():
    rings = Rings([member("a"), member("b", "rack1"), member("c", "rack1")])
    assert set(owners(rings).values()) == {"a"}
    assert set(owners(rings, group="rack1").values()) == {"b", "c"}
    assert set(owners(rings, group="rack2").values()) == {None}
    assert set(owners(rings, group=None).values()) == {"a"}, "None is the group without a name"


def test_only_members_with_the_hardware_type_serve_it():
    rings = Rings([member("a"), member("b", types=["redfish", "ipmi"])])
    assert set(owners(rings).values()) == {"a", "b"}
    assert set(owners(rings, "redfish").values()) == {"b"}


@pytest.mark.parametrize("group", [None, "", "rack1"])
def test_work_without_a_hardware_type_goes_to_all(group):
    rings = Rings([member("a"), member("b", "rack1", types=[])])
    found = owners(rings, None, group)
    assert set(found.values()) == {"a", "b"}
    assert found == owners(rings, None, "")
