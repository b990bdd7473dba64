"""The IPMI driver against programs that others wrote: OpenIPMI's ipmi_sim and ipmitool."""

import re
import socket
import subprocess

import pytest

from provisioner import exceptions, states
from provisioner.clock import Clock
from provisioner.drivers import base, ipmi
from provisioner.drivers.clients.rmcp import Request, RmcpPool
from tests import simulated
from tests.unit.drivers.channels import DirectChannel

pytestmark = pytest.mark.tools

POWER, MANAGEMENT = ipmi.IpmiPower(), ipmi.IpmiManagement()

LAN = """\
name "bmc"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 {port}
    priv_limit admin
    allowed_auths_admin none md2 md5 straight
    guid a123456789abcdefa123456789abcdef
  endlan
  chassis_control "{chassis}"
  user 1 true "" "" user 10 none md2 md5 straight
  user 2 true "admin" "password" admin 10 none md2 md5 straight
"""
EMULATION = """\
mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
mc_enable 0x20
"""
#: answers ``get <name>...`` and ``set <name> <value>...`` from files beside it
CHASSIS = """\
#!/bin/sh
folder=$(dirname "$0")
while [ "$1" != get ] && [ "$1" != set ]; do shift; done
verb=$1; shift
if [ "$verb" = get ]; then
    for name; do echo "$name:$(cat "$folder/$name" 2>/dev/null || echo 0)"; done
else
    while [ $# -gt 1 ]; do echo "$2" > "$folder/$1"; shift 2; done
fi
"""


class Machine:
    """A BMC, the driver on it, and ipmitool as witness."""

    def __init__(self, address, port, **settings):
        self.settings = {"ipmi_address": address, "ipmi_port": port, "ipmi_username": "admin",
                         "ipmi_password": "password", **settings}
        self.node = base.NodeView("0" * 32, "node-1", self.settings)
        self.pool = RmcpPool(Clock())
        self.channel = DirectChannel(self.pool.transport(self.settings))

    def ipmitool(self, *words, suite=3):
        return subprocess.run(
            ["ipmitool", "-I", "lanplus", "-C", str(suite), "-H", self.settings["ipmi_address"],
             "-p", str(self.settings["ipmi_port"]), "-U", "admin", "-P", "password", *words],
            capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.fixture
def machine(tmp_path, free_port, eventually):
    """A machine of ipmi_sim, which knows cipher suite 3 only."""
    port = free_port(socket.SOCK_DGRAM)
    chassis = tmp_path / "chassis"
    chassis.write_text(CHASSIS)
    chassis.chmod(0o755)
    (tmp_path / "lan.conf").write_text(LAN.format(port=port, chassis=chassis))
    (tmp_path / "emulation").write_text(EMULATION)
    process = subprocess.Popen(
        ["ipmi_sim", "-n", "-c", str(tmp_path / "lan.conf"), "-f", str(tmp_path / "emulation"),
         "-s", str(tmp_path / "state")], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    machine = Machine("127.0.0.1", port)
    try:
        eventually(lambda: _answers(machine), 30)
        yield machine
    finally:
        machine.pool.close()
        process.terminate()
        process.wait(20)


def _answers(machine):
    try:
        return machine.channel.read(Request(0x06, 0x01), 1.0)
    except exceptions.Unreachable:
        return None


@pytest.mark.parametrize("target, witnessed", [(states.POWER_ON, "on"), (states.POWER_OFF, "off")])
def test_power_is_what_ipmitool_sees(machine, target, witnessed):
    for _ in range(2):
        POWER.set_power_state(machine.channel, machine.node, target)
        assert POWER.get_power_state(machine.channel, machine.node) == target
        assert f"is {witnessed}" in machine.ipmitool("chassis", "power", "status")


def test_what_ipmitool_does_is_seen(machine):
    machine.ipmitool("chassis", "power", "on")
    assert POWER.get_power_state(machine.channel, machine.node) == states.POWER_ON


@pytest.mark.parametrize("device, witnessed", [("pxe", "Force PXE"), ("disk", "Hard-Drive")])
def test_the_boot_device_is_what_ipmitool_sees(machine, device, witnessed):
    MANAGEMENT.set_boot_device(machine.channel, machine.node, device, True)
    assert witnessed in machine.ipmitool("chassis", "bootparam", "get", "5")


def test_a_wrong_password_is_a_refused_login(machine):
    wrong = Machine("127.0.0.1", machine.settings["ipmi_port"], ipmi_password="wrong")
    with pytest.raises(exceptions.LoginRefused):
        POWER.get_power_state(wrong.channel, wrong.node)
    wrong.pool.close()


def test_a_suite_that_it_lacks_is_unsupported(machine):
    strict = Machine("127.0.0.1", machine.settings["ipmi_port"], ipmi_cipher_suite=17)
    with pytest.raises(exceptions.Unsupported, match="17"):
        POWER.get_power_state(strict.channel, strict.node)
    strict.pool.close()


def test_sessions_are_given_back(machine):
    """More logins than the BMC has slots."""
    for _ in range(100):
        machine.pool.close()
        POWER.get_power_state(machine.channel, machine.node)


def test_sensors_identity_and_boot_are_what_ipmitool_reads(tmp_path):
    with simulated.fleet(1, tmp_path) as fleet:
        node = fleet.nodes[0]
        machine = Machine(node["address"], node["bmc_port"])
        POWER.set_power_state(machine.channel, machine.node, states.POWER_ON)
        _compare_sensors(machine)
        _compare_identity(machine)
        MANAGEMENT.set_boot_device(machine.channel, machine.node, "pxe", True)
        flags = machine.ipmitool("chassis", "bootparam", "get", "5", suite=17)
        assert all(text in flags for text in ("Force PXE", "EFI boot", "all future boots"))
        machine.pool.close()


def _compare_sensors(machine):
    ours = MANAGEMENT.get_sensors(machine.channel, machine.node)
    lines = machine.ipmitool("sensor", "list", suite=17).splitlines()
    theirs = {name.strip(): value.strip() for name, value, *_ in (
        line.split("|") for line in lines)}
    assert set(ours) == set(theirs) and ours
    assert {name: sensor["value"] for name, sensor in ours.items()} == {
        name: float(value) for name, value in theirs.items()}


def _compare_identity(machine):
    ours = MANAGEMENT.get_identity(machine.channel, machine.node)
    fru = machine.ipmitool("fru", "print", "0", suite=17)
    theirs = dict(re.findall(r"^ (.*?)\s+: (.*)$", fru, re.MULTILINE))
    assert ours["manufacturer"] == theirs["Product Manufacturer"]
    assert ours["product"] == theirs["Product Name"]
    assert ours["serial"] == theirs["Product Serial"]
    assert ours["board_serial"] == theirs["Board Serial"]
    assert ours["guid"] in machine.ipmitool("mc", "guid", "ipmi", suite=17)
