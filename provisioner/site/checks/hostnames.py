"""A node's full name is a host name (RFC 1123 section 2.1): labels of letters, digits, hyphens."""

import re

from provisioner.site.findings import ERROR, Rule

CODE = "DD3003"
TITLE = "Hostname Validity"
SEVERITY = ERROR
REMEDY = "Use letters, digits and hyphens, at most 63 in a row and 255 in all."
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)
_LABEL = re.compile(r"[A-Za-z0-9-]{1,63}")


def check(site):
    for node in site.nodes.values():
        if len(node.fqdn) > 255:
            yield _RULE.finding(f"the name of node {node.name} is longer than 255 characters with "
                                "its domain", site.at("BaremetalNode", node.name))
        for label in node.fqdn.split("."):
            if not _LABEL.fullmatch(label):
                yield _RULE.finding(f"{label[:80]!r} in the name of node {node.name} "
                                    f"({node.fqdn[:260]}) is not a host name",
                                    site.at("BaremetalNode", node.name))
