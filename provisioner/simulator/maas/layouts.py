"""What a storage layout makes of a machine's disks."""

from provisioner.simulator.maas.errors import ApiError
from provisioner.simulator.maas.machine import Disks
from provisioner.simulator.maas.storage import (
    BlockDevice,
    Filesystem,
    Partition,
    VolumeGroup,
    whole,
)

NAMES = ("flat", "blank", "custom", "lvm", "vmfs6", "vmfs7", "bcache")
_UNITS = {"K": 1000, "M": 1000**2, "G": 1000**3, "T": 1000**4}


def parse_size(text) -> int:
    """``10G`` or ``1000`` in bytes. :raises ValueError:"""
    text = str(text).strip()
    factor = _UNITS.get(text[-1:].upper())
    return int(float(text[:-1]) * factor) if factor else int(text)


def wipe(disks: Disks) -> None:
    """Leave nothing but bare disks."""
    disks.devices = [device for device in disks.devices if device.physical]
    for device in disks.devices:
        device.partitions, device.filesystem, device.member = [], None, None
    disks.groups, disks.raids, disks.cache_sets, disks.bcaches = [], [], [], []
    disks.special = []


class Layout:
    """Applies one layout. :param new_id: ``(kind) -> int``"""

    def __init__(self, disks: Disks, new_id):
        self._disks, self._new_id = disks, new_id

    def apply(self, name: str, options: dict) -> None:
        """:raises ApiError: no such layout, or it does not fit"""
        if name not in NAMES:
            known = ", ".join(f"'{one}'" for one in NAMES)
            raise ApiError(400, {"storage_layout": [
                f"'{name}' is not a valid storage_layout.  It should be one of: {known}."]})
        wipe(self._disks)
        boot = self._disks.boot
        if name in ("blank", "custom") or boot is None:
            return
        root = self.cut(boot, boot.available())
        if name == "lvm":
            self._lvm(root, options)
        else:
            root.filesystem = Filesystem("ext4", "root", mount_point="/", mount_options="")

    def cut(self, device: BlockDevice, size: int, bootable: bool = False) -> Partition:
        """A new partition; number 1 is hidden, for the BIOS."""
        partition = Partition(self._new_id("partition"), device, len(device.partitions) + 2,
                              whole(size), bootable)
        device.partitions.append(partition)
        return partition

    def volume(self, group: VolumeGroup, name: str, size: int) -> BlockDevice:
        """A new logical volume."""
        volume = BlockDevice(self._new_id("blockdevice"), f"{group.name}-{name}", whole(size),
                             physical=False, block_size=4096, uuid=Filesystem("").uuid)
        group.volumes.append(volume)
        self._disks.devices.append(volume)
        return volume

    def _lvm(self, root: Partition, options: dict) -> None:
        group = VolumeGroup(self._new_id("group"), options.get("vg_name") or "vgroot", [root])
        root.member = f"LVM volume for {group.name}"
        root.filesystem = Filesystem("lvm-pv", None)
        self._disks.groups.append(group)
        size = parse_size(options["lv_size"]) if options.get("lv_size") else group.size()
        volume = self.volume(group, options.get("lv_name") or "lvroot", size)
        volume.filesystem = Filesystem("ext4", "root", mount_point="/", mount_options="")
