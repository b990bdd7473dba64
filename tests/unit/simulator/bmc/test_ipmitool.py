"""The BMC as ipmitool sees it."""

import os
import shutil
import subprocess

import pytest

from tests.simulated import fleet

pytestmark = [
    pytest.mark.tools,
    pytest.mark.skipif(shutil.which("ipmitool") is None and os.environ.get("CI") != "true",
                       reason="ipmitool is not installed")]


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    with fleet(2, tmp_path_factory.mktemp("fleet"), args=["--fault", "boot_delay=0"]) as running:
        yield running


def ipmitool(node, *words, suite=17):
    command = ["ipmitool", "-I", "lanplus", "-C", str(suite), "-H", node["address"],
               "-p", str(node["bmc_port"]), "-U", node["user"], "-P", node["password"], *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("suite", [3, 17])
def test_power(machines, suite):
    node = machines.nodes[0]
    for action, state in (("on", "on"), ("off", "off")):
        assert ipmitool(node, "power", action, suite=suite).returncode == 0
        assert machines.wait(node["name"], power=state)
        assert ipmitool(node, "power", "status", suite=suite).stdout == (
            f"Chassis Power is {state}\n")
    assert ipmitool(node, "power", "reset", suite=suite).returncode != 0
    assert machines.machine(node["name"])["sessions"] == 0


def test_boot_device(machines):
    node = machines.nodes[1]
    assert ipmitool(node, "chassis", "bootdev", "pxe", "options=persistent,efiboot").stdout == (
        "Set Boot Device to pxe\n")
    shown = ipmitool(node, "chassis", "bootparam", "get", "5").stdout
    for part in ("Boot Flag Valid", "all future boots", "EFI boot", "Force PXE"):
        assert part in shown


def test_fru_sensors_guid_and_event_log(machines):
    node = machines.nodes[1]
    assert "SIM000002" in ipmitool(node, "fru").stdout
    sensors = ipmitool(node, "sensor").stdout
    assert "Inlet Temp" in sensors
    assert "47.000" in sensors
    assert "degrees C" in ipmitool(node, "sdr").stdout
    assert "Entries          : 0" in ipmitool(node, "sel", "info").stdout
    assert ipmitool(node, "mc", "guid").returncode == 0
    assert ipmitool(node, "mc", "selftest").stdout == "Selftest: passed\n"
