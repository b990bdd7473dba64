"""Every node is the target of a boot action."""

from provisioner.site.findings import WARNING, Rule
from provisioner.site.model import called

CODE = "DD4001"
TITLE = "Bootaction Definition"
SEVERITY = WARNING
REMEDY = "Add a BootAction for these nodes, or widen the filter of one, if they need any."
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)


def check(site):
    targeted = {name for names in site.boot_targets.values() for name in names}
    left = [node for node in site.nodes.values() if node.name not in targeted]
    if left:
        yield _RULE.finding(f"no boot action for {called(node.name for node in left)}",
                            *site.at_each(sorted(left, key=lambda node: node.name)))
