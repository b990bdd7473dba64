"""Gateways and static addresses lie inside their network, and the network exists."""

from provisioner.site.findings import ERROR, WARNING, Rule
from provisioner.site.model import parse_address

CODE = "DD2002"
TITLE = "IP Locality Check"
SEVERITY = ERROR
REMEDY = "Use an address inside the network's CIDR."
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)


def check(site):
    broken = {kind for kind, _ in site.broken}
    if not site.networks and "Network" not in broken:
        yield _RULE.finding("the design has no networks", severity=WARNING,
                            remedy="Add Network documents.")
    if not site.nodes and "BaremetalNode" not in broken:
        yield _RULE.finding("the design has no nodes", severity=WARNING,
                            remedy="Add BaremetalNode documents.")
    for network in site.networks.values():
        yield from _gateways(site, network)
    for node in site.nodes.values():
        for index, item in enumerate(node.addressing):
            yield from _address(site, node, index, item)


def _gateways(site, network):
    for index, route in enumerate(network.routes):
        if route.computed:
            continue
        place = site.at("Network", network.name, "routes", index)
        target = route.subnet or f"route domain {route.routedomain}"
        if not route.gateway:
            yield _RULE.finding(f"the route to {target} of network {network.name} has no gateway",
                                place, remedy="Give the route a gateway inside the network.")
            continue
        place = site.at("Network", network.name, "routes", index, "gateway")
        address = parse_address(route.gateway)
        if address is None:
            yield _RULE.finding(f"the gateway {route.gateway!r} of network {network.name} "
                                "is not an address", place)
        elif network.prefix is not None and address not in network.prefix:
            yield _RULE.finding(f"the gateway {address} is outside network {network.name} "
                                f"({network.cidr})", place)


def _address(site, node, index, item):
    network = site.networks.get(item.network)
    if network is None:
        if not site.defined("Network", item.network):
            yield _RULE.finding(
                f"node {node.name} has an address on network {item.network!r}, which does not "
                "exist", site.at("BaremetalNode", node.name, "addressing", index, "network"),
                remedy="Name a network of this design.")
        return
    if not item.static:
        return
    place = site.at("BaremetalNode", node.name, "addressing", index, "address")
    address = parse_address(item.address)
    if address is None:
        yield _RULE.finding(f"{item.address!r} of node {node.name} is neither an address nor "
                            "'dhcp'", place)
    elif network.prefix is not None and address not in network.prefix:
        yield _RULE.finding(f"address {address} of node {node.name} is outside network "
                            f"{network.name} ({network.cidr})", place,
                            site.at("Network", network.name, "cidr"))
