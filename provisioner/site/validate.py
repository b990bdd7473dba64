"""Everything there is to say about a design: schemas, inheritance, then every check."""

import dataclasses

from provisioner.site import checks
from provisioner.site.documents import KINDS, Documents
from provisioner.site.effective import Design, effective
from provisioner.site.findings import gathered, ordered


def validate(documents: Documents) -> Design:
    """The effective design with the findings of all checks. Never raises.

    Of documents that could not be read to their end nothing is checked: what seems to be missing
    may stand in the rest.
    """
    design = effective(documents)
    findings = list(design.findings)
    rules = checks.registered() if documents.complete else ()
    for rule in rules:
        findings.extend(rule.check(design.site))
    ran = tuple((rule.CODE, rule.TITLE) for rule in rules)
    return dataclasses.replace(design, findings=ordered(gathered(findings, KINDS["BaremetalNode"])),
                               ran=ran)
