"""A link that carries more than one network trunks; one that does not has an untagged network."""

from provisioner.site.findings import ERROR, Rule

CODE = "DD2004"
TITLE = "Network Trunking Rationalty"
SEVERITY = ERROR
REMEDY = "Set trunking.mode to 802.1q, or let the link carry one untagged network only."
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)


def check(site):
    for link in site.links.values():
        if link.trunking == "disabled":
            yield from _without_trunking(site, link)


def _without_trunking(site, link):
    place = site.at("NetworkLink", link.name, "trunking")
    carried = dict.fromkeys(link.allowed_networks)
    if len(carried) > 1:
        yield _RULE.finding(f"link {link.name} carries {len(carried)} networks "
                            f"({', '.join(carried)}) with trunking disabled", place)
    if link.default_network is None:
        yield _RULE.finding(f"link {link.name} has trunking disabled and no default network",
                            place, remedy="Name the untagged network as default_network.")
        return
    network = site.networks.get(link.default_network)
    if network is not None and network.vlan not in (None, "", "0"):
        yield _RULE.finding(
            f"link {link.name} has trunking disabled, but its default network {network.name} has "
            f"VLAN tag {network.vlan}", place, site.at("Network", network.name, "vlan"))
