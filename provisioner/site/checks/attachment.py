"""A node has an interface on each network where it has an address, save that of its BMC."""

from provisioner.site.findings import WARNING, Rule

CODE = "PR2007"
TITLE = "Address Attachment"
SEVERITY = WARNING
REMEDY = "Put the network on an interface of the node, or drop the address."
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)


def check(site):
    for node in site.nodes.values():
        attached = {name for interface in node.interfaces for name in interface.networks}
        attached.add(node.oob_parameters.get("network"))
        for index, item in enumerate(node.addressing):
            if item.network not in attached and item.network in site.networks:
                yield _RULE.finding(
                    f"node {node.name} has an address on network {item.network}, but no interface",
                    site.at("BaremetalNode", node.name, "addressing", index, "network"))
