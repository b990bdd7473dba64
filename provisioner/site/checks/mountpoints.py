"""Nothing is mounted twice at the same place of a node."""

from provisioner.site.findings import ERROR, Rule
from provisioner.site.model import called

CODE = "DD2004"
TITLE = "Storage Mountpoint"
SEVERITY = ERROR
REMEDY = "Give each file system a mountpoint of its own."
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)


def check(site):
    for storage, nodes in site.storages():
        seen: dict[str, str] = {}
        for path, item in storage.slices():
            mount = item.filesystem.mountpoint if item.filesystem is not None else None
            if not mount:
                continue
            if mount in seen:
                who = called(node.name for node in nodes)
                yield _RULE.finding(
                    f"{mount} is the mountpoint of {seen[mount]} and of {item.name} on {who}",
                    *site.at_each(nodes, *path, "filesystem", "mountpoint"))
            seen.setdefault(mount, item.name)
