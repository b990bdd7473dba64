"""Networks named by links, hosts and racks exist."""

from provisioner.site.findings import ERROR, WARNING, Rule

CODE = "PR2002"
TITLE = "Network Reference"
SEVERITY = ERROR
REMEDY = "Name a Network of this design, or add it."
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)


def check(site):
    for link in site.links.values():
        for index, name in enumerate(link.allowed_networks):
            yield from _missing(site, name, f"link {link.name} allows", "NetworkLink", link.name,
                                "allowed_networks", index)
        yield from _missing(site, link.default_network, f"link {link.name} has default",
                            "NetworkLink", link.name, "trunking", "default_network")
    for node in site.nodes.values():
        yield from _missing(site, node.primary_network, f"node {node.name} has primary",
                            "BaremetalNode", node.name, "primary_network")
        yield from _missing(site, node.oob_parameters.get("network"),
                            f"node {node.name} has out-of-band",
                            "BaremetalNode", node.name, "oob", "network")
    for rack in site.racks.values():
        # Nothing looks these up, so a name left over does no harm.
        for index, name in enumerate(rack.local_networks):
            yield from _missing(site, name, f"rack {rack.name} has local", "Rack", rack.name,
                                "local_networks", index, severity=WARNING)


def _missing(site, name, who, *path, severity=None):
    if name and not site.defined("Network", name):
        yield _RULE.finding(f"{who} network {name!r}, which does not exist", site.at(*path),
                            severity=severity)
