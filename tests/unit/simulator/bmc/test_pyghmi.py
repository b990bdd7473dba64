"""The BMC as pyghmi, a client that we did not write, sees it."""

import contextlib

import pytest
from pyghmi.exceptions import IpmiException
from pyghmi.ipmi.command import Command

from tests.simulated import fleet


@contextlib.contextmanager
def connected(node, **changes):
    command = Command(bmc=node["address"], port=node["bmc_port"], userid=node["user"],
                      password=node["password"], **changes)
    try:
        yield command
    finally:
        command.ipmi_session.logout()


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    with fleet(6, tmp_path_factory.mktemp("fleet"), args=["--fault", "boot_delay=0"]) as running:
        yield running


@pytest.mark.parametrize("suite", ["3", "17"])
def test_both_cipher_suites(tmp_path, suite):
    with fleet(1, tmp_path, args=["--cipher-suites", suite]) as running:
        with connected(running.nodes[0]) as command:
            assert command.get_power() == {"powerstate": "off"}
        opened = running.log(command="open_session", result="ok")
        assert [one["args"]["suite"] for one in opened] == [int(suite)]


def test_bmc_key(tmp_path):
    key = "000102030405060708090a0b0c0d0e0f10111213"
    with fleet(1, tmp_path, args=["--kg", key]) as running:
        node = running.nodes[0]
        with pytest.raises(IpmiException), connected(node):
            pytest.fail("logged in without the key")
        with connected(node, kg=bytes.fromhex(key)) as command:
            assert command.get_power() == {"powerstate": "off"}


def test_power_and_its_log(machines):
    node = machines.nodes[0]
    with connected(node) as command:
        command.set_power("on", wait=True)
        assert command.get_power() == {"powerstate": "on"}
        assert machines.machine(node["name"])["power"] == "on"
        command.set_power("off", wait=True)
    assert machines.machine(node["name"])["power"] == "off"
    lines = machines.log(node=node["name"], command="chassis_control")
    assert [(one["args"]["action"], one["changes"]) for one in lines] == [
        ("on", True), ("off", True)]
    assert all(not one["changes"] for one in machines.log(command="get_chassis_status"))


def test_boot_device(machines):
    node = machines.nodes[1]
    with connected(node) as command:
        command.set_bootdev("hd", persist=True, uefiboot=True)
        assert command.get_bootdev() == {"bootdev": "hd", "persistent": True, "uefimode": True}
    machine = machines.machine(node["name"])
    assert (machine["boot_device"], machine["boot_persistent"], machine["boot_efi"]) == (
        "disk", True, True)


def test_inventory_sensors_and_event_log(machines):
    node = machines.nodes[2]
    machines.control("POST", f"/machines/{node['name']}/power", {"power": "on"})
    with connected(node) as command:
        system = dict(command.get_inventory())["System"]
        sensors = {one.name: (one.value, one.units) for one in command.get_sensor_data()}
        assert list(command.get_event_log()) == []
    assert (system["Manufacturer"], system["Serial Number"]) == ("Provisioner", "SIM000003")
    assert sensors == {"Inlet Temp": (24, "°C"), "Fan 1": (5800, "RPM"), "Power Draw": (180, "W")}


@pytest.mark.parametrize("change", [{"password": "wrong"}, {"user": "nobody"}])
def test_wrong_credentials_are_refused(machines, change):
    node = machines.nodes[3]
    with pytest.raises(IpmiException), connected({**node, **change}):
        pytest.fail("logged in")
    assert not machines.log(node=node["name"], command="set_session_privilege_level")


def test_unknown_name_holds_no_session(machines):
    node = machines.nodes[4]
    with pytest.raises(IpmiException), connected({**node, "user": "nobody"}):
        pytest.fail("logged in")
    assert machines.machine(node["name"])["sessions"] == 0
    refused = machines.log(node=node["name"], command="rakp1", result="0x0d")
    assert {one["args"]["user"] for one in refused} == {"nobody"}


def test_user_privilege_cannot_control_power(machines):
    node = machines.nodes[4]
    with connected(node, privlevel=2) as command, pytest.raises(IpmiException):
        command.set_power("on")
    assert machines.machine(node["name"])["power"] == "off"
    assert machines.log(node=node["name"], command="chassis_control")[0]["result"] == "0xd4"


def test_cold_reset_loses_the_sessions(machines):
    node = machines.nodes[5]
    with connected(node) as command:
        command.reset_bmc()
        assert machines.machine(node["name"])["sessions"] == 0
        assert not machines.log(node=node["name"], command="close_session")
