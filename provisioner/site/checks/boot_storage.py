"""A node has a root file system, on a partition or a logical volume, and room for root and boot.

Found by mountpoint: ``/`` and ``/boot``. Shares of unknown wholes (``50%``) cannot be compared.
"""

from provisioner.site import sizes
from provisioner.site.findings import ERROR, Rule
from provisioner.site.model import called

CODE = "DD1001"
TITLE = "Rational Boot Storage"
SEVERITY = ERROR
REMEDY = "Make the root file system at least 20g and a separate /boot at least 1g."
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)
LEAST = {"/": 20 * 10**9, "/boot": 10**9}


def check(site):
    for storage, nodes in site.storages():
        mounts = storage.mounts()
        who = called(node.name for node in nodes)
        if "/" not in mounts:
            yield _RULE.finding(
                f"{who} without a root file system", *site.at_each(nodes, "storage"),
                remedy="Give a partition or logical volume filesystem.mountpoint '/'.")
        wanted = {mount: found for mount, found in mounts.items() if mount in LEAST}
        if "/boot" not in wanted:
            wanted.update(_named_boot(storage))
        for mount, (path, item) in wanted.items():
            problem = _problem(item.size, LEAST[mount])
            if problem:
                yield _RULE.finding(f"{mount} of {who}, on {item.name}, {problem}",
                                    *site.at_each(nodes, *path, "size"))


def _named_boot(storage):
    """A partition called boot that is mounted nowhere still is the boot partition."""
    for path, item in storage.slices():
        mounted = item.filesystem is not None and item.filesystem.mountpoint
        if item.name == "boot" and not mounted:
            return {"/boot": (path, item)}
    return {}


def _problem(text, least):
    if text is None:
        return "has no size"
    size = sizes.parse(text)
    if size is None:
        return f"has size {text!r}, which is not a size"
    if size.bytes is not None and size.bytes < least:
        return f"has size {text}, less than {least // 10**9}g"
    return ""
