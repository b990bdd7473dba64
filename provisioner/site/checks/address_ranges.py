"""Every static address lies in a static range of its network.

A network without any range declares nothing, and one without a static range only what is taken
by others: there a static address must keep out of the dhcp and reserved ranges.
"""

import bisect

from provisioner.site.findings import ERROR, Rule
from provisioner.site.model import parse_address

CODE = "PR2001"
TITLE = "Address Range Check"
SEVERITY = ERROR
REMEDY = "Use an address of a static range, or declare a static range that holds this one."
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)


def check(site):
    spans = {name: _spans(network) for name, network in site.networks.items()}
    for node in site.nodes.values():
        for index, item in enumerate(node.addressing):
            network = site.networks.get(item.network)
            address = parse_address(item.address) if item.static else None
            if network is None or address is None or network.prefix is None \
                    or address not in network.prefix:
                continue
            problem = _problem(spans[network.name], address)
            if problem:
                yield _RULE.finding(
                    f"address {address} of node {node.name} {problem} of network {network.name}",
                    site.at("BaremetalNode", node.name, "addressing", index, "address"),
                    site.at("Network", network.name, "ranges"))


def _spans(network):
    """(whether static, spans apart and in order) of the static ranges, else of all others."""
    sound = [item for item in network.ranges if item.bounds is not None
             and network.prefix is not None
             and item.bounds[0].version == network.prefix.version]
    declared = [item for item in network.ranges if item.type == "static"]
    static = [item.bounds for item in sound if item.type == "static"]
    return bool(declared), _joined(static if declared else [item.bounds for item in sound])


def _joined(bounds):
    spans = []
    for first, last in sorted(bounds):
        if spans and first <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(last, spans[-1][1]))
        else:
            spans.append((first, last))
    return spans


def _problem(spans, address):
    static, bounds = spans
    index = bisect.bisect_right(bounds, address, key=lambda span: span[0]) - 1
    inside = index >= 0 and address <= bounds[index][1]
    if static:
        return "" if inside else "is in no static range"
    return "is in a dhcp or reserved range" if inside else ""
