"""MTUs are between 1280 and 65536 bytes, and no network's exceeds that of a link carrying it."""

from provisioner.site.findings import ERROR, Rule

CODE = "DD2003"
TITLE = "MTU Rationality"
SEVERITY = ERROR
REMEDY = "Use an MTU of 1280 to 65536 bytes, and for a network at most that of its link."
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)
LEAST = 1280  # smallest MTU of IPv6, RFC 8200 section 5
MOST = 65536


def check(site):
    for link in site.links.values():
        yield from _sane(site, "NetworkLink", link)
    for network in site.networks.values():
        yield from _sane(site, "Network", network)
    for link in site.links.values():
        for name in _carried(link):
            network = site.networks.get(name)
            if network is not None and network.mtu and network.mtu > link.mtu:
                yield _RULE.finding(
                    f"network {name} has MTU {network.mtu:g}, its link {link.name} only "
                    f"{link.mtu:g}", site.at("Network", name, "mtu"),
                    site.at("NetworkLink", link.name, "mtu"))


def _carried(link):
    names = (*link.allowed_networks, *filter(None, [link.default_network]))
    return dict.fromkeys(names)


def _sane(site, kind, item):
    if item.mtu and not LEAST <= item.mtu <= MOST:
        yield _RULE.finding(f"the MTU {item.mtu:g} of {item.name} is outside {LEAST} to {MOST}",
                            site.at(kind, item.name, "mtu"))
