"""A machine against its hardware profile: what its BMC tells, what its inventory tells.

Pure: plain data in, findings out. What is different is a *mismatch*; what the source cannot tell
is *not verifiable* and said once; an alarm of the machine itself is always an error.
"""

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from provisioner.site import sizes
from provisioner.site.model import BaremetalNode, DeviceAlias

MISMATCH = "mismatch"
ALARM = "alarm"
UNKNOWN = "not verifiable"
#: what a sensor says -> what is found
_ALARMS = {"non-recoverable": ALARM, "critical": ALARM, "warning": MISMATCH}
#: sizes of huge pages as the kernel takes them, in bytes
_PAGE = {"k": 2**10, "m": 2**20, "g": 2**30}
#: of a path such as pci-0000:00:1f.2-ata-1
_PCI = re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")


@dataclasses.dataclass(frozen=True)
class Found:
    """One finding. :ivar kind: ``mismatch``, ``alarm`` or ``not verifiable``"""

    kind: str
    text: str


def expected(node: BaremetalNode) -> dict[str, Any]:
    """What the design expects of a machine, as plain data for a step's arguments."""
    hardware = node.hardware
    profile = {} if hardware is None else {
        "vendor": hardware.vendor, "hw_version": hardware.hw_version,
        "bios_version": hardware.bios_version, "boot_mode": hardware.boot_mode}
    return {"oob": node.oob_type, "boot_macs": list(node.boot_macs),
            **{key: value for key, value in profile.items() if value},
            "aliases": {device: {"bus_type": alias.bus_type, "address": alias.address}
                        for device, alias in _aliases(node)},
            "drives": {device.name: _least(device.partitions) for device in node.storage.devices},
            "cpu_sets": dict(hardware.cpu_sets) if hardware else {},
            "hugepages": dict(hardware.hugepages) if hardware else {}}


def _aliases(node: BaremetalNode) -> Iterator[tuple[str, DeviceAlias]]:
    """The aliases that the node uses; a profile may know devices that this machine need not have.
    """
    used = [slave for interface in node.interfaces for slave in interface.slaves]
    used += [device.name for device in node.storage.devices]
    for device in sorted(set(used)):
        alias = node.alias(device)
        if alias is not None:
            yield device, alias


def _least(partitions: Sequence[Any]) -> int:
    """Bytes that partitions of fixed size need at least."""
    parsed = [sizes.parse(partition.size) for partition in partitions]
    return sum(size.bytes for size in parsed if size is not None and size.bytes)


def by_bmc(wanted: Mapping[str, Any], identity: Mapping[str, str] | None,
           sensors: Mapping[str, Mapping] | None) -> list[Found]:
    """What a BMC can tell: vendor, version, alarms."""
    found, silent = [], ["PCI layout", "drives", "event log"]
    told = {key: text for key, text in (identity or {}).items() if text}
    for key, names in (("vendor", ("manufacturer", "product", "board_manufacturer")),
                       ("hw_version", ("version", "part_number"))):
        texts = [told[name] for name in names if name in told]
        if wanted.get(key) and not texts:
            silent.append(key.replace("_", " "))
        elif wanted.get(key) and not any(_same(wanted[key], text) for text in texts):
            found.append(Found(MISMATCH, f"{key} is {' / '.join(texts)}, the hardware profile "
                                         f"has {wanted[key]}"))
    silent += [key.replace("_", " ") for key in ("bios_version", "boot_mode") if wanted.get(key)]
    if sensors is None:
        silent.append("sensors")
    for name, sensor in sorted((sensors or {}).items()):
        if sensor.get("health") in _ALARMS:
            found.append(Found(_ALARMS[sensor["health"]],
                               f"sensor {name} is {sensor['health']} ({_reading(sensor)})"))
    found.append(Found(UNKNOWN, f"not verifiable over {wanted.get('oob') or 'the BMC'}: "
                                f"{', '.join(silent)}; looked at in the inventory after "
                                "preparation"))
    return found


def _same(wanted: str, text: str) -> bool:
    return wanted.strip().lower() in text.strip().lower()


def _reading(sensor: Mapping) -> str:
    return f"{sensor.get('value')} {sensor.get('units') or ''}".strip()


def by_inventory(wanted: Mapping[str, Any], inventory: Mapping[str, Any],
                 plugin_data: Mapping[str, Any]) -> list[Found]:
    """What an inventory tells: vendor, firmware, boot mode, ports, devices, drives, CPUs."""
    devices = _Devices(inventory, plugin_data)
    found = [*_identity(wanted, inventory), *_ports(wanted, inventory),
             *_processors(wanted, inventory)]
    for device, alias in sorted(wanted.get("aliases", {}).items()):
        found += _device(device, alias, devices)
    for device, least in sorted(wanted.get("drives", {}).items()):
        found += _drive(device, least, devices.drive(device, wanted))
    return found


class _Devices:
    """What an inventory says of devices and where they sit."""

    def __init__(self, inventory: Mapping[str, Any], plugin_data: Mapping[str, Any]):
        self.drives = list(inventory.get("disks") or [])
        interfaces = inventory.get("interfaces") or []
        pci = [entry.get("pci_address") for entry in interfaces]
        pci += [entry.get("bus") for entry in plugin_data.get("pci_devices") or []]
        pci += [path for drive in self.drives
                for path in _PCI.findall(str(drive.get("by_path") or ""))]
        scsi = [str(drive["hctl"]) for drive in self.drives if drive.get("hctl")]
        self.by_bus = {"pci": sorted(set(filter(None, pci))), "scsi": sorted(set(scsi))}

    def drive(self, device: str, wanted: Mapping[str, Any]) -> Mapping | None | str:
        """The drive that a design calls ``device``; why not, if that cannot be told."""
        alias = wanted.get("aliases", {}).get(device)
        if not self.drives:
            return "the inventory has no drives"
        for drive in self.drives:
            if alias is None and drive.get("name") in (device, f"/dev/{device}"):
                return drive
            if alias is not None and any(_sits(alias, place) for place in _places(alias, drive)):
                return drive
        return None


def _places(alias: Mapping[str, str], drive: Mapping) -> list[str]:
    if alias["bus_type"] == "scsi":
        return [str(drive.get("hctl") or "")]
    return _PCI.findall(str(drive.get("by_path") or ""))


def _sits(alias: Mapping[str, str], place: str) -> bool:
    """Whether a device at ``place`` is the alias's; lshw writes ``2:0.0.0`` for ``2:0:0:0``."""
    wanted = DeviceAlias("", alias["address"], alias["bus_type"])
    if alias["bus_type"] == "scsi":
        host, _, rest = place.partition(":")
        return wanted.matches("scsi", place) or wanted.matches(
            "scsi", f"{host}:{rest.replace(':', '.')}")
    return wanted.matches(alias["bus_type"], place)


def _device(device: str, alias: Mapping[str, str], devices: _Devices) -> Iterator[Found]:
    places = devices.by_bus.get(alias["bus_type"])
    where = f"{alias['bus_type']}@{alias['address']}"
    if not places:
        yield Found(UNKNOWN, f"not verifiable from the inventory: {device} at {where}")
    elif not any(_sits(alias, place) for place in places):
        yield Found(MISMATCH, f"{device} is not at {where}; the machine has "
                              f"{', '.join(places[:8])}")


def _drive(device: str, least: int, drive: Mapping | None | str) -> Iterator[Found]:
    if isinstance(drive, str):
        yield Found(UNKNOWN, f"not verifiable from the inventory: drive {device}, {drive}")
    elif drive is None:
        yield Found(MISMATCH, f"the machine has no drive {device}")
    elif least and (drive.get("size") or 0) < least:
        yield Found(MISMATCH, f"drive {device} has {drive.get('size') or 0} bytes; its "
                              f"partitions need {least}")


def _identity(wanted: Mapping[str, Any], inventory: Mapping[str, Any]) -> Iterator[Found]:
    vendor = inventory.get("system_vendor") or {}
    told = {"vendor": vendor.get("manufacturer"),
            "bios_version": (vendor.get("firmware") or {}).get("version"),
            "boot_mode": (inventory.get("boot") or {}).get("current_boot_mode")}
    for key, text in told.items():
        if wanted.get(key) and not text:
            yield Found(UNKNOWN, f"not verifiable from the inventory: {key}")
        elif wanted.get(key) and not _same(wanted[key], text):
            yield Found(MISMATCH, f"{key} is {text}, the hardware profile has {wanted[key]}")


def _ports(wanted: Mapping[str, Any], inventory: Mapping[str, Any]) -> Iterator[Found]:
    macs = {str(entry.get("mac_address")).lower() for entry in inventory.get("interfaces") or []}
    for mac in wanted.get("boot_macs", ()):
        if macs and mac not in macs:
            yield Found(MISMATCH, f"no interface has the boot MAC address {mac}")


def _processors(wanted: Mapping[str, Any], inventory: Mapping[str, Any]) -> Iterator[Found]:
    count = (inventory.get("cpu") or {}).get("count")
    for name, text in sorted(wanted.get("cpu_sets", {}).items()):
        highest = max((int(number) for number in re.findall(r"\d+", text)), default=0)
        if count and highest >= int(count):
            yield Found(MISMATCH, f"CPU set {name} names CPU {highest}; the machine has {count}")
    memory = (inventory.get("memory") or {}).get("physical_mb")
    needed = sum(_page(pages) for pages in wanted.get("hugepages", {}).values())
    if memory and needed > int(memory) * 2**20:
        yield Found(MISMATCH, f"huge pages need {needed >> 20} MiB; the machine has {memory} MiB")


def _page(pages: Mapping[str, Any]) -> int:
    """Bytes of a set of huge pages; 0 if its size is not the kernel's way of writing one."""
    match = re.fullmatch(r"(\d+)([kmg]?)b?", str(pages.get("size") or "").lower())
    if match is None:
        return 0
    return int(match.group(1)) * _PAGE.get(match.group(2), 1) * int(pages.get("count") or 0)
