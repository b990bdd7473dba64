import pytest

from provisioner import exceptions, states
from provisioner.drivers import base, ipmi
from provisioner.drivers.clients.rmcp import Request
from tests.unit.drivers.channels import ScriptedChannel

LOGIN = {"ipmi_address": "10.0.0.1", "ipmi_username": "admin", "ipmi_password": "secret"}
STATUS = Request(0, 1)
POWER, MANAGEMENT = ipmi.IpmiPower(), ipmi.IpmiManagement()
NOT_NOW = exceptions.RequestRefused("", completion_code=0xD5)
KEEP_VALID = Request(0, 8, b"\x03\x08")


def node(properties=None, **driver_info):
    return base.NodeView("0" * 8, "node-1", {**LOGIN, **driver_info}, properties or {})


def control(operation):
    return Request(0, 2, bytes([operation]))


def flags(first, device):
    return Request(0, 8, bytes([5, first, device, 0, 0, 0]))


@pytest.mark.parametrize("answer, state", [(b"\x01\0\0", states.POWER_ON),
                                           (b"\x20\0\0", states.POWER_OFF)])
def test_power_state_is_the_lowest_bit(answer, state):
    channel = ScriptedChannel({STATUS: answer})
    assert POWER.get_power_state(channel, node()) == state
    assert channel.sends == []


@pytest.mark.parametrize("target, operation", [
    (states.POWER_OFF, 0), (states.POWER_ON, 1), (states.REBOOT, 3), (states.SOFT_POWER_OFF, 5)])
def test_each_target_is_one_absolute_command(target, operation):
    channel = ScriptedChannel({control(operation): b""})
    POWER.set_power_state(channel, node(), target)
    assert channel.sends == [control(operation)] and channel.reads == []


def test_off_when_off_is_no_error():
    channel = ScriptedChannel({control(0): NOT_NOW, STATUS: b"\0\0\0"})
    POWER.set_power_state(channel, node(), states.POWER_OFF)
    assert channel.reads == [STATUS]


def test_a_refusal_is_an_error_where_the_state_is_another():
    channel = ScriptedChannel({control(0): NOT_NOW, STATUS: b"\1\0\0"})
    with pytest.raises(exceptions.RequestRefused):
        POWER.set_power_state(channel, node(), states.POWER_OFF)


def test_a_reset_of_a_machine_that_is_off_turns_it_on():
    channel = ScriptedChannel({control(3): NOT_NOW, control(1): b""})
    POWER.set_power_state(channel, node(), states.REBOOT)
    assert channel.sends == [control(3), control(1)]


def test_other_refusals_are_not_swallowed():
    channel = ScriptedChannel({control(1): exceptions.RequestRefused("", completion_code=0xC9)})
    with pytest.raises(exceptions.RequestRefused):
        POWER.set_power_state(channel, node(), states.POWER_ON)


def test_an_unknown_target_is_unsupported_and_sends_nothing():
    channel = ScriptedChannel({})
    with pytest.raises(exceptions.Unsupported):
        POWER.set_power_state(channel, node(), states.SOFT_REBOOT)
    assert channel.sends == []


@pytest.mark.parametrize("persistent, properties, first", [
    (False, None, 0xA0), (True, None, 0xE0),
    (False, {"capabilities": "boot_mode:bios,profile:x"}, 0x80),
    (True, {"capabilities": {"boot_mode": "uefi"}}, 0xE0)])
def test_boot_flags_say_valid_persistent_and_efi(persistent, properties, first):
    channel = ScriptedChannel({KEEP_VALID: b"", flags(first, 4): b""})
    MANAGEMENT.set_boot_device(channel, node(properties), "pxe", persistent)
    assert channel.sends == [KEEP_VALID, flags(first, 4)]


def test_a_bmc_without_the_timeout_option_still_gets_the_flags():
    channel = ScriptedChannel({KEEP_VALID: exceptions.RequestRefused("", completion_code=0x80),
                               flags(0xA0, 8): b""})
    MANAGEMENT.set_boot_device(channel, node(), "disk", False)
    assert channel.sends[-1] == flags(0xA0, 8)


def test_settings_change_what_is_sent():
    channel = ScriptedChannel({flags(0xA0, 8): b""})
    MANAGEMENT.set_boot_device(channel, node(ipmi_disable_boot_timeout="false",
                                             ipmi_force_boot_device=True), "disk", True)
    assert channel.sends == [flags(0xA0, 8)]


def test_an_unknown_boot_device_is_unsupported_and_sends_nothing():
    channel = ScriptedChannel({})
    with pytest.raises(exceptions.Unsupported):
        MANAGEMENT.set_boot_device(channel, node(), "uefihttp", False)
    assert channel.sends == []


@pytest.mark.parametrize("answer, expected", [
    (b"\x01\x05\xe0\x08\0\0\0", ("disk", True)), (b"\x01\x05\xa0\x04\0\0\0", ("pxe", False)),
    (b"\x01\x05\x00\x04\0\0\0", (None, None)), (b"\x01\x05", (None, None)),
    (b"\x01\x05\x80\x2c\0\0\0", (None, False))])
def test_boot_device_is_read_from_valid_flags_only(answer, expected):
    channel = ScriptedChannel({Request(0, 9, b"\x05\0\0"): answer})
    found = MANAGEMENT.get_boot_device(channel, node())
    assert (found["boot_device"], found["persistent"]) == expected


def test_an_nmi_is_a_diagnostic_interrupt():
    channel = ScriptedChannel({control(4): b""})
    MANAGEMENT.inject_nmi(channel, node())
    assert channel.sends == [control(4)]


class BulkPool:
    def __init__(self, values):
        self.values = values

    def read_many(self, settings, request, timeout, on_result):
        assert request == STATUS and [one["ipmi_address"] for one in settings] == ["10.0.0.1"] * 3
        for index, value in enumerate(self.values):
            on_result(index, value)


def test_a_bulk_read_gives_states_and_errors():
    gone, found = exceptions.Unreachable(""), {}
    POWER.read_many(BulkPool([b"\1", gone, b""]), [node()] * 3, found.__setitem__)
    assert found[0] == states.POWER_ON and found[1] is gone
    assert isinstance(found[2], exceptions.RequestRefused)


@pytest.mark.parametrize("interface", [POWER, MANAGEMENT])
def test_validation_names_what_is_missing(interface):
    with pytest.raises(exceptions.InvalidSetting, match="ipmi_address"):
        interface.validate(base.NodeView("0", None, {}))
    interface.validate(node())
    interface.validate(base.NodeView("0", None, {"ipmi_address": "bmc", "ipmi_username": ""}))


def test_management_checks_its_own_settings_too():
    with pytest.raises(exceptions.InvalidSetting, match="ipmi_disable_boot_timeout"):
        MANAGEMENT.validate(node(ipmi_disable_boot_timeout="perhaps"))
