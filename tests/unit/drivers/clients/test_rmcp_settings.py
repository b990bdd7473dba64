import pytest

from provisioner import exceptions
from provisioner.drivers.clients import rmcp_settings

LOGIN = {"ipmi_address": "10.0.0.1", "ipmi_username": "admin", "ipmi_password": "secret"}


def test_defaults_are_those_of_the_field():
    bmc = rmcp_settings.parse({"ipmi_address": "bmc1"})
    assert (bmc.address, bmc.port, bmc.user, bmc.password) == ("bmc1", 623, b"", b"")
    assert (bmc.privilege, bmc.suite, bmc.kg) == (4, None, b"")


def test_numbers_may_come_as_text():
    bmc = rmcp_settings.parse({**LOGIN, "ipmi_port": "6230", "ipmi_cipher_suite": "3",
                               "ipmi_priv_level": "OPERATOR", "ipmi_hex_kg_key": "ab" * 20})
    assert (bmc.port, bmc.suite, bmc.privilege, bmc.kg) == (6230, 3, 3, b"\xab" * 20)


@pytest.mark.parametrize("version", ["2.0", 2.0])
def test_protocol_version_2_is_spoken(version):
    assert rmcp_settings.parse({**LOGIN, "ipmi_protocol_version": version})


@pytest.mark.parametrize("name, value", [
    ("ipmi_address", None), ("ipmi_port", 70000), ("ipmi_port", "many"),
    ("ipmi_username", "u" * 17), ("ipmi_password", "p" * 21), ("ipmi_password", "é" * 11),
    ("ipmi_priv_level", "ROOT"), ("ipmi_cipher_suite", 1), ("ipmi_hex_kg_key", "xyz"),
    ("ipmi_hex_kg_key", "ab"), ("ipmi_protocol_version", "1.5"), ("ipmi_bridging", "single")])
def test_a_wrong_value_is_named_and_explained(name, value):
    with pytest.raises(exceptions.InvalidSetting) as caught:
        rmcp_settings.parse({**LOGIN, name: value})
    assert caught.value.where["setting"] == name
    assert name in caught.value.message and caught.value.remedy


def test_secrets_are_not_shown():
    bmc = rmcp_settings.parse({**LOGIN, "ipmi_hex_kg_key": "ab" * 20})
    assert "secret" not in repr(bmc) and "\\xab" not in repr(bmc)
    assert {setting.name for setting in rmcp_settings.SETTINGS if setting.secret} == {
        "ipmi_password", "ipmi_hex_kg_key"}
