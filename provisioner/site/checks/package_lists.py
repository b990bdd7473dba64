"""A package list names packages, with versions as Debian writes them, or a location of one."""

import re

from provisioner.site.findings import ERROR, Rule

CODE = "DD4002"
TITLE = "Bootaction pkg_list Validation"
SEVERITY = ERROR
REMEDY = "Give data as package to version (epoch:upstream-revision) or null, or a location."
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)
_VERSION = re.compile(r"(\d+:)?([a-zA-Z0-9.+~-]+)(-[a-zA-Z0-9.+~]+)")


def check(site):
    for action in site.boot_actions.values():
        for index, asset in enumerate(action.assets):
            if asset.get("type") == "pkg_list":
                yield from _asset(site, action, index, asset)


def _asset(site, action, index, asset):
    place = site.at("BootAction", action.name, "assets", index)
    data = asset.get("data")
    if not isinstance(data, dict):
        if not asset.get("location"):
            yield _RULE.finding(f"a package list of boot action {action.name} has neither a "
                                "mapping of packages nor a location", place)
        return
    for package, version in data.items():
        if version is not None and not _VERSION.fullmatch(version):
            yield _RULE.finding(
                f"version {version[:60]!r} of package {package} in boot action {action.name} has "
                "no Debian revision",
                site.at("BootAction", action.name, "assets", index, "data", package))
