"""Kernel parameters that refer to the hardware profile find what they name there."""

from provisioner.site.build import is_reference
from provisioner.site.findings import ERROR, Rule

CODE = "PR3003"
TITLE = "Kernel Parameter Reference"
SEVERITY = ERROR
REMEDY = ("Write hardwareprofile:cpuset.<name>, hardwareprofile:hugepages.<name>.size or .count, "
          "with a name that the hardware profile defines.")
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)


def check(site):
    for node in site.nodes.values():
        if node.hardware is None:
            continue
        for key, value in node.kernel_params.items():
            if is_reference(value):
                yield _RULE.finding(
                    f"kernel parameter {key} of node {node.name} refers to {value[:80]!r}, which "
                    f"hardware profile {node.hardware.name} does not have",
                    site.at("BaremetalNode", node.name, "platform", "kernel_params", key),
                    site.at("HardwareProfile", node.hardware.name))
