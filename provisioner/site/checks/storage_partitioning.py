"""Devices and partitions serve one purpose each, and volume groups have physical volumes."""

from provisioner.site.findings import ERROR, Rule
from provisioner.site.model import called

CODE = "DD2002"
TITLE = "Storage Partitioning"
SEVERITY = ERROR
REMEDY = "Give each device either a volume_group or partitions."
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)
_PARTITION_REMEDY = "Give each partition either a volume_group or a filesystem."
_GROUP_REMEDY = "Name the volume group as volume_group of a device or a partition."


def check(site):
    for storage, nodes in site.storages():
        who = called(node.name for node in nodes)
        for message, path, remedy in _problems(storage):
            yield _RULE.finding(f"{message} on {who}", *site.at_each(nodes, *path), remedy=remedy)


def _problems(storage):
    for device in storage.devices:
        path = ("storage", "physical_devices", device.name)
        if device.volume_group and device.partitions:
            yield (f"device {device.name} has both a volume group and partitions",
                   (*path, "volume_group"), None)
        elif not device.volume_group and not device.partitions:
            yield f"device {device.name} has neither a volume group nor partitions", path, None
        for partition in device.partitions:
            if partition.volume_group and partition.filesystem is not None:
                yield (f"partition {partition.name} of device {device.name} has both a volume "
                       "group and a filesystem",
                       (*path, "partitions", partition.key, "volume_group"), _PARTITION_REMEDY)
    have = {group for _, group in storage.physical_volumes()}
    for group in storage.volume_groups:
        if group.name not in have:
            yield (f"volume group {group.name} has no physical volume",
                   ("storage", "volume_groups", group.name), _GROUP_REMEDY)
