"""Hardware addresses that nodes boot from are well-formed, and each is one node's."""

import re

from provisioner.site.findings import WARNING, Rule

CODE = "PR3006"
TITLE = "Boot MAC"
SEVERITY = WARNING
REMEDY = "Write six pairs of hexadecimal digits with colons, as the machine reports them."
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


def check(site):
    holders: dict[str, list[str]] = {}
    for node in site.nodes.values():
        if not node.boot_mac:
            continue
        holders.setdefault(node.boot_mac, []).append(node.name)
        if not _MAC.fullmatch(node.boot_mac):
            yield _RULE.finding(f"boot_mac of node {node.name} is {node.boot_mac[:60]!r}, which is "
                                "not a hardware address", _place(site, node.name))
    for mac, names in holders.items():
        if len(names) > 1:
            yield _RULE.finding(f"{mac} is the boot_mac of nodes {', '.join(names[:5])}",
                                *(_place(site, name) for name in reversed(names)))


def _place(site, name):
    return site.at("BaremetalNode", name, "metadata", "boot_mac")
