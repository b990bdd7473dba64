"""The storage part of the model. Frozen; nodes that inherit the same storage share one object."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Filesystem:
    """What a partition or volume is formatted with; ``mountpoint`` None: not at all."""

    mountpoint: str | None = None
    fstype: str = "ext4"
    mount_options: str = "defaults"
    fs_uuid: str | None = None
    fs_label: str | None = None


@dataclasses.dataclass(frozen=True)
class Partition:
    """``key`` is the member's name in the effective tree (see ``inherit.annotate``)."""

    key: str
    name: str
    size: str | None
    bootable: bool
    part_uuid: str | None
    volume_group: str | None
    filesystem: Filesystem | None
    labels: dict


@dataclasses.dataclass(frozen=True)
class Device:
    """A physical device, by alias or OS name."""

    name: str
    labels: dict
    volume_group: str | None
    partitions: tuple[Partition, ...]


@dataclasses.dataclass(frozen=True)
class LogicalVolume:
    key: str
    name: str
    size: str | None
    lv_uuid: str | None
    filesystem: Filesystem | None


@dataclasses.dataclass(frozen=True)
class VolumeGroup:
    name: str
    vg_uuid: str | None
    logical_volumes: tuple[LogicalVolume, ...]


@dataclasses.dataclass(frozen=True)
class Storage:
    devices: tuple[Device, ...] = ()
    volume_groups: tuple[VolumeGroup, ...] = ()

    def slices(self):
        """(path in the effective tree, partition or logical volume) of each, in order."""
        for device in self.devices:
            for partition in device.partitions:
                yield ("storage", "physical_devices", device.name, "partitions",
                       partition.key), partition
        for group in self.volume_groups:
            for volume in group.logical_volumes:
                yield ("storage", "volume_groups", group.name, "logical_volumes",
                       volume.key), volume

    def mounts(self) -> dict[str, tuple]:
        """Mountpoint to (path, partition or volume); the first one of each."""
        found: dict[str, tuple] = {}
        for path, item in self.slices():
            if item.filesystem is not None and item.filesystem.mountpoint:
                found.setdefault(item.filesystem.mountpoint, (path, item))
        return found

    def physical_volumes(self):
        """(path, name of the volume group) of every device or partition that joins a group."""
        for device in self.devices:
            path = ("storage", "physical_devices", device.name)
            if device.volume_group:
                yield (*path, "volume_group"), device.volume_group
            for partition in device.partitions:
                if partition.volume_group:
                    yield ((*path, "partitions", partition.key, "volume_group"),
                           partition.volume_group)
