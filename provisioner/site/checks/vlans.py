"""VLAN tags are 1 to 4094, and different on the networks of one link."""

from provisioner.site.findings import WARNING, Rule

CODE = "PR2003"
TITLE = "VLAN Rationality"
SEVERITY = WARNING
REMEDY = "Use a tag of 1 to 4094 that no other network of the link has; leave it out for untagged."
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)


def check(site):
    for network in site.networks.values():
        if network.vlan not in (None, "") and not _sane(network.vlan):
            yield _RULE.finding(f"network {network.name} has VLAN tag {network.vlan[:20]!r}",
                                site.at("Network", network.name, "vlan"))
    for link in site.links.values():
        yield from _repeated(site, link)


def _sane(text):
    return text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= 4094


def _repeated(site, link):
    seen: dict[str, str] = {}
    for name in dict.fromkeys(link.allowed_networks):
        network = site.networks.get(name)
        if network is None or not network.vlan:
            continue
        if network.vlan in seen:
            yield _RULE.finding(
                f"networks {seen[network.vlan]} and {name} of link {link.name} both have VLAN tag "
                f"{network.vlan}", site.at("Network", name, "vlan"),
                site.at("Network", seen[network.vlan], "vlan"))
        seen.setdefault(network.vlan, name)
