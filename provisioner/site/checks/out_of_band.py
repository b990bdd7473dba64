"""A node says how it is managed, and a Redfish one has login and address."""

from provisioner.site.checks.ipmi import missing
from provisioner.site.findings import WARNING, Rule

CODE = "PR4002"
TITLE = "Out-of-band Parameters"
SEVERITY = WARNING
REMEDY = "Set oob.type, and what it needs: account, credential, network, an address there."
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)


def check(site):
    for node in site.nodes.values():
        if not node.oob_type:
            yield _RULE.finding(f"node {node.name} has no oob.type",
                                site.at("BaremetalNode", node.name, "oob"))
        elif node.oob_type == "redfish":
            for message, path in missing(node):
                yield _RULE.finding(message, site.at("BaremetalNode", node.name, *path))
