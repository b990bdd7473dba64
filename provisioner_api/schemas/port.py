"""The port of the Bare Metal API: its fields and filters."""

from typing import Any

from provisioner import exceptions
from provisioner_api.arguments import Argument
from provisioner_api.pagination import ARGUMENTS as PAGING
from provisioner_api.schemas import fields
from provisioner_api.schemas.fields import Field


def _both(name: str, version: int = 1, kind: str = "text", **more) -> Field:
    return Field(name, version, kind, create=True, patch=True, **more)


FIELDS = (
    Field("uuid", kind="uuid", create=True, null=False),
    _both("address", kind="mac", null=False),
    _both("node_uuid", kind="uuid", null=False),
    _both("extra", kind="object", null=False, default={}),
    Field("internal_info", 18, "object", null=False, default={}),
    _both("local_link_connection", 19, "object", null=False, default={}),
    _both("pxe_enabled", 19, "bool", null=False, default=True),
    _both("portgroup_uuid", 24, kind="uuid"),
    _both("physical_network", 34, most=64),
    _both("is_smartnic", 53, "bool", null=False, default=False),
    _both("name", 88), _both("description", 97), _both("vendor", 100, most=32),
    _both("category", 101, most=80),
    Field("created_at"), Field("updated_at"),
)
BY_NAME = {field.name: field for field in FIELDS}
VERSIONS = fields.versions(FIELDS)
NODE_IDENT_VERSION = 94
PATCHABLE = frozenset(field.name for field in FIELDS if field.patch)
LIST_DEFAULT = ("uuid", "address")
SORTABLE = frozenset(VERSIONS) - {"extra", "internal_info", "local_link_connection"}

FILTERS = {
    **PAGING,
    "node": Argument("str", 6), "node_uuid": Argument("uuid"), "address": Argument(),
    "portgroup": Argument("str", 24), "shard": Argument("list", 82),
    "conductor_groups": Argument("list", 99), "description_contains": Argument("str", 97),
}
_EXCLUSIVE = ("node", "node_uuid", "portgroup", "shard")
_LINK_FORMS = ({"port_id", "switch_id"}, {"port_id", "hostname"}, {"network_type"})
_LINK_KEYS = frozenset({"port_id", "switch_id", "switch_info", "hostname", "network_type"})


def check_filters(given: dict[str, Any]) -> None:
    """:raises Forbidden: for filters that exclude each other"""
    both = [name for name in _EXCLUSIVE if name in given]
    if len(both) > 1 and set(both) != {"node", "node_uuid"}:
        raise exceptions.Forbidden(f"Filters {' and '.join(both)} exclude each other.")


def check_link(link: dict[str, Any]) -> None:
    """A description of the switch's side. :raises Invalid:"""
    if not link:
        return
    unknown = sorted(set(link) - _LINK_KEYS)
    if unknown:
        raise exceptions.Invalid(f"local_link_connection must not have {', '.join(unknown)}.")
    if not any(form <= set(link) for form in _LINK_FORMS):
        raise exceptions.Invalid("local_link_connection needs port_id and switch_id, or port_id "
                                 "and hostname, or network_type.")
    if link.get("network_type", "unmanaged") != "unmanaged":
        raise exceptions.Invalid("local_link_connection/network_type can only be unmanaged.")
    if "switch_id" in link:
        _check_switch(link["switch_id"])


def _check_switch(switch: Any) -> None:
    """A MAC address, or an OpenFlow datapath id (16 hexadecimal digits)."""
    text = str(switch).lower()
    if not (len(text) == 16 and all(sign in "0123456789abcdef" for sign in text)):
        fields.mac(switch)
