"""Rules that hold for a node's fields, whoever sets them. Nothing here knows of HTTP."""

from collections.abc import Mapping
from typing import Any

from oslo_utils import uuidutils

from provisioner import exceptions, secrets, states
from provisioner.db import nodes
from provisioner.db.session import Transaction
from provisioner.secrets import MASK, Box
from provisioner_api.call import is_name
from provisioner_api.hardware import Offer
from provisioner_api.schemas import node as schema

_NETWORK_DATA = frozenset({"links", "networks", "services"})


def check(tx: Transaction, values: dict[str, Any]) -> None:
    """Rules beyond a field's type; references become uuids in place.

    :param values: the fields that are about to be written
    :raises Invalid:
    """
    if values.get("name") is not None:
        _check_name(values["name"])
    if values.get("conductor_group"):
        values["conductor_group"] = values["conductor_group"].lower()
    if values.get("chassis_uuid") is not None:
        raise exceptions.Invalid(f"Chassis {values['chassis_uuid']} could not be found.")
    if values.get("parent_node") is not None:
        parent = nodes.get(tx, values["parent_node"])
        if parent is None:
            raise exceptions.Invalid(f"Parent node {values['parent_node']} could not be found.")
        values["parent_node"] = parent.uuid
    unknown = sorted(set(values.get("network_data") or ()) - _NETWORK_DATA)
    if unknown:
        raise exceptions.Invalid(f"network_data must not have: {', '.join(unknown)}",
                                 remedy=f"It has {', '.join(sorted(_NETWORK_DATA))}.")
    display = (values.get("instance_info") or {}).get("display_name")
    if isinstance(display, str) and 0 < len(display) <= 255:
        values.setdefault("instance_name", display)


def _check_name(name: str) -> None:
    if not is_name(name) or uuidutils.is_uuid_like(name):
        raise exceptions.Invalid(
            f"Invalid node name '{name}'.",
            remedy="Names have 1 to 255 letters, digits and - . _ ~, and do not look like UUIDs.")
    if name.lower() in schema.RESERVED_NAMES:
        raise exceptions.Invalid(f"Node name '{name}' is reserved.", remedy="Choose another.")


def seal(box: Box, offer: Offer, values: dict[str, Any]) -> None:
    """Seal the secrets in ``values``, in place.

    :raises Invalid: if a secret is the mask that this service shows in its place
    """
    names = offer.secret_names()
    for column in ("driver_info", "instance_info"):
        if values.get(column):
            _refuse_mask(column, values[column], names)
            values[column] = box.seal(values[column], names)


def _refuse_mask(path: str, value: Any, names: frozenset[str]) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if item == MASK and (key in names or secrets.is_secret_name(key)):
                raise exceptions.Invalid(
                    f"{path}/{key} is {MASK}: that is shown in place of the secret, and would "
                    "replace it.", remedy="Send the secret itself, or leave the key alone by "
                    "patching only what changes.", field=f"{path}/{key}")
            _refuse_mask(f"{path}/{key}", item, names)
    elif isinstance(value, list):
        for position, item in enumerate(value):
            _refuse_mask(f"{path}/{position}", item, names)


def in_transition(row) -> bool:
    """Whether a node is on its way, in a state in which its fields must stay as they are."""
    return (row.target_provision_state is not None
            and row.provision_state not in states.PATCHABLE_IN_TRANSITION)


def check_update(row, values: dict[str, Any]) -> None:
    """Whether these fields may be changed now.

    :param values: only fields that really change
    :raises Conflict: :raises Invalid:
    """
    editable = row.provision_state in states.EDITABLE
    changed = sorted(set(values) & set(schema.INTERFACES))
    if changed and not editable and not row.maintenance:
        raise _not_now(row, f"Cannot update {', '.join(changed)}")
    if "resource_class" in values and row.resource_class and not editable:
        raise _not_now(row, "Cannot update resource_class")
    if values.get("instance_uuid") and row.instance_uuid:
        raise exceptions.NodeAssociated(
            f"Node {row.uuid} is associated with instance {row.instance_uuid}.",
            remedy="Remove instance_uuid first.", node=row.uuid)
    if "driver" in values and row.console_enabled:
        raise exceptions.Conflict("Cannot change the driver while the console is enabled.",
                                  remedy="Disable the console first.")
    if values.get("owner") is not None and row.provision_state == states.ACTIVE \
            and row.owner is not None:
        raise _not_now(row, "Cannot update owner")
    _check_flags(row, values)


def _check_flags(row, values: dict[str, Any]) -> None:
    if values.get("protected") and row.provision_state not in (states.ACTIVE, states.RESCUE):
        raise _not_now(row, "Cannot set protected")
    if values.get("retired") and row.provision_state == states.AVAILABLE:
        raise _not_now(row, "Cannot set retired")
    for flag in ("protected", "retired"):
        reason = f"{flag}_reason"
        if values.get(reason) is not None and not values.get(flag, getattr(row, flag)):
            raise exceptions.Invalid(f"{reason} needs {flag} to be set.",
                                     remedy=f"Set {flag} to true in the same request.")


def _not_now(row, what: str) -> exceptions.Conflict:
    return exceptions.Conflict(
        f"{what} of node {row.uuid} in provision state \"{row.provision_state}\".",
        remedy="Bring the node to manageable first.", node=row.uuid, state=row.provision_state)


def check_delete(row) -> None:
    """:raises Conflict: :raises NodeProtected: if the node must stay for now"""
    if row.protected:
        raise exceptions.NodeProtected(f"Node {row.uuid} is protected and cannot be deleted.",
                                       node=row.uuid)
    if row.maintenance:
        return
    if row.instance_uuid is not None:
        raise exceptions.NodeAssociated(
            f"Node {row.uuid} is associated with instance {row.instance_uuid}.",
            remedy="Remove instance_uuid, or undeploy the node.", node=row.uuid)
    if row.provision_state not in states.DELETE_ALLOWED:
        allowed = ", ".join(sorted(states.DELETE_ALLOWED))
        raise exceptions.Conflict(
            f"Can not delete node {row.uuid} while it is in provision state "
            f"\"{row.provision_state}\".",
            remedy=f"Valid states are {allowed}; in maintenance any.", node=row.uuid)
