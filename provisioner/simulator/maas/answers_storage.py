"""Operations on the block devices of a machine and what is built on them."""

from provisioner.simulator.maas import storage as s
from provisioner.simulator.maas.errors import choice, conflict, invalid, missing, required
from provisioner.simulator.maas.layouts import Layout, parse_size
from provisioner.simulator.maas.machine import Machine
from provisioner.simulator.maas.routing import Answer, Call, operation
from provisioner.simulator.maas.storage import BlockDevice, Filesystem, Partition

_NODE = "nodes/{system_id}/"
_DEVICE = _NODE + "blockdevices/{id}/"
_PARTITION = _NODE + "blockdevices/{id}/partition/{partition}"


def _machine(call: Call, what: str | None = None) -> Machine:
    """:param what: what is about to be done, for the refusal in states that allow no change"""
    machine = call.region.machine(call.part["system_id"], "Node")
    if what and machine.status not in s.EDITABLE:
        raise conflict(f"Cannot {what} because the node is not Ready.")
    return machine


def _find(items: list, key, kind: str):
    for known in items:
        if str(key) in (str(known.id), getattr(known, "name", None)):
            return known
    raise missing(kind)


def _device(call: Call, machine: Machine) -> BlockDevice:
    return _find(machine.disks.devices, call.part["id"], "BlockDevice")


def _partition(call: Call, machine: Machine) -> Partition:
    return _find(_device(call, machine).partitions, call.part["partition"], "Partition")


def _size(call: Call, default: int | None) -> int | None:
    text = call.one("size")
    if not text:
        return default
    try:
        return parse_size(text)
    except ValueError:
        raise invalid(size="Enter a valid size in bytes.") from None


@operation(_NODE + "blockdevices/")
def devices(call: Call) -> list:
    machine = _machine(call)
    return [one.view(machine.system_id) for one in machine.disks.devices]


@operation(_NODE + "blockdevices/", "POST", admin=True)
def create_device(call: Call) -> dict:
    machine = _machine(call, "create block device")
    for name in ("name", "size", "block_size"):
        if not call.one(name):
            raise required(name)
    if not call.one("id_path") and not call.one("serial"):
        raise invalid(all_="serial/model are required if id_path is not provided.")
    device = BlockDevice(
        call.region.ids.new("blockdevice"), call.one("name"), _size(call, 0),
        block_size=call.number("block_size"), model=call.one("model", ""),
        serial=call.one("serial", ""), id_path=call.one("id_path"))
    machine.disks.devices.append(device)
    return device.view(machine.system_id)


@operation(_DEVICE)
def device(call: Call) -> dict:
    machine = _machine(call)
    return _device(call, machine).view(machine.system_id)


@operation(_DEVICE, "DELETE", admin=True)
def delete_device(call: Call) -> Answer:
    machine = _machine(call, "delete block device")
    machine.disks.devices.remove(_device(call, machine))
    return Answer("", 204)


@operation(_DEVICE, "POST", "set_boot_disk", admin=True)
def set_boot_disk(call: Call) -> Answer:
    machine = _machine(call, "set as boot disk")
    machine.disks.boot = _device(call, machine)
    return Answer("OK")


def _format(call: Call, target: BlockDevice | Partition) -> None:
    fstype = call.one("fstype")
    if not fstype:
        raise required("fstype")
    if fstype not in s.FILESYSTEMS:
        raise choice("fstype", fstype)
    if target.member:
        raise invalid(all_="Cannot format block device: it is in use.")
    target.filesystem = Filesystem(fstype, call.one("label", ""))
    if call.one("uuid"):
        target.filesystem.uuid = call.one("uuid")


def _mount(call: Call, target: BlockDevice | Partition) -> None:
    if target.filesystem is None:
        raise invalid(all_="Cannot mount a device that has no filesystem.")
    point = call.one("mount_point")
    if not point:
        raise required("mount_point")
    machine = call.region.machine(call.part["system_id"])
    if any(one.mount_point == point for one in machine.disks.filesystems()
           if one is not target.filesystem):
        raise invalid(mount_point="Another filesystem is already mounted at this location.")
    target.filesystem.mount_point = point
    target.filesystem.mount_options = call.one("mount_options", "")


def _unmount(call: Call, target: BlockDevice | Partition) -> None:
    if target.filesystem is None or not target.filesystem.mount_point:
        raise invalid(all_="Filesystem is already unmounted.")
    target.filesystem.mount_point = target.filesystem.mount_options = None


def _unformat(call: Call, target: BlockDevice | Partition) -> None:
    if target.filesystem is None:
        raise invalid(all_="Block device is not formatted.")
    target.filesystem = None


def _tag(call: Call, target: BlockDevice | Partition) -> None:
    target.tags = sorted({*target.tags, call.one("tag", "")})


def _untag(call: Call, target: BlockDevice | Partition) -> None:
    target.tags = [tag for tag in target.tags if tag != call.one("tag")]


def _both(op: str, what: str, act) -> None:
    """Register an operation that devices and partitions have alike."""
    def on_device(call: Call) -> dict:
        machine = _machine(call, f"{what} block device")
        target = _device(call, machine)
        act(call, target)
        return target.view(machine.system_id)

    def on_partition(call: Call) -> dict:
        machine = _machine(call, f"{what} partition")
        target = _partition(call, machine)
        act(call, target)
        return target.view(machine.system_id)
    operation(_DEVICE, "POST", op)(on_device)
    operation(_PARTITION, "POST", op)(on_partition)


for _op, _what, _act in (("format", "format", _format), ("mount", "mount", _mount),
                         ("unmount", "unmount", _unmount),
                         ("unformat", "unformat", _unformat), ("add_tag", "tag", _tag),
                         ("remove_tag", "untag", _untag)):
    _both(_op, _what, _act)


@operation(_NODE + "blockdevices/{id}/partitions/")
def partitions(call: Call) -> list:
    machine = _machine(call)
    return [one.view(machine.system_id) for one in _device(call, machine).partitions]


@operation(_NODE + "blockdevices/{id}/partitions/", "POST")
def create_partition(call: Call) -> dict:
    machine = _machine(call, "create partition")
    on = _device(call, machine)
    size = _size(call, on.available())
    if size > on.size:
        raise invalid(size=f"Ensure this value is less than or equal to {on.size}.")
    if s.whole(size) > on.available() or size <= 0:
        raise invalid(size="Partition cannot be saved; not enough free space on the block "
                           "device.")
    made = Layout(machine.disks, call.region.ids.new).cut(on, size, call.flag("bootable"))
    made.uuid = call.one("uuid") or made.uuid
    return made.view(machine.system_id)


@operation(_PARTITION)
def partition(call: Call) -> dict:
    machine = _machine(call)
    return _partition(call, machine).view(machine.system_id)


@operation(_PARTITION, "DELETE")
def delete_partition(call: Call) -> Answer:
    machine = _machine(call, "delete partition")
    _device(call, machine).partitions.remove(_partition(call, machine))
    return Answer("", 204)


def _members(call: Call, machine: Machine, prefix: str = "") -> list:
    """Devices and partitions that a request names. :raises ApiError: one cannot be used"""
    found = []
    all_partitions = [one for known in machine.disks.devices for one in known.partitions]
    for field, items in ((f"{prefix}devices" if prefix else "block_devices",
                          machine.disks.devices),
                         (f"{prefix}partitions", all_partitions)):
        for key in call.many(field):
            known = next((one for one in items if str(one.id) == key), None)
            if known is None or known.member or known.filesystem or (
                    getattr(known, "partitions", None)):
                raise choice(field, key)
            found.append(known)
    return found


def _join(members: list, use: str, fstype: str) -> None:
    for member in members:
        member.member, member.filesystem = use, Filesystem(fstype, None)


def _part_with(members: list) -> None:
    for member in members:
        member.member = member.filesystem = None


@operation(_NODE + "volume-groups/")
def groups(call: Call) -> list:
    machine = _machine(call)
    return [one.view(machine.system_id) for one in machine.disks.groups]


@operation(_NODE + "volume-groups/", "POST")
def create_group(call: Call) -> dict:
    machine = _machine(call, "create volume group")
    members = _members(call, machine)
    if not call.one("name"):
        raise required("name")
    if not members:
        raise invalid(all_="At least one valid block device or partition is required.")
    group = s.VolumeGroup(call.region.ids.new("group"), call.one("name"), members)
    group.uuid = call.one("uuid") or group.uuid
    _join(members, f"LVM volume for {group.name}", "lvm-pv")
    machine.disks.groups.append(group)
    return group.view(machine.system_id)


_GROUP = _NODE + "volume-group/{id}/"
#: what is told of a volume when it is made
_NEW_VOLUME = ("used_size", "name", "size", "id", "available_size", "uuid", "system_id",
               "resource_uri")


def _group(call: Call, machine: Machine) -> s.VolumeGroup:
    return _find(machine.disks.groups, call.part["id"], "VolumeGroup")


@operation(_GROUP)
def group(call: Call) -> dict:
    machine = _machine(call)
    return _group(call, machine).view(machine.system_id)


@operation(_GROUP, "DELETE")
def delete_group(call: Call) -> Answer:
    machine = _machine(call, "delete volume group")
    gone = _group(call, machine)
    _part_with(gone.members)
    machine.disks.groups.remove(gone)
    machine.disks.devices = [one for one in machine.disks.devices if one not in gone.volumes]
    return Answer("", 204)


@operation(_GROUP, "POST", "create_logical_volume")
def create_volume(call: Call) -> dict:
    machine = _machine(call, "create logical volume")
    inside = _group(call, machine)
    free = inside.size() - inside.used()
    size = _size(call, free)
    if s.whole(size) > free:
        raise invalid(size=f"Ensure this value is less than or equal to {free}.")
    made = Layout(machine.disks, call.region.ids.new).volume(
        inside, call.one("name", ""), size)
    shown = made.view(machine.system_id)
    return {name: shown[name] for name in _NEW_VOLUME}


@operation(_GROUP, "POST", "delete_logical_volume")
def delete_volume(call: Call) -> Answer:
    machine = _machine(call, "delete logical volume")
    inside = _group(call, machine)
    gone = _find(inside.volumes, call.one("id"), "VirtualBlockDevice")
    inside.volumes.remove(gone)
    machine.disks.devices.remove(gone)
    return Answer("", 204)


def _virtual(call: Call, machine: Machine, name: str, size: int) -> BlockDevice:
    made = BlockDevice(call.region.ids.new("blockdevice"), name, size, physical=False,
                       uuid=Filesystem("").uuid)
    machine.disks.devices.append(made)
    return made


@operation(_NODE + "raids/")
def raids(call: Call) -> list:
    machine = _machine(call)
    return [one.view(machine.system_id) for one in machine.disks.raids]


@operation(_NODE + "raids/", "POST")
def create_raid(call: Call) -> dict:
    machine = _machine(call, "create RAID")
    members, level = _members(call, machine), call.one("level", "")
    spares = _members(call, machine, "spare_")
    if level not in s.RAID_LEVELS:
        raise choice("level", level)
    if not members:
        raise invalid(all_="At least one block device or partition is required.")
    if len(members) < s.RAID_LEVELS[level]:
        raise invalid(all_=f"RAID level {level[5:]} must have at least "
                           f"{s.RAID_LEVELS[level]} raid devices and any number of spares.")
    name = call.one("name") or f"md{len(machine.disks.raids)}"
    made = _virtual(call, machine, name, s.raid_size(level, [one.size for one in members]))
    _join(members, f"Active {level} device for {name}", "raid")
    _join(spares, f"Spare {level} device for {name}", "raid-spare")
    array = s.Raid(call.region.ids.new("group"), name, level, members, spares, made)
    machine.disks.raids.append(array)
    return array.view(machine.system_id)


@operation(_NODE + "raid/{id}/")
def raid(call: Call) -> dict:
    machine = _machine(call)
    return _find(machine.disks.raids, call.part["id"], "RAID").view(machine.system_id)


@operation(_NODE + "raid/{id}/", "DELETE")
def delete_raid(call: Call) -> Answer:
    machine = _machine(call, "delete RAID")
    gone = _find(machine.disks.raids, call.part["id"], "RAID")
    _part_with([*gone.members, *gone.spares])
    machine.disks.raids.remove(gone)
    machine.disks.devices.remove(gone.device)
    return Answer("", 204)


@operation(_NODE + "bcache-cache-sets/")
def cache_sets(call: Call) -> list:
    machine = _machine(call)
    return [one.view(machine.system_id) for one in machine.disks.cache_sets]


def _one_of(call: Call, machine: Machine, prefix: str):
    """The device or partition in ``<prefix>_device`` or ``<prefix>_partition``."""
    fields = {f"{prefix}_device": machine.disks.devices,
              f"{prefix}_partition": [one for known in machine.disks.devices
                                      for one in known.partitions]}
    for field, items in fields.items():
        key = call.one(field)
        if not key:
            continue
        known = next((one for one in items if str(one.id) == key), None)
        if known is None or known.member or known.filesystem:
            raise choice(field, key)
        return known
    raise invalid(all_=f"Either {prefix}_device or {prefix}_partition must be specified.")


@operation(_NODE + "bcache-cache-sets/", "POST")
def create_cache_set(call: Call) -> dict:
    machine = _machine(call, "create cache set")
    member = _one_of(call, machine, "cache")
    name = f"cache{len(machine.disks.cache_sets)}"
    _join([member], f"Cache device for {name}", "bcache-cache")
    made = s.CacheSet(call.region.ids.new("cacheset"), name, member)
    machine.disks.cache_sets.append(made)
    return made.view(machine.system_id)


@operation(_NODE + "bcaches/")
def bcaches(call: Call) -> list:
    machine = _machine(call)
    return [one.view(machine.system_id) for one in machine.disks.bcaches]


@operation(_NODE + "bcaches/", "POST")
def create_bcache(call: Call) -> dict:
    machine = _machine(call, "create Bcache")
    mode = call.one("cache_mode", "")
    if mode not in s.CACHE_MODES:
        raise choice("cache_mode", mode)
    cache = next((one for one in machine.disks.cache_sets
                  if str(one.id) == call.one("cache_set")), None)
    if cache is None:
        raise choice("cache_set", call.one("cache_set"))
    backing = _one_of(call, machine, "backing")
    name = call.one("name") or f"bcache{len(machine.disks.bcaches)}"
    made = _virtual(call, machine, name, backing.size)
    _join([backing], f"Backing device for {name}", "bcache-backing")
    known = s.Bcache(call.region.ids.new("group"), name, cache, mode, backing, made)
    machine.disks.bcaches.append(known)
    shown = known.view(machine.system_id)
    return {name: shown[name] for name in ("uuid", "name", "cache_mode", "cache_set",
                                           "virtual_device", "id")}
