"""A machine against its hardware profile, as far as BMC and inventory tell."""

import pytest

from provisioner.site import documents
from provisioner.site.validate import validate
from provisioner_conductor.hardware_checks import (
    ALARM,
    MISMATCH,
    UNKNOWN,
    by_bmc,
    by_inventory,
    expected,
)
from tests.cluster_site import small_site

WANTED = {"oob": "ipmi", "vendor": "Demo", "hw_version": "2", "bios_version": "1.5",
          "boot_mode": "uefi", "boot_macs": ["52:54:00:00:00:01"],
          "aliases": {"nic": {"bus_type": "pci", "address": "0000:00:03.0"},
                      "bootdisk": {"bus_type": "scsi", "address": "2:0.0.0"}},
          "drives": {"bootdisk": 30 * 10**9}, "cpu_sets": {"sriov": "2,4-7"},
          "hugepages": {"dpdk": {"size": "1G", "count": 4}}}
INVENTORY = {
    "system_vendor": {"manufacturer": "Demo Inc.", "firmware": {"version": "1.5"}},
    "boot": {"current_boot_mode": "uefi"}, "cpu": {"count": 8}, "memory": {"physical_mb": 8192},
    "interfaces": [{"mac_address": "52:54:00:00:00:01", "pci_address": "0000:00:03.0"}],
    "disks": [{"name": "/dev/sda", "hctl": "2:0:0:0", "size": 100 * 10**9}]}


def kinds(found):
    return [item.kind for item in found]


def changed(**parts):
    return [item for item in by_inventory(WANTED, {**INVENTORY, **parts}, {})]


def test_what_is_expected_is_what_the_design_says_of_devices_in_use():
    text = small_site(("node-001",)).documents
    wanted = expected(validate(documents.load(text, "design")).site.node("node-001"))
    assert (wanted["vendor"], wanted["boot_mode"], wanted["boot_macs"]) == (
        "Demo", "bios", ["52:54:00:77:00:01"])
    assert sorted(wanted["aliases"]) == ["boot_nic", "bootdisk", "data_nic1", "data_nic2"]
    assert wanted["drives"] == {"bootdisk": 41 * 10**9}


def test_a_bmc_is_asked_for_what_it_can_tell_and_the_rest_is_said_once():
    (found,) = by_bmc(WANTED, {"manufacturer": "DEMO inc", "version": "rev 2"}, {})
    assert found.kind == UNKNOWN
    assert "not verifiable over ipmi: PCI layout, drives" in found.text
    assert "bios version, boot mode" in found.text


def test_a_bmc_that_tells_something_else_or_nothing():
    found = by_bmc(WANTED, {"manufacturer": "Other", "product": "Box"}, None)
    assert kinds(found) == [MISMATCH, UNKNOWN]
    assert found[0].text == "vendor is Other / Box, the hardware profile has Demo"
    assert "hw version" in found[1].text and "sensors" in found[1].text
    assert kinds(by_bmc({"oob": "ipmi"}, None, {})) == [UNKNOWN]


@pytest.mark.parametrize(("health", "kind"), [
    ("critical", ALARM), ("non-recoverable", ALARM), ("warning", MISMATCH)])
def test_sensors_raise_alarms(health, kind):
    found = by_bmc({}, {}, {"Fan": {"value": 10.0, "units": "RPM", "health": health},
                            "Temp": {"value": 20.0, "units": "C", "health": "ok"}})
    assert found[0].kind == kind
    assert found[0].text == f"sensor Fan is {health} (10.0 RPM)"
    assert len(found) == 2


def test_a_machine_that_is_as_its_profile_says():
    assert by_inventory(WANTED, INVENTORY, {}) == []


@pytest.mark.parametrize(("parts", "text"), [
    ({"system_vendor": {"manufacturer": "Other", "firmware": {"version": "1.5"}}}, "vendor is"),
    ({"system_vendor": {"manufacturer": "Demo", "firmware": {"version": "1.4"}}},
     "bios_version is 1.4"),
    ({"boot": {"current_boot_mode": "bios"}}, "boot_mode is bios"),
    ({"cpu": {"count": 7}}, "CPU set sriov names CPU 7"),
    ({"memory": {"physical_mb": 4095}}, "huge pages need 4096 MiB"),
    ({"interfaces": [{"mac_address": "52:54:00:00:00:02", "pci_address": "0000:00:03.0"}]},
     "no interface has the boot MAC"),
    ({"interfaces": [{"mac_address": "52:54:00:00:00:01", "pci_address": "0000:00:04.0"}]},
     "nic is not at pci@0000:00:03.0; the machine has 0000:00:04.0"),
    ({"disks": [{"name": "/dev/sda", "hctl": "2:0:0:0", "size": 10**9}]},
     "partitions need 30000000000")])
def test_each_difference_is_a_mismatch(parts, text):
    (found,) = changed(**parts)
    assert found.kind == MISMATCH
    assert text in found.text


def test_a_drive_elsewhere_is_a_missing_one():
    found = changed(disks=[{"name": "/dev/sda", "hctl": "3:0:0:0", "size": 10**11}])
    assert kinds(found) == [MISMATCH, MISMATCH]
    assert "no drive bootdisk" in found[1].text


def test_what_an_inventory_lacks_is_not_verifiable():
    found = by_inventory(WANTED, {}, {})
    assert set(kinds(found)) == {UNKNOWN}
    assert len(found) == 6


@pytest.mark.parametrize(("address", "good"), [
    ("regexp:0000:3b:.*", True), ("regexp:0000:aa:.*", False), ("0000:3b:00.1", True)])
def test_places_come_from_plugins_and_may_be_patterns(address, good):
    wanted = {"aliases": {"nic": {"bus_type": "pci", "address": address}}}
    found = by_inventory(wanted, {}, {"pci_devices": [{"bus": "0000:3b:00.1"}]})
    assert (found == []) == good


def test_drives_by_path_and_by_name():
    disk = {"name": "/dev/sdb", "by_path": "/dev/disk/by-path/pci-0000:00:1f.2-ata-1", "size": 5}
    wanted = {"aliases": {"boot": {"bus_type": "pci", "address": "0000:00:1f.2"}},
              "drives": {"boot": 5, "sdb": 4, "sdc": 0}}
    (found,) = by_inventory(wanted, {"disks": [disk]}, {})
    assert found.text == "the machine has no drive sdc"
