"""A network is carried by one link; interfaces use links that exist, and networks they carry."""

from provisioner.site.findings import ERROR, Rule

CODE = "DD1007"
TITLE = "Allowed Network Check"
SEVERITY = ERROR
REMEDY = "Let one link only allow the network, and give the interface networks of its link."
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)


def check(site):
    yield from _shared_networks(site)
    for node in site.nodes.values():
        for interface in node.interfaces:
            yield from _interface(site, node, interface)


def _shared_networks(site):
    carriers: dict[str, list] = {}
    for link in site.links.values():
        for name in dict.fromkeys(link.allowed_networks):
            carriers.setdefault(name, []).append(link)
    for name, links in carriers.items():
        if len(links) > 1:
            names = ", ".join(link.name for link in links)
            yield _RULE.finding(
                f"network {name} is allowed on links {names}",
                *(site.at("NetworkLink", link.name, "allowed_networks",
                          link.allowed_networks.index(name)) for link in reversed(links)))


def _interface(site, node, interface):
    def place(*path):
        return site.at("BaremetalNode", node.name, "interfaces", interface.name, *path)

    if interface.device_link is None:
        if interface.networks:
            yield _RULE.finding(f"interface {interface.name} of node {node.name} has networks but "
                                "no device_link", place(), remedy="Name a NetworkLink.")
        return
    link = site.links.get(interface.device_link)
    if link is None:
        if not site.defined("NetworkLink", interface.device_link):
            yield _RULE.finding(
                f"interface {interface.name} of node {node.name} uses link "
                f"{interface.device_link!r}, which does not exist", place("device_link"),
                remedy="Name a NetworkLink of this design.")
        return
    for index, name in enumerate(interface.networks):
        if name not in link.carried:
            yield _RULE.finding(
                f"network {name} of interface {interface.name} on node {node.name} is not allowed "
                f"on link {link.name}", place("networks", index),
                site.at("NetworkLink", link.name, "allowed_networks"))
