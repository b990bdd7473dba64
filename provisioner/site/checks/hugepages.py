"""Huge pages need both their size and their number on the kernel's command line."""

from provisioner.site.findings import ERROR, Rule

CODE = "DD1008"
TITLE = "Hugepages"
SEVERITY = ERROR
REMEDY = "Set both hugepagesz and hugepages, or neither."
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)
_PAIR = ("hugepagesz", "hugepages")


def check(site):
    for node in site.nodes.values():
        present = [key for key in _PAIR if key in node.kernel_params]
        if len(present) == 1:
            missing = next(key for key in _PAIR if key not in present)
            yield _RULE.finding(
                f"node {node.name} sets {present[0]} without {missing}",
                site.at("BaremetalNode", node.name, "platform", "kernel_params", present[0]))
