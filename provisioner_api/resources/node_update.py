"""Changing a node: JSON patch, applied to the row as it is in the transaction that writes it."""

from typing import Any

from provisioner import exceptions, states
from provisioner.db import nodes
from provisioner.db.session import Transaction
from provisioner_api import arguments, hardware, microversion, patch
from provisioner_api.arguments import Argument
from provisioner_api.call import Answer, Call, ok
from provisioner_api.pagination import View
from provisioner_api.patch import REMOVED, Operation
from provisioner_api.resources import node_rules, node_view
from provisioner_api.schemas import fields
from provisioner_api.schemas import node as schema

#: reads and writes again when somebody else wrote in between; the engine does so all the time
ATTEMPTS = 10
#: whose a node is, its present owner alone does not decide
_OWNERSHIP = frozenset({"owner", "lessee"})
_OWNERSHIP_RULE = "baremetal:node:update:owner"


def update(call: Call, ident: str) -> Answer:
    """``PATCH /v1/nodes/<ident>``"""
    given = arguments.query(call, {"reset_interfaces": Argument("bool", 45)})
    operations = patch.parse(arguments.body(call), schema.PATCHABLE)
    names = {operation.path[0] for operation in operations}
    for name in sorted(names):
        microversion.require(call.version, schema.VERSIONS[name], f"field {name}")
    if names & _OWNERSHIP and not call.allowed(_OWNERSHIP_RULE):
        raise exceptions.Forbidden(f"Access was denied by policy: {_OWNERSHIP_RULE}.",
                                   remedy="Ask a system-wide member to change it.")
    reset = given.get("reset_interfaces", False)
    if reset and "driver" not in names:
        raise exceptions.Invalid("reset_interfaces needs a change of the driver.")
    for attempt in range(ATTEMPTS):
        try:
            return ok(call.services.database.write(
                lambda tx: _update(call, tx, ident, operations, reset)))
        except exceptions.Changed:
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def _update(call: Call, tx: Transaction, ident: str, operations: list[Operation],
            reset: bool) -> dict[str, Any]:
    row = call.node(tx, ident)
    _check_state(call, row, operations)
    document = {name: getattr(row, name) for name in schema.PATCHABLE}
    values = _values(row, patch.apply(document, operations))
    if call.version < 25 and "chassis_uuid" in values and values["chassis_uuid"] is None:
        raise microversion.NotAcceptable("Unsetting chassis_uuid needs version 1.25.")
    if values:
        _write(call, tx, row, values, reset)
        row = nodes.require(tx, row.uuid)
    return node_view.show(call, tx, [row], View(None))[0]


def _check_state(call: Call, row, operations: list[Operation]) -> None:
    frees = [(item.op, item.path) for item in operations] == [("remove", ("instance_uuid",))]
    inspecting = row.provision_state == states.INSPECTING and call.version >= 39
    if (node_rules.in_transition(row) and not (row.maintenance and frees)) or inspecting:
        raise exceptions.Conflict(
            f"Node {row.uuid} can not be updated while a state transition is in progress.",
            remedy="Wait until target_provision_state is empty.", node=row.uuid,
            state=row.provision_state)


def _values(row, touched: dict[str, Any]) -> dict[str, Any]:
    """New values by column, of their types, without those that stay the same."""
    values = {}
    for name, value in touched.items():
        field = schema.BY_NAME[name]
        if name == "driver" and (value is REMOVED or value is None):
            raise exceptions.Invalid("'driver' is a required field, it cannot be removed.")
        values[name] = fields.default(field) if value is REMOVED else fields.parse(field, value)
    if values.get("maintenance") is False:
        values |= {"maintenance_reason": None, "fault": None}
    for flag in ("protected", "retired"):
        if values.get(flag) is False:
            values.setdefault(f"{flag}_reason", None)
    return {name: value for name, value in values.items()
            if value != getattr(row, name) or name in schema.INTERFACES}


def _write(call: Call, tx: Transaction, row, values: dict[str, Any], reset: bool) -> None:
    if not set(values).isdisjoint({"driver", "driver_info", "instance_info", *schema.INTERFACES}):
        offer = hardware.require(tx, values.get("driver", row.driver))
        _choose_interfaces(row, offer, values, reset)
        node_rules.check(tx, values)
        node_rules.seal(call.services.box, offer, values)
    else:
        node_rules.check(tx, values)
    values = {name: value for name, value in values.items() if value != getattr(row, name)}
    node_rules.check_update(row, values)
    nodes.update_user(tx, row, values)


def _choose_interfaces(row, offer: hardware.Offer, values: dict[str, Any], reset: bool) -> None:
    """Interfaces that were named, or removed, or must be those of another driver."""
    if "driver" in values:
        kept = {} if reset else {name: getattr(row, name) for name in schema.INTERFACES}
        values.update(hardware.interfaces(offer, {**kept, **{
            name: values[name] for name in schema.INTERFACES if name in values}}))
        return
    for name in set(values) & set(schema.INTERFACES):
        kind = name.removesuffix("_interface")
        if values[name] is None:
            values[name] = offer.default(kind)
        else:
            offer.check(kind, values[name])
