"""Devices are named by an alias of the hardware profile, or as an operating system names them."""

import re

from provisioner.site.findings import WARNING, Rule

CODE = "PR3004"
TITLE = "Device Alias"
SEVERITY = WARNING
REMEDY = "Define the alias in the hardware profile, or write the device's name in the system."
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)
_SYSTEM_NAME = re.compile(
    r"eth\d+|en[opsxvucP]\w+|em\d+|p\d+p\d+(_\d+)?|ib\w+|hns\w+|"
    r"(sd|vd|xvd|hd)[a-z]+|nvme\d+n\d+|mmcblk\d+|md\d+|dm-\d+")


def check(site):
    for profile in site.hardware_profiles.values():
        yield from _patterns(site, profile)
    for node in site.nodes.values():
        if node.hardware is None or not node.hardware.device_aliases:
            continue
        for name, path in _devices(node):
            if name not in node.hardware.device_aliases and not _SYSTEM_NAME.fullmatch(name):
                yield _RULE.finding(
                    f"{name!r} on node {node.name} is no alias of hardware profile "
                    f"{node.hardware.name}", site.at("BaremetalNode", node.name, *path),
                    site.at("HardwareProfile", node.hardware.name))


def _patterns(site, profile):
    for alias in profile.device_aliases.values():
        if alias.pattern is None:
            continue
        try:
            re.compile(alias.pattern)
        except (re.error, RecursionError, OverflowError) as error:
            yield _RULE.finding(
                f"the pattern of alias {alias.name} is not a regular expression: {error}",
                site.at("HardwareProfile", profile.name, "device_aliases", alias.name, "address"))


def _devices(node):
    own = {interface.name for interface in node.interfaces}
    for interface in node.interfaces:
        for index, slave in enumerate(interface.slaves):
            if slave not in own:
                yield slave, ("interfaces", interface.name, "slaves", index)
    for device in node.storage.devices:
        yield device.name, ("storage", "physical_devices", device.name)
