"""Partitions of a device, and volumes of a group, have different names."""

from provisioner.site.findings import WARNING, Rule
from provisioner.site.model import called

CODE = "PR1002"
TITLE = "Storage Names"
SEVERITY = WARNING
REMEDY = "Give each a name of its own; profiles are merged by name."
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)


def check(site):
    for storage, nodes in site.storages():
        for path, item in storage.slices():
            if item.key != item.name:
                who = called(node.name for node in nodes)
                yield _RULE.finding(f"{path[2]} has two members named {item.name} on {who}",
                                    *site.at_each(nodes, *path, "name"))
