"""Inspection by MAAS: commissioning, and what its scripts have found."""

import base64
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping
from typing import Any

from provisioner import exceptions
from provisioner.drivers import base
from provisioner.drivers import maas_machine as m
from provisioner.drivers import maas_work as work
from provisioner.drivers.base import RUNNING, Collected, Finding, Progress
from provisioner.drivers.maas_machine import Handle, MaasInterface, handle

_BEGIN_FROM = frozenset({m.NEW, m.READY, m.FAILED_COMMISSIONING, m.BROKEN, m.FAILED_TESTING})
#: longest output of one script that is kept, in characters
_LONGEST = 4 << 20
#: properties/<this>: bus address of a device, as lshw writes it, to its name
DEVICES = "maas_devices"


class MaasInspect(MaasInterface, base.External, base.InspectInterface):
    """``commission``: the machine boots into the region's ephemeral system, which inspects it."""

    def begin(self, channel: base.Channel, node: base.NodeView, verb: str,
              args: Mapping[str, Any]) -> Progress:
        machine = handle(channel, node)
        record = machine.require()
        if m.is_one_of(record, work.VERBS["commission"].running):
            return Progress(RUNNING, record["status_name"])
        if not m.is_one_of(record, _BEGIN_FROM):
            raise work.refuse(record, "commissioned",
                              "Release it in MAAS, or ask for 'adopt' to keep what runs on it.")
        if record["status"] == m.FAILED_TESTING:
            machine.operate("override_failed_testing")
        machine.operate("commission", testing_scripts=m.option(node, "maas_testing_scripts"),
                        skip_bmc_config=m.option(node, "maas_skip_bmc_config"),
                        comment=f"node {node.uuid}")
        return Progress(RUNNING, "Commissioning")

    def look(self, channel: base.Channel, node: base.NodeView, verb: str,
             args: Mapping[str, Any]) -> Progress:
        """Ready says nothing of whether it has been commissioned just now."""
        return work.progress(handle(channel, node), verb, args)

    def collect(self, channel: base.Channel, node: base.NodeView, verb: str) -> Collected:
        machine = handle(channel, node)
        found = findings(machine, "commissioning")
        lshw = next((one.text for one in found if one.generator == "lshw"), "")
        return Collected(tuple(found), {**m.learnt(machine.require(m.AGE)), DEVICES: devices(lshw)})


def findings(machine: Handle, kind: str) -> list[Finding]:
    """Output of all scripts of the latest ``commissioning`` or ``installation``."""
    try:
        results = machine.get(f"results/current-{kind}/", include_output=True)
    except exceptions.RequestRefused as error:
        if error.where.get("status") in (400, 404):
            return []  # nothing was run yet
        raise
    return [Finding(*_named(kind, script["name"]), text)
            for script in results.get("results", ()) for text in [output(script)] if text]


def _named(kind: str, script: str) -> tuple[str, str]:
    """Generator and MIME type; what other tools look for has their name."""
    if "lshw" in script:
        return "lshw", "application/xml"
    if "lldp" in script and "capture" in script:
        return "lldp", "application/xml"
    return f"{kind}:{script}", "text/plain"


def output(script: Mapping[str, Any]) -> str:
    """What a script has printed, as text."""
    encoded = script.get("output") or script.get("stdout") or ""
    try:
        return base64.b64decode(encoded).decode(errors="replace")[:_LONGEST]
    except ValueError:
        return ""


def devices(lshw: str) -> dict[str, str]:
    """Bus addresses of interfaces and disks to their names; nothing if that is no XML."""
    try:
        tree = ElementTree.fromstring(lshw)
    except ElementTree.ParseError:
        return {}
    return dict(_named_devices(tree))


def _named_devices(tree: ElementTree.Element) -> Iterator[tuple[str, str]]:
    for node in tree.iter("node"):
        bus, name = node.findtext("businfo"), node.findtext("logicalname")
        if bus and name and node.get("class") in ("network", "disk", "storage"):
            yield bus, name.removeprefix("/dev/")
