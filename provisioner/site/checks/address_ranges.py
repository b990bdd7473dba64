"""Every static address lies in a static range of its network.

A network without any range declares nothing, and one without a static range only what is taken
by others: there a static address must keep out of the dhcp and reserved ranges.
"""

from provisioner.site.findings import ERROR, Rule
from provisioner.site.model import parse_address

CODE = "PR2001"
TITLE = "Address Range Check"
SEVERITY = ERROR
REMEDY = "Use an address of a static range, or declare a static range that holds this one."
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)


def check(site):
    for node in site.nodes.values():
        for index, item in enumerate(node.addressing):
            network = site.networks.get(item.network)
            address = parse_address(item.address) if item.static else None
            if network is None or address is None or network.prefix is None \
                    or address not in network.prefix:
                continue
            problem = _problem(network, address)
            if problem:
                yield _RULE.finding(
                    f"address {address} of node {node.name} {problem} of network {network.name}",
                    site.at("BaremetalNode", node.name, "addressing", index, "address"),
                    site.at("Network", network.name, "ranges"))


def _problem(network, address):
    static = [item for item in network.ranges if item.type == "static"]
    if static:
        inside = any(address in item for item in static)
        return "" if inside else "is in no static range"
    for item in network.ranges:
        if address in item:
            return f"is in the {item.type} range {item.start} to {item.end}"
    return ""
