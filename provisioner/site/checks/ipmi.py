"""A node managed over IPMI has a login, and a static address for its BMC."""

from provisioner.site.findings import ERROR, Rule

CODE = "DD4001"
TITLE = "Valid IPMI Configuration"
SEVERITY = ERROR
REMEDY = "Set oob.account, oob.credential and oob.network, and an address on that network."
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)
NEEDED = ("account", "credential", "network")


def check(site):
    for node in site.nodes.values():
        if node.oob_type == "ipmi":
            for message, path in missing(node):
                yield _RULE.finding(message, site.at("BaremetalNode", node.name, *path))


def missing(node):
    """(message, path) of each thing that a BMC on a network needs and this node lacks."""
    for key in NEEDED:
        if not node.oob_parameters.get(key):
            yield f"node {node.name} has no oob.{key}", ("oob",)
    network = node.oob_parameters.get("network")
    if network and node.bmc_address is None:
        yield (f"node {node.name} has no static address on its out-of-band network {network}",
               ("addressing",))
