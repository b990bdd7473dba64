"""Bond options suit the bond mode."""

from provisioner.site.findings import ERROR, Rule

CODE = "DD1006"
TITLE = "Network Bond Rationality"
SEVERITY = ERROR
REMEDY = "Remove the option, or choose the bond mode that it belongs to."
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)
_LACP_ONLY = ("hash", "peer_rate")


def check(site):
    for link in site.links.values():
        if link.bond_mode == "disabled":
            yield from _refused(site, link, sorted(link.written - {"mode"}))
        elif link.bond_mode == "802.3ad":
            yield from _delays(site, link)
        else:
            yield from _refused(site, link, [key for key in _LACP_ONLY if key in link.written])


def _refused(site, link, keys):
    for key in keys:
        yield _RULE.finding(f"link {link.name} sets bonding.{key}, which means nothing in mode "
                            f"{link.bond_mode}", site.at("NetworkLink", link.name, "bonding", key))


def _delays(site, link):
    rate = link.bonding["mon_rate"]
    for key in ("up_delay", "down_delay"):
        if link.bonding[key] < rate:
            yield _RULE.finding(
                f"bonding.{key} ({link.bonding[key]:g} ms) of link {link.name} is shorter than "
                f"mon_rate ({rate:g} ms)", site.at("NetworkLink", link.name, "bonding", key),
                remedy="Make the delay at least as long as mon_rate.")
