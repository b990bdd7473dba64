"""The maintenance flag: set with a reason, cleared with its fault."""

from typing import Any

from provisioner import exceptions
from provisioner.db import events, nodes
from provisioner.db.session import Transaction
from provisioner_api import arguments
from provisioner_api.call import Answer, Call, accepted
from provisioner_api.resources.node_update import ATTEMPTS


def enter(call: Call, ident: str) -> Answer:
    """``PUT /v1/nodes/<ident>/maintenance``"""
    given = arguments.named(call, ("reason",))
    reason = given.get("reason")
    if reason is not None and not isinstance(reason, str):
        raise exceptions.Invalid("reason must be a text.")
    return _write(call, ident, {"maintenance": True, "maintenance_reason": reason})


def leave(call: Call, ident: str) -> Answer:
    """``DELETE /v1/nodes/<ident>/maintenance``"""
    arguments.none(call)
    return _write(call, ident, {"maintenance": False, "maintenance_reason": None, "fault": None})


def _write(call: Call, ident: str, values: dict[str, Any]) -> Answer:
    def change(tx: Transaction) -> None:
        row = call.node(tx, ident)
        nodes.update_user(tx, row, values)
        message = "Maintenance set" if values["maintenance"] else "Maintenance cleared"
        if values["maintenance_reason"]:
            message = f"{message}: {values['maintenance_reason']}"
        events.append(tx, events.Event(kind="maintenance", message=message, node=row.uuid,
                                       user=call.context.user))
    for attempt in range(ATTEMPTS):
        try:
            call.services.database.write(change)
            return accepted()
        except exceptions.Changed:
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")
