"""Volume groups that devices and partitions join are defined."""

from provisioner.site.findings import ERROR, Rule
from provisioner.site.model import called

CODE = "PR1001"
TITLE = "Volume Group Reference"
SEVERITY = ERROR
REMEDY = "Define the volume group under storage.volume_groups."
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)


def check(site):
    for storage, nodes in site.storages():
        defined = {group.name for group in storage.volume_groups}
        for path, group in storage.physical_volumes():
            if group not in defined:
                who = called(node.name for node in nodes)
                yield _RULE.finding(f"{path[2]} joins volume group {group!r}, which does not "
                                    f"exist, on {who}", *site.at_each(nodes, *path))
