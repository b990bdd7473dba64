"""Sealing, opening, masking, and the key file."""

import os
import stat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner import exceptions, secrets
from provisioner.secrets import MASK, SEALED, Box

KEYS = [secrets.new_key() for _ in range(2)]
BOX = Box(KEYS[:1])

plain_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(min_size=1).filter(lambda key: key != SEALED), inner, max_size=4),
    max_leaves=12)


@pytest.mark.parametrize("name", [
    "ipmi_password", "redfish_password", "passwd", "agent_secret_token", "x-auth-token",
    "credentials", "private_key", "privatekey", "ipmi_hex_kg_key", "snmp_auth_key",
    "snmp_priv_key", "maas_api_key", "key", "configdrive", "image_url", "PASSWORD"])
def test_names_of_secrets(name):
    assert secrets.is_secret_name(name)


@pytest.mark.parametrize("name", [
    "ipmi_address", "ipmi_username", "keyboard", "key_type", "monkey", "image_checksum", "keys",
    "snmp_version", "pass", ""])
def test_names_of_no_secrets(name):
    assert not secrets.is_secret_name(name)


def test_seal_and_open():
    info = {"ipmi_address": "192.0.2.1", "ipmi_password": "geheim é", "ports": [
        {"token": "t", "n": 1}], "other": "o"}
    sealed = BOX.seal(info, names=["other"])
    assert sealed["ipmi_address"] == "192.0.2.1"
    for value in (sealed["ipmi_password"], sealed["ports"][0]["token"], sealed["other"]):
        assert secrets.is_sealed(value)
    assert "geheim" not in str(sealed)
    assert BOX.open(sealed) == info
    assert info["ipmi_password"] == "geheim é", "the original is not touched"


def test_sealing_twice_changes_nothing():
    once = BOX.seal({"password": "x"})
    assert BOX.seal(once) == once


@pytest.mark.parametrize("empty", [None, ""])
def test_nothing_is_not_sealed(empty):
    assert BOX.seal({"password": empty}) == {"password": empty}


@pytest.mark.parametrize("value", [5, True, ["x"], {"a": "b"}])
def test_a_secret_is_a_text(value):
    with pytest.raises(exceptions.Invalid):
        BOX.seal({"password": value})


@given(plain_json)
@settings(max_examples=100, deadline=None)
def test_open_undoes_seal(value):
    try:
        sealed = BOX.seal(value)
    except exceptions.Invalid:
        return
    assert BOX.open(sealed) == value
    assert Box(KEYS[1:]).open(Box([KEYS[1], KEYS[0]]).reseal(sealed)) == value


def test_another_key_opens_nothing():
    sealed = BOX.seal({"password": "x"})
    with pytest.raises(exceptions.Misconfigured, match="key"):
        Box([KEYS[1]]).open(sealed)
    with pytest.raises(exceptions.Misconfigured):
        Box([KEYS[1]]).reseal(sealed)


@pytest.mark.parametrize("value", ["", "garbage", "gAAAA", "é", BOX.seal_text("x")[:-3]],
                         ids=["nothing", "garbage", "too short", "not ASCII", "cut"])
def test_what_is_not_sealed_by_us_is_told(value):
    with pytest.raises(exceptions.Misconfigured):
        BOX.open({SEALED: value})


@pytest.mark.parametrize("value", [{SEALED: 5}, {SEALED: None}, {SEALED: {}},
                                   {SEALED: "x", "more": 1}])
def test_what_only_resembles_a_sealed_value(value):
    assert not secrets.is_sealed(value)
    assert BOX.open(value) == value


def test_all_keys_open_and_the_first_seals():
    old, both, new = Box(KEYS[:1]), Box([KEYS[1], KEYS[0]]), Box(KEYS[1:])
    assert both.open_text(old.seal_text("x")) == "x"
    assert new.open_text(both.seal_text("x")) == "x"
    assert new.open(both.reseal(old.seal({"a": [{"token": "x"}]}))) == {"a": [{"token": "x"}]}
    assert new.open_text(both.sealing().seal_text("x")) == "x"
    assert both.sealing().fingerprints() == both.fingerprints()[:1]


def test_fingerprints_tell_keys_apart_and_not_what_they_are():
    first, second = Box(KEYS).fingerprints()
    assert first != second
    assert len(first) == 16
    assert Box([KEYS[1] + b"\n"]).fingerprints() == [second]
    assert first.encode() not in KEYS[0]


@pytest.mark.parametrize("keys", [[], [b""], [b"\n"]])
def test_a_box_needs_a_key(keys):
    with pytest.raises(exceptions.Misconfigured, match="no key"):
        Box(keys)


def test_a_bad_key_is_told_without_showing_it():
    with pytest.raises(exceptions.Misconfigured) as caught:
        Box([KEYS[0], b"my-secret-but-no-key"])
    assert "my-secret" not in str(caught.value.as_dict())


def test_mask():
    value = {"ipmi_password": "x", "ipmi_username": "admin", "empty_password": "", "none_key": None,
             "list": [{"token": "t"}, BOX.seal_text("x")], "sealed": {SEALED: "x"}, "also": "y",
             "credentials": {"user": "u"}}
    assert secrets.mask(value, names=["also"]) == {
        "ipmi_password": MASK, "ipmi_username": "admin", "empty_password": "", "none_key": None,
        "list": [{"token": MASK}, value["list"][1]],
        "sealed": MASK, "also": MASK, "credentials": MASK}
    assert value["ipmi_password"] == "x"


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "etc" / "secret.keys")


def lines(path):
    with open(path, "rb") as file:
        return file.read().splitlines()


def test_a_new_key_file(path):
    fingerprint = secrets.add_key(path)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert secrets.read_box(path).fingerprints() == [fingerprint]
    assert os.listdir(os.path.dirname(path)) == ["secret.keys"]


def test_added_keys_seal_or_only_open(path):
    first = secrets.add_key(path)
    second = secrets.add_key(path)
    third = secrets.add_key(path, seals=False)
    assert secrets.read_box(path).fingerprints() == [second, first, third]
    secrets.promote_key(path, third)
    assert secrets.read_box(path).fingerprints() == [third, second, first]
    with pytest.raises(exceptions.Misconfigured, match="0123"):
        secrets.promote_key(path, "0123")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_a_file_without_a_last_newline_keeps_its_keys(path):
    os.makedirs(os.path.dirname(path))
    with open(path, "wb") as file:
        file.write(KEYS[0] + b"\n\n" + KEYS[1])
    os.chmod(path, 0o600)
    secrets.add_key(path, seals=False)
    assert lines(path)[:2] == KEYS
    secrets.add_key(path)
    assert lines(path)[1:3] == KEYS


def test_what_a_killed_run_left_behind_is_no_obstacle(path):
    secrets.add_key(path)
    with open(path + ".new", "wb") as file:
        file.write(b"half a k")
    os.chmod(path + ".new", 0o644)
    secrets.add_key(path)
    assert len(secrets.read_box(path).fingerprints()) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_the_owner_stays(path):
    secrets.add_key(path)
    os.chown(path, 12345, 23456)
    secrets.add_key(path)
    assert (os.stat(path).st_uid, os.stat(path).st_gid) == (12345, 23456)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_can_read_is_refused(path, mode):
    secrets.add_key(path)
    os.chmod(path, mode)
    with pytest.raises(exceptions.Misconfigured, match="readable") as caught:
        secrets.read_box(path)
    assert "chmod" in caught.value.remedy


def test_a_missing_file_is_told(path):
    with pytest.raises(exceptions.Misconfigured, match="cannot be read"):
        secrets.read_box(path)
