"""A network's CIDR is a prefix without host bits."""

import ipaddress

from provisioner.site.findings import ERROR, WARNING, Rule

CODE = "DD2006"
TITLE = "CIDR Validity"
SEVERITY = ERROR
REMEDY = "Write the network's own address with its prefix length, such as 10.0.0.0/24."
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)


def check(site):
    if not site.networks and not any(kind == "Network" for kind, _ in site.broken):
        yield _RULE.finding("the design has no networks", severity=WARNING,
                            remedy="Add Network documents.")
    for network in site.networks.values():
        try:
            ipaddress.ip_network(network.cidr)
        except ValueError:
            place = site.at("Network", network.name, "cidr")
            if network.prefix is None:
                yield _RULE.finding(f"{network.cidr!r} of network {network.name} is not a CIDR",
                                    place)
            else:
                yield _RULE.finding(f"{network.cidr} of network {network.name} has host bits set",
                                    place, remedy=f"Write {network.prefix}.")
