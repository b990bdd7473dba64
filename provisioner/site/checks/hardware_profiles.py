"""Every node has a hardware profile, and it exists."""

from provisioner.site.findings import ERROR, Rule

CODE = "PR3002"
TITLE = "Hardware Profile Reference"
SEVERITY = ERROR
REMEDY = "Name a HardwareProfile of this design in the node or in a host profile that it inherits."
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)


def check(site):
    for node in site.nodes.values():
        name = node.hardware_profile
        if not name:
            yield _RULE.finding(f"node {node.name} has no hardware_profile",
                                site.at("BaremetalNode", node.name))
        elif not site.defined("HardwareProfile", name):
            yield _RULE.finding(
                f"node {node.name} has hardware profile {name!r}, which does not exist",
                site.at("BaremetalNode", node.name, "hardware_profile"))
