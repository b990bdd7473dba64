"""A node as clients see it: versions, masks, links and what is not a column."""

from collections.abc import Sequence
from typing import Any

from provisioner import secrets, states
from provisioner.db import nodes
from provisioner.db.session import Transaction
from provisioner_api import pagination
from provisioner_api.call import Call
from provisioner_api.pagination import View
from provisioner_api.schemas import node as schema

#: sub-resources that a full node links to, and since when
_LINKED = {"ports": 1, "states": 14}
#: what is needed to compute a field
_NEEDS = {"conductor": ("driver", "conductor_group")}


def columns(view: View) -> list[str] | None:
    """Columns to read for a view; None means all."""
    if view.fields is None:
        return None
    wanted = []
    for name in view.fields:
        wanted += _NEEDS.get(name, () if name in schema.COMPUTED else (name,))
    return wanted


def show(call: Call, tx: Transaction, rows: Sequence, view: View) -> list[dict[str, Any]]:
    """Nodes as JSON; at most one query more, however many there are."""
    names = view.fields if view.fields is not None else [
        name for name, version in schema.VERSIONS.items() if version <= call.version]
    traits = nodes.traits(tx, [row.uuid for row in rows]) if "traits" in names else {}
    return [_one(call, row, names, traits) | _links(call, row.uuid, view) for row in rows]


def _one(call: Call, row, names: Sequence[str], traits: dict[str, list[str]]) -> dict[str, Any]:
    shown = {}
    for name in names:
        if name in schema.COMPUTED:
            shown[name] = _computed(call, row, name, traits)
            continue
        value = getattr(row, name)
        if name in schema.SECRET:
            value = secrets.mask(value)
        elif name in ("provision_state", "target_provision_state"):
            value = provision_state(call, value)
        shown[name] = pagination.shown(value)
    return shown


def _computed(call: Call, row, name: str, traits: dict[str, list[str]]) -> Any:
    if name == "traits":
        return traits.get(row.uuid, [])
    if name == "conductor":
        rings = call.services.conductor_client.view.rings()
        return rings.owner(row.driver, row.conductor_group, row.uuid)
    return None


def provision_state(call: Call, state: str | None) -> str | None:
    """The state under the name that the version has for it."""
    if state == states.AVAILABLE and call.version < 2:
        return None
    if state == states.INSPECT_WAIT and call.version < 39:
        return states.INSPECTING
    return state


def _links(call: Call, uuid: str, view: View) -> dict[str, Any]:
    found = {"links": pagination.links(call, "nodes", uuid)}
    if view.fields is None:
        for name, version in _LINKED.items():
            if version <= call.version:
                found[name] = pagination.links(call, "nodes", uuid, name)
    return found
