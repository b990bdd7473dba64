"""The disks of a MAAS machine, set up from a layout.

``storage`` of a layout is either ``{"layout": "flat", "options": {...}}``, one of MAAS's own, or::

    {"devices": [{"device": DEVICE, "boot": true, "volume_group": "vg0",
                  "partitions": [{"name": "root", "size": SIZE, "bootable": false, "uuid": ...,
                                  "volume_group": ..., "filesystem": FILESYSTEM}]}],
     "raids": [{"name": "md0", "level": "raid-1", "members": [NAME, ...], "spares": [NAME],
                "filesystem": FILESYSTEM, "volume_group": ...}],
     "bcaches": [{"name": "bcache0", "cache": NAME, "backing": NAME, "mode": "writeback",
                  "filesystem": FILESYSTEM}],
     "volume_groups": [{"name": "vg0", "uuid": ..., "logical_volumes":
                        [{"name": "root", "size": SIZE, "filesystem": FILESYSTEM}]}]}

DEVICE is as in :mod:`provisioner.drivers.maas_network`. NAME is that of a disk or of a partition.
SIZE is ``{"bytes": N}`` or ``{"percent": N}``, with ``"at_least": true`` where it also takes what
is left; None is all that is left. FILESYSTEM is ``{"fstype", "mountpoint", "mount_options",
"label", "uuid"}``.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from provisioner import exceptions
from provisioner.drivers.maas_machine import Handle
from provisioner.drivers.maas_network import named

#: MAAS cuts in pieces of this many bytes
PIECE = 4 << 20


def apply(machine: Handle, layout: Mapping[str, Any]) -> None:
    """Wipe the machine's storage configuration and build the layout. No disk is touched yet.

    :raises RequestRefused: a disk is not there or too small, or MAAS refuses
    """
    if layout.get("layout"):
        machine.operate("set_storage_layout", storage_layout=layout["layout"],
                        **(layout.get("options") or {}))
        return
    builder = _Builder(machine)
    for device in layout.get("devices") or ():
        builder.divide(device)
    for raid in layout.get("raids") or ():
        builder.raid(raid)
    for bcache in layout.get("bcaches") or ():
        builder.bcache(bcache)
    for group in layout.get("volume_groups") or ():
        builder.group(group)


def sizes(total: int, wanted: Sequence[Mapping[str, Any] | None]) -> list[int]:
    """Bytes for each of ``wanted`` on a device with ``total`` bytes, in whole pieces.

    What is left over is shared by those that take more than they need.

    :raises ValueError: they do not fit
    """
    least = [_pieces(_least(total, size)) for size in wanted]
    left = _pieces(total) - sum(least)
    if left < 0:
        raise ValueError(f"{sum(least)} bytes are asked for, and there are {total}")
    greedy = [index for index, size in enumerate(wanted) if size is None or size.get("at_least")]
    for index in greedy:
        least[index] += _pieces(left // len(greedy))
    if any(size <= 0 for size in least):
        raise ValueError("nothing is left for one of them")
    return least


def _least(total: int, size: Mapping[str, Any] | None) -> int:
    if size is None:
        return 0
    return size["bytes"] if size.get("bytes") is not None else total * size["percent"] // 100


def _pieces(size: int) -> int:
    return size // PIECE * PIECE


class _Builder:
    """One set-up of one machine. Members are kept by name: ``("device" | "partition", id)``."""

    def __init__(self, machine: Handle):
        self._machine = machine
        record = machine.operate("set_storage_layout", storage_layout="blank")
        if "blockdevice_set" not in record:
            record = {"blockdevice_set": machine.get("blockdevices/"), **record}
        self._boot = (record.get("boot_disk") or {}).get("id")
        self._disks = {one["name"]: one for one in record["blockdevice_set"]}
        self._members: dict[str, tuple[str, int]] = {
            name: ("device", one["id"]) for name, one in self._disks.items()}
        self._groups: dict[str, list[tuple[str, int]]] = {}

    def divide(self, wanted: Mapping[str, Any]) -> None:
        """Cut a disk into partitions; format and mount those with a filesystem."""
        disk = self._disk(wanted["device"])
        if wanted.get("boot") and disk["id"] != self._boot:
            self._machine.send("POST", f"blockdevices/{disk['id']}/", "set_boot_disk")
        if wanted.get("volume_group"):
            self._join(wanted["volume_group"], ("device", disk["id"]))
        partitions = wanted.get("partitions") or ()
        planned = self._plan(disk["name"], disk["available_size"],
                             [one.get("size") for one in partitions])
        for one, size in zip(partitions, planned, strict=True):
            self._partition(disk, one, size)

    def _partition(self, disk: Mapping[str, Any], wanted: Mapping[str, Any], size: int) -> None:
        path = f"blockdevices/{disk['id']}/"
        made = self._machine.send("POST", f"{path}partitions/", size=size, **_given(
            bootable=wanted.get("bootable") or None, uuid=wanted.get("uuid")))
        member = ("partition", made["id"])
        self._members[wanted["name"]] = member
        if wanted.get("volume_group"):
            self._join(wanted["volume_group"], member)
        else:
            self._filesystem(f"{path}partition/{made['id']}", wanted.get("filesystem"))

    def _filesystem(self, path: str, wanted: Mapping[str, Any] | None) -> None:
        if not wanted:
            return
        self._machine.send("POST", path, "format", fstype=wanted.get("fstype") or "ext4",
                           **_given(label=wanted.get("label"), uuid=wanted.get("uuid")))
        if wanted.get("mountpoint"):
            self._machine.send("POST", path, "mount", mount_point=wanted["mountpoint"],
                               **_given(mount_options=wanted.get("mount_options")))

    def raid(self, wanted: Mapping[str, Any]) -> None:
        members = [self._member(name) for name in wanted["members"]]
        spares = [self._member(name) for name in wanted.get("spares") or ()]
        made = self._machine.send("POST", "raids/", name=wanted["name"], level=wanted["level"],
                                  **_ids(members, "block_devices", "partitions"),
                                  **_ids(spares, "spare_devices", "spare_partitions"))
        self._made(wanted, made["virtual_device"])

    def bcache(self, wanted: Mapping[str, Any]) -> None:
        kind, number = self._member(wanted["cache"])
        cache = self._machine.send("POST", "bcache-cache-sets/", **{f"cache_{kind}": number})
        kind, number = self._member(wanted["backing"])
        made = self._machine.send("POST", "bcaches/", name=wanted["name"], cache_set=cache["id"],
                                  cache_mode=wanted.get("mode") or "writeback",
                                  **{f"backing_{kind}": number})
        self._made(wanted, made["virtual_device"])

    def _made(self, wanted: Mapping[str, Any], device: Mapping[str, Any]) -> None:
        """Use a device that was built: in a volume group, or with a filesystem."""
        member = ("device", device["id"])
        self._members[wanted["name"]] = member
        if wanted.get("volume_group"):
            self._join(wanted["volume_group"], member)
        else:
            self._filesystem(f"blockdevices/{device['id']}/", wanted.get("filesystem"))

    def group(self, wanted: Mapping[str, Any]) -> None:
        """A volume group with its volumes. One that nothing joins is an error of the layout."""
        members = self._groups.get(wanted["name"])
        if not members:
            raise self._refused(f"Volume group {wanted['name']} has no physical volume.",
                                "Give a device or partition this volume_group.")
        made = self._machine.send("POST", "volume-groups/", name=wanted["name"],
                                  **_ids(members, "block_devices", "partitions"),
                                  **_given(uuid=wanted.get("uuid")))
        volumes = wanted.get("logical_volumes") or ()
        planned = self._plan(wanted["name"], made["available_size"],
                             [one.get("size") for one in volumes])
        for one, size in zip(volumes, planned, strict=True):
            volume = self._machine.send("POST", f"volume-group/{made['id']}/",
                                        "create_logical_volume", name=one["name"], size=size)
            self._filesystem(f"blockdevices/{volume['id']}/", one.get("filesystem"))

    def _join(self, group: str, member: tuple[str, int]) -> None:
        self._groups.setdefault(group, []).append(member)

    def _plan(self, name: str, total: int, wanted: list) -> list[int]:
        try:
            return sizes(total, wanted) if wanted else []
        except ValueError as error:
            raise self._refused(f"{name} is too small for its layout: {error}.",
                                "Make the partitions or volumes smaller.") from None

    def _disk(self, device: Mapping[str, Any]) -> dict:
        name = named(self._machine.node, device)
        if name not in self._disks:
            raise self._refused(
                f"The machine has no disk {' '.join(map(str, device.values()))}; it has "
                f"{', '.join(sorted(self._disks)) or 'none'}.",
                "Inspect the node again, or correct the disk or its device alias.")
        return self._disks[name]

    def _member(self, name: str) -> tuple[str, int]:
        if name not in self._members:
            raise self._refused(f"The layout has no device or partition {name}.",
                                "Correct the name of the member.")
        return self._members[name]

    def _refused(self, message: str, remedy: str) -> exceptions.RequestRefused:
        return exceptions.RequestRefused(message, remedy=remedy, node=self._machine.node.uuid)


def _given(**fields: Any) -> dict[str, Any]:
    """Those that have a value: MAAS would take an empty one as "none"."""
    return {name: value for name, value in fields.items() if value is not None}


def _ids(members: Iterable[tuple[str, int]], devices: str, partitions: str) -> dict[str, list]:
    """Ids by the field that takes them."""
    fields: dict[str, list] = {}
    for kind, number in members:
        fields.setdefault(devices if kind == "device" else partitions, []).append(number)
    return fields
