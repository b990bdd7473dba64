"""A network on which nodes get addresses by DHCP has a dhcp range or relays to who has."""

from provisioner.site.findings import WARNING, Rule

CODE = "PR2005"
TITLE = "DHCP Range"
SEVERITY = WARNING
REMEDY = "Add a range of type dhcp to the network, or a dhcp_relay."
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)


def check(site):
    used: dict[str, str] = {}
    for node in site.nodes.values():
        for item in node.addressing:
            if not item.static:
                used.setdefault(item.network, node.name)
    for name, node in used.items():
        network = site.networks.get(name)
        if network is None or network.dhcp_relay.get("upstream_target"):
            continue
        if not any(item.type == "dhcp" for item in network.ranges):
            yield _RULE.finding(f"network {name} has no dhcp range, but node {node} gets its "
                                "address there by DHCP", site.at("Network", name, "ranges"),
                                site.at("BaremetalNode", node))
