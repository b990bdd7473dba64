"""Assets of boot actions: from what a design says to the bytes that a node gets.

Templates run in Jinja's sandbox, and a name that is not there is an error. Nothing is fetched
here: whoever renders hands in the function that may.
"""

import base64
import binascii
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jinja2
import yaml
from jinja2.sandbox import ImmutableSandboxedEnvironment

from provisioner.exceptions import InvalidDesign
from provisioner.site.model import BaremetalNode, BootAction, Site

UNIT = "unit"
FILE = "file"
PACKAGES = "pkg_list"
#: what a file may be read by, unless the design says more
PERMISSIONS = 0o600

_JINJA = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined, autoescape=False,
                                       keep_trailing_newline=True)


@dataclasses.dataclass(frozen=True)
class Reporting:
    """What templates know of their boot action.

    :ivar key: the node's, hexadecimal
    :ivar url: that reports go to, without the action's id
    """

    action_id: str
    key: str
    url: str
    design_ref: str


@dataclasses.dataclass(frozen=True)
class Asset:
    """:ivar path: absolute
    :ivar mode: permission bits
    """

    type: str
    path: str
    mode: int
    content: bytes


Fetch = Callable[[str], bytes]


def of_node(site: Site, node: str) -> list[BootAction]:
    """The boot actions that are for a node, in the order of the documents."""
    return [action for action in site.boot_actions.values()
            if node in site.boot_targets.get(action.name, ())]


def context(site: Site, node: BaremetalNode, reporting: Reporting) -> dict[str, Any]:
    """What templates may use: ``node`` and ``action``."""
    networks = {}
    for item in node.addressing:
        if item.static:
            known = site.networks.get(item.network)
            networks[item.network] = {
                "ip": item.address, "cidr": known.cidr if known else None,
                "dns_suffix": known.dns_domain if known else None}
    if node.primary_network in networks:
        networks["default"] = networks[node.primary_network]
    interfaces = {one.name: {"sriov": True, "vf_count": one.vf_count,
                             "trustedmode": one.trusted_mode} if one.sriov else {"sriov": False}
                  for one in node.interfaces}
    return {"node": {"hostname": node.name, "domain": node.domain, "tags": list(node.tags),
                     "labels": dict(node.owner_data), "network": networks,
                     "interfaces": interfaces},
            "action": {"action_id": reporting.action_id, "action_key": reporting.key,
                       "report_url": reporting.url, "design_ref": reporting.design_ref}}


def rendered(action: BootAction, types: tuple[str, ...], variables: Mapping[str, Any],
             fetch: Fetch) -> Iterator[Asset]:
    """The assets of these types.

    :raises InvalidDesign: naming the boot action and asset, and what is wrong
    """
    for asset in action.assets:
        if asset["type"] in types:
            if not asset.get("path"):
                raise _wrong(action.name, asset, "has no path")
            mode = int(asset["permissions"], 8) if asset.get("permissions") else PERMISSIONS
            yield Asset(asset["type"], asset["path"], mode,
                        _content(action.name, asset, variables, fetch))


def packages(action: BootAction, variables: Mapping[str, Any], fetch: Fetch
             ) -> dict[str, str | None]:
    """Package to version, or None for any, of all package lists of a boot action.

    :raises InvalidDesign: as :func:`rendered`
    """
    found: dict[str, str | None] = {}
    for asset in action.assets:
        if asset["type"] != PACKAGES:
            continue
        listed = asset.get("data")
        if not isinstance(listed, Mapping):
            content = _content(action.name, asset, variables, fetch)
            try:
                listed = yaml.safe_load(content)
            except yaml.YAMLError as error:
                raise _wrong(action.name, asset, f"is not YAML: {error}") from None
        if not isinstance(listed, Mapping) or not all(
                isinstance(name, str) and isinstance(version, str | None)
                for name, version in listed.items()):
            raise _wrong(action.name, asset, "is no mapping of packages to versions")
        found.update(listed)
    return found


def _content(action: str, asset: Mapping[str, Any], variables: Mapping[str, Any],
             fetch: Fetch) -> bytes:
    try:
        if asset.get("location"):
            place = _through(asset.get("location_pipeline") or (), asset["location"], variables)
            content: bytes | str = fetch(_text(place))
        else:
            content = asset.get("data") or ""
            if not isinstance(content, str):
                raise _wrong(action, asset, "has data that is no text")
            content = content.encode()
        return _bytes(_through(asset.get("data_pipeline") or (), content, variables))
    except (jinja2.TemplateError, UnicodeError, binascii.Error, ValueError, TypeError,
            ArithmeticError) as error:
        raise _wrong(action, asset, f"cannot be rendered: {error}") from error


def _through(pipeline, content: bytes | str, variables: Mapping[str, Any]) -> bytes | str:
    for segment in pipeline:
        if segment == "template":
            content = _JINJA.from_string(_text(content)).render(variables)
        else:
            content = _SEGMENTS[segment](content)
    return content


def _text(content: bytes | str) -> str:
    return content if isinstance(content, str) else content.decode()


def _bytes(content: bytes | str) -> bytes:
    return content if isinstance(content, bytes) else content.encode()


_SEGMENTS: dict[str, Callable[[bytes | str], bytes | str]] = {
    "base64_encode": lambda content: base64.b64encode(_bytes(content)),
    "base64_decode": lambda content: base64.b64decode(b"".join(_bytes(content).split()),
                                                      validate=True),
    "utf8_encode": _bytes, "utf8_decode": _text}


def _wrong(action: str, asset: Mapping[str, Any], what: str) -> InvalidDesign:
    name = asset.get("path") or asset.get("location") or asset["type"]
    return InvalidDesign(f"Asset {name} of boot action {action} {what}.",
                         remedy="Mend the boot action's document.", action=action)
