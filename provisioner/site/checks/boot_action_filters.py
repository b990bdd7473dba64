"""The filter of a boot action selects some node, and names nodes and racks that exist."""

from provisioner.site.findings import WARNING, Rule

CODE = "PR4003"
TITLE = "Bootaction Targets"
SEVERITY = WARNING
REMEDY = "Correct the filter, or remove the boot action."
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)


def check(site):
    racks = {node.rack for node in site.nodes.values()}.union(site.racks)
    for action in site.boot_actions.values():
        if not action.node_filter:
            continue
        unknown = list(_unknown(site, racks, action))
        for kind, name, path in unknown:
            yield _RULE.finding(f"boot action {action.name} names {kind} {name!r}, which does not "
                                "exist", site.at("BootAction", action.name, "node_filter", *path))
        if site.nodes and not unknown and not site.boot_targets.get(action.name):
            yield _RULE.finding(f"the filter of boot action {action.name} selects no node",
                                site.at("BootAction", action.name, "node_filter"))


def _unknown(site, racks, action):
    for number, item in enumerate(action.node_filter.get("filter_set") or ()):
        for index, name in enumerate(item.get("node_names") or ()):
            if not site.defined("BaremetalNode", name):
                yield "node", name, ("filter_set", number, "node_names", index)
        for index, name in enumerate(item.get("rack_names") or ()):
            if name not in racks and ("Rack", name) not in site.broken:
                yield "rack", name, ("filter_set", number, "rack_names", index)
