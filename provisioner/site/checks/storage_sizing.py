"""Sizes are sizes, above zero; shares of a device or volume group sum to 100 % at most.

At exactly 100 % there is no room for members with a size of another kind.
"""

from provisioner.site import sizes
from provisioner.site.checks.boot_storage import LEAST
from provisioner.site.findings import ERROR, Rule
from provisioner.site.model import called

CODE = "DD2003"
TITLE = "Storage Sizing"
SEVERITY = ERROR
REMEDY = "Write sizes as 20g, 512MiB, >10g or 50%, with shares of at most 100 % in total."
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)


def check(site):
    for storage, nodes in site.storages():
        who = called(node.name for node in nodes)
        for message, path in _problems(storage):
            yield _RULE.finding(f"{message} on {who}", *site.at_each(nodes, *path))


def _problems(storage):
    for device in storage.devices:
        path = ("storage", "physical_devices", device.name, "partitions")
        yield from _members(f"device {device.name}", path, device.partitions)
    for group in storage.volume_groups:
        path = ("storage", "volume_groups", group.name, "logical_volumes")
        yield from _members(f"volume group {group.name}", path, group.logical_volumes)


def _members(whole, path, members):
    share, plain = 0, []
    for member in members:
        size = sizes.parse(member.size)
        where = (*path, member.key, "size")
        if size is None:
            if not _is_booted(member):
                yield f"{member.name} of {whole} has {_unsized(member.size)}", where
            continue
        if size.negative or not (size.percent or size.bytes):
            yield f"{member.name} of {whole} has size {member.size}, which is not above 0", where
        elif size.percent is None:
            plain.append(member.name)
        else:
            share += size.percent
    if share > 100:
        yield f"the shares of {whole} sum to {share} %", path
    elif share == 100 and plain:
        yield f"the shares of {whole} sum to 100 %, which leaves nothing for {plain[0]}", path


def _unsized(text):
    return "no size" if text is None else f"size {text[:40]!r}, which is not a size"


def _is_booted(member):
    """Whether the check of boot storage already looks at this member's size."""
    if member.filesystem is not None and member.filesystem.mountpoint:
        return member.filesystem.mountpoint in LEAST
    return member.name == "boot"
