"""The node of the Bare Metal API: its fields, filters and the rules that they obey."""

from provisioner.db.models import INTERFACE_KINDS
from provisioner_api.arguments import Argument
from provisioner_api.pagination import ARGUMENTS as PAGING
from provisioner_api.schemas import fields
from provisioner_api.schemas.fields import Field

_INTERFACE_VERSIONS = {"network": 20, "storage": 33, "rescue": 38, "bios": 40, "firmware": 86}


def _both(name: str, version: int = 1, kind: str = "text", **more) -> Field:
    """A field that POST and PATCH accept."""
    return Field(name, version, kind, create=True, patch=True, **more)


def _object(name: str, version: int = 1) -> Field:
    return _both(name, version, "object", null=False, default={})


def _read_only(name: str, version: int = 1, kind: str = "text") -> Field:
    return Field(name, version, kind)


INTERFACES = tuple(f"{kind}_interface" for kind in INTERFACE_KINDS)

FIELDS = (
    Field("uuid", kind="uuid", create=True, null=False),
    _both("name", 5),
    _both("driver", null=False),
    _object("driver_info"), _object("properties"), _object("instance_info"), _object("extra"),
    _object("network_data", 66),
    _both("instance_uuid", kind="uuid"),
    _both("instance_name", 104),
    _both("chassis_uuid", kind="uuid"),
    *(_both(name, _INTERFACE_VERSIONS.get(name.removesuffix("_interface"), 31))
      for name in INTERFACES),
    _both("resource_class", 21, most=80),
    _both("conductor_group", 46, null=False, default="", pattern=r"[a-zA-Z0-9_.-]*"),
    _both("automated_clean", 47, "bool"),
    _both("maintenance", kind="bool", null=False, default=False),
    Field("protected", 48, "bool", patch=True, null=False, default=False),
    Field("protected_reason", 48, patch=True, most=4096),
    _both("owner", 50), _both("lessee", 65),
    _both("description", 51, most=4096),
    _both("retired", 61, "bool", null=False, default=False),
    _both("retired_reason", 61, most=4096),
    _both("shard", 82),
    _both("parent_node", 83),
    _both("disable_power_off", 95, "bool", null=False, default=False),
    *(_read_only(name) for name in (
        "created_at", "updated_at", "provision_state", "target_provision_state",
        "provision_updated_at", "power_state", "target_power_state", "last_error", "reservation",
        "maintenance_reason", "console_enabled")),
    _read_only("driver_internal_info", 3), _read_only("inspection_started_at", 6),
    _read_only("inspection_finished_at", 6), _read_only("clean_step", 7),
    _read_only("raid_config", 12), _read_only("target_raid_config", 12),
    _read_only("traits", 37), _read_only("fault", 42), _read_only("deploy_step", 44),
    _read_only("conductor", 49), _read_only("allocation_uuid", 52), _read_only("boot_mode", 75),
    _read_only("secure_boot", 75), _read_only("service_step", 87), _read_only("health", 109),
)
BY_NAME = {field.name: field for field in FIELDS}
VERSIONS = fields.versions(FIELDS)
PATCHABLE = frozenset(field.name for field in FIELDS if field.patch)
#: not columns of the table: found otherwise
COMPUTED = frozenset({"traits", "conductor", "allocation_uuid"})
#: columns that hold secrets: sealed at rest, masked on output
SECRET = ("driver_info", "instance_info", "driver_internal_info")
LIST_DEFAULT = ("uuid", "name", "instance_uuid", "maintenance", "power_state", "provision_state")
SORTABLE = frozenset(VERSIONS) - COMPUTED - {field.name for field in FIELDS
                                             if field.kind == "object"} - {
    "clean_step", "deploy_step", "service_step", "raid_config", "target_raid_config",
    "driver_internal_info"}

#: words that are paths below /v1/nodes
RESERVED_NAMES = frozenset({"maintenance", "management", "states", "vendor_passthru", "detail",
                            "validate"})
FAULTS = frozenset({"power failure", "clean failure", "rescue abort failure", "service failure"})

FILTERS = {
    **PAGING,
    "instance_uuid": Argument("uuid"), "chassis_uuid": Argument("uuid"),
    "associated": Argument("bool"), "maintenance": Argument("bool"),
    "provision_state": Argument("str", 9), "driver": Argument("str", 16),
    "resource_class": Argument("str", 21), "fault": Argument("str", 42),
    "conductor_group": Argument("str", 46), "conductor": Argument("str", 49),
    "owner": Argument("str", 50), "lessee": Argument("str", 65), "project": Argument(),
    "description_contains": Argument("str", 51), "retired": Argument("bool", 61),
    "shard": Argument("list", 82), "sharded": Argument("bool", 82),
    "parent_node": Argument("str", 83), "include_children": Argument("bool", 83),
    "instance_name": Argument("str", 104),
}
#: filters that compare one column
EQUAL = ("instance_uuid", "maintenance", "provision_state", "driver", "resource_class", "fault",
         "conductor_group", "owner", "lessee", "retired", "instance_name")
