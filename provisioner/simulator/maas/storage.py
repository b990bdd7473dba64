"""Disks of a machine and what is built on them.

Sizes follow the region's rounding: everything that is cut is cut in pieces of 4 MiB, a partition
table takes 8 MiB of what can be used, and each physical volume of LVM one piece.
"""

import dataclasses
import uuid

from provisioner.simulator.maas.routing import ROOT

PIECE = 4 << 20
_TABLE_RESERVED, _TABLE_USED = 8 << 20, 6 << 20
_RAID_RESERVED = 128 << 10
RAID_LEVELS = {"raid-0": 2, "raid-1": 2, "raid-5": 3, "raid-6": 4, "raid-10": 3}
FILESYSTEMS = ("ext2", "ext4", "xfs", "fat32", "vfat", "swap", "btrfs", "zfsroot")
CACHE_MODES = ("writeback", "writethrough", "writearound")
#: status numbers in which storage may be changed: Ready, Allocated
EDITABLE = frozenset({4, 10})


def whole(size: int) -> int:
    """``size`` rounded down to whole pieces."""
    return size // PIECE * PIECE


def _uuid() -> str:
    return str(uuid.uuid4())


@dataclasses.dataclass
class Filesystem:
    fstype: str
    label: str | None = ""
    uuid: str = dataclasses.field(default_factory=_uuid)
    mount_point: str | None = None
    mount_options: str | None = None

    def view(self) -> dict:
        return dataclasses.asdict(self)


def use_of(filesystem: Filesystem | None, member: str | None) -> str:
    """What a device is said to be used for. :param member: of what it is a part, if it is"""
    if member:
        return member
    if filesystem is None:
        return "Unused"
    if filesystem.mount_point:
        return f"{filesystem.fstype} formatted filesystem mounted at {filesystem.mount_point}"
    return f"Unmounted {filesystem.fstype} formatted filesystem"


@dataclasses.dataclass
class Partition:
    """``member`` says of what it is a part, such as ``LVM volume for vg0``."""

    id: int
    device: "BlockDevice"
    number: int
    size: int
    bootable: bool = False
    uuid: str = dataclasses.field(default_factory=_uuid)
    tags: list[str] = dataclasses.field(default_factory=list)
    filesystem: Filesystem | None = None
    member: str | None = None

    def view(self, system_id: str) -> dict:
        return {"uuid": self.uuid, "size": self.size, "bootable": self.bootable,
                "tags": list(self.tags), "device_id": self.device.id, "type": "partition",
                "id": self.id, "used_for": use_of(self.filesystem, self.member),
                "system_id": system_id,
                "path": f"/dev/disk/by-dname/{self.device.name}-part{self.number}",
                "filesystem": self.filesystem.view() if self.filesystem else None,
                "resource_uri": f"{ROOT}nodes/{system_id}/blockdevices/{self.device.id}/"
                                f"partition/{self.id}"}


@dataclasses.dataclass
class BlockDevice:
    """A disk, or (``physical`` false) a volume, an array or a cached device."""

    id: int
    name: str
    size: int
    physical: bool = True
    block_size: int = 512
    model: str = ""
    serial: str = ""
    id_path: str | None = None
    tags: list[str] = dataclasses.field(default_factory=list)
    uuid: str | None = None
    partitions: list[Partition] = dataclasses.field(default_factory=list)
    filesystem: Filesystem | None = None
    member: str | None = None

    def cut(self) -> int:
        return sum(partition.size for partition in self.partitions)

    def available(self) -> int:
        if self.filesystem or self.member:
            return 0
        return whole(self.size) - _TABLE_RESERVED - self.cut()

    def used(self) -> int:
        if self.filesystem or self.member:
            return self.size
        return self.cut() + _TABLE_USED if self.partitions else 0

    def use(self) -> str:
        if self.partitions and not self.member:
            count = len(self.partitions)
            return f"GPT partitioned with {count} partition{'s' if count > 1 else ''}"
        return use_of(self.filesystem, self.member)

    def view(self, system_id: str) -> dict:
        shown = {
            "serial": self.serial if self.physical else None, "id_path": self.id_path,
            "name": self.name, "numa_node": 0 if self.physical else None, "uuid": self.uuid,
            "filesystem": self.filesystem.view() if self.filesystem else None,
            "tags": list(self.tags), "type": "physical" if self.physical else "virtual",
            "size": self.size, "id": self.id,
            "partitions": [one.view(system_id) for one in self.partitions],
            "block_size": self.block_size, "model": self.model if self.physical else None,
            "storage_pool": None, "system_id": system_id,
            "path": f"/dev/disk/by-dname/{self.name}", "used_size": self.used(),
            "available_size": self.available(), "used_for": self.use(),
            "partition_table_type": "GPT" if self.partitions else None,
            "resource_uri": f"{ROOT}nodes/{system_id}/blockdevices/{self.id}/"}
        return {"firmware_version": None, **shown} if self.physical else shown


@dataclasses.dataclass
class VolumeGroup:
    id: int
    name: str
    members: list
    volumes: list[BlockDevice] = dataclasses.field(default_factory=list)
    uuid: str = dataclasses.field(default_factory=_uuid)

    def size(self) -> int:
        return sum(whole(member.size) - PIECE for member in self.members)

    def used(self) -> int:
        return sum(volume.size for volume in self.volumes)

    def view(self, system_id: str) -> dict:
        size, used = self.size(), self.used()
        return {"devices": [member.view(system_id) for member in self.members],
                "used_size": used, "human_used_size": human(used),
                "human_available_size": human(size - used), "human_size": human(size),
                "name": self.name,
                "logical_volumes": [volume.view(system_id) for volume in self.volumes],
                "size": size, "id": self.id, "available_size": size - used, "uuid": self.uuid,
                "system_id": system_id,
                "resource_uri": f"{ROOT}nodes/{system_id}/volume-group/{self.id}/"}


def human(size: int) -> str:
    """``499994591232`` as ``500.0 GB``."""
    if size < 1000:
        return f"{size} bytes"
    unit, value = "kB", size / 1000
    for larger in ("MB", "GB", "TB", "PB"):
        if value < 1000:
            break
        unit, value = larger, value / 1000
    return f"{value:.1f} {unit}"


def raid_size(level: str, sizes: list[int]) -> int:
    """What an array of that level holds, in bytes."""
    count, least = len(sizes), min(sizes) - _RAID_RESERVED
    return {"raid-0": sum(sizes) - count * _RAID_RESERVED, "raid-1": least,
            "raid-5": (count - 1) * least, "raid-6": (count - 2) * least,
            "raid-10": count * least // 2}[level]


@dataclasses.dataclass
class Raid:
    id: int
    name: str
    level: str
    members: list
    spares: list
    device: BlockDevice
    uuid: str = dataclasses.field(default_factory=_uuid)

    def view(self, system_id: str) -> dict:
        return {"devices": [member.view(system_id) for member in self.members],
                "name": self.name, "uuid": self.uuid, "level": self.level,
                "spare_devices": [spare.view(system_id) for spare in self.spares],
                "virtual_device": self.device.view(system_id), "size": self.device.size,
                "human_size": human(self.device.size), "id": self.id, "system_id": system_id,
                "resource_uri": f"{ROOT}nodes/{system_id}/raid/{self.id}/"}


@dataclasses.dataclass
class CacheSet:
    id: int
    name: str
    member: BlockDevice | Partition

    def view(self, system_id: str) -> dict:
        return {"system_id": system_id, "id": self.id,
                "cache_device": self.member.view(system_id), "name": self.name,
                "resource_uri": f"{ROOT}nodes/{system_id}/bcache-cache-set/{self.id}/"}


@dataclasses.dataclass
class Bcache:
    id: int
    name: str
    cache: CacheSet
    mode: str
    backing: BlockDevice | Partition
    device: BlockDevice
    uuid: str = dataclasses.field(default_factory=_uuid)

    def view(self, system_id: str) -> dict:
        return {"uuid": self.uuid, "name": self.name, "cache_mode": self.mode,
                "cache_set": self.cache.view(system_id), "size": self.device.size,
                "human_size": human(self.device.size),
                "backing_device": self.backing.view(system_id),
                "virtual_device": self.device.view(system_id), "id": self.id,
                "system_id": system_id,
                "resource_uri": f"{ROOT}nodes/{system_id}/bcache/{self.id}/"}
