"""No static address is assigned twice, over all nodes and within each."""

from provisioner.site.findings import ERROR, WARNING, Rule
from provisioner.site.model import parse_address

CODE = "DD2005"
TITLE = "Duplicated IP Check"
SEVERITY = ERROR
REMEDY = "Give each node an address of its own."
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)


def check(site):
    if not site.nodes and not any(kind == "BaremetalNode" for kind, _ in site.broken):
        yield _RULE.finding("the design has no nodes", severity=WARNING,
                            remedy="Add BaremetalNode documents.")
    holders: dict = {}
    for node in site.nodes.values():
        for index, item in enumerate(node.addressing):
            if item.static:
                address = parse_address(item.address) or item.address
                holders.setdefault(address, []).append((node.name, index))
    for address, found in holders.items():
        if len(found) > 1:
            yield _finding(site, address, found)


def _finding(site, address, found):
    names = list(dict.fromkeys(name for name, _ in found))
    places = [site.at("BaremetalNode", name, "addressing", index, "address")
              for name, index in reversed(found)]
    if len(names) == 1:
        return _RULE.finding(f"{address} is assigned {len(found)} times to node {names[0]}",
                             *places)
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return _RULE.finding(f"{address} is assigned to nodes {', '.join(names[:5])}{more}", *places)
