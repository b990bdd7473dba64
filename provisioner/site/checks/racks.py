"""The rack of a node is defined. Filters compare names only, so this is no more than a hint."""

from provisioner.site.findings import WARNING, Rule

CODE = "PR3005"
TITLE = "Rack Reference"
SEVERITY = WARNING
REMEDY = "Add a Rack document of that name, or correct metadata.rack."
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)


def check(site):
    for node in site.nodes.values():
        if node.rack and not site.defined("Rack", node.rack):
            yield _RULE.finding(f"node {node.name} is in rack {node.rack!r}, which does not exist",
                                site.at("BaremetalNode", node.name, "metadata", "rack"))
