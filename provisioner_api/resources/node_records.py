"""What is known of a node besides its fields: inventory, history, firmware, attachments."""

from provisioner import exceptions
from provisioner.db import agents, events
from provisioner_api import arguments, pagination
from provisioner_api.arguments import Argument
from provisioner_api.call import NO_CONTENT, Answer, Call, ok

#: events of lower severity are for checkers and debuggers
SEVERITIES = ("info", "warning", "error")
_SHORT = 251


def _seen(call: Call, ident: str):
    arguments.none(call)
    with call.services.database.reader() as tx:
        return call.node(tx, ident)


def inventory(call: Call, ident: str) -> Answer:
    """``GET /v1/nodes/<ident>/inventory``"""
    arguments.none(call)
    with call.services.database.reader() as tx:
        row = call.node(tx, ident)
        found = agents.inventory(tx, row.uuid)
    if found is None:
        raise exceptions.NotFound(f"Node {row.uuid} has no inventory.",
                                  remedy="Inspect the node first.", node=row.uuid)
    return ok({"inventory": found.inventory, "plugin_data": found.plugin_data})


def history(call: Call, ident: str) -> Answer:
    """``GET /v1/nodes/<ident>/history``"""
    given = arguments.query(call, {
        "limit": Argument("int"), "marker": Argument(), "sort_key": Argument(),
        "sort_dir": Argument(), "detail": Argument("bool")})
    if given.get("sort_key", "created_at") not in ("created_at", "id"):
        raise exceptions.Invalid("History is sorted by created_at.")
    size = pagination.limit(call, given)
    with call.services.database.reader() as tx:
        row = call.node(tx, ident)
        wanted = events.EventFilter(node=row.uuid, severities=SEVERITIES,
                                    after=_after(tx, row, given.get("marker")))
        found = events.find(tx, wanted, size, newest_first=pagination.descending(given))
    full = given.get("detail", False)
    shown = [_entry(call, row.uuid, event, full) for event in found]
    following = pagination.next_link(call, len(found), size, found[-1].uuid if found else None)
    return ok({"history": shown, **following})


def _after(tx, row, marker: str | None) -> int | None:
    """:raises NotFound: if the marker is no event of this node"""
    if marker is None:
        return None
    last = events.get(tx, marker)
    if last is None or last.node != row.uuid:
        raise exceptions.NotFound(f"Marker {marker} could not be found.")
    return last.id


def history_entry(call: Call, ident: str, entry: str) -> Answer:
    """``GET /v1/nodes/<ident>/history/<entry>``"""
    arguments.none(call)
    with call.services.database.reader() as tx:
        row = call.node(tx, ident)
        event = events.get(tx, entry)
    if event is None or event.node != row.uuid or event.severity not in SEVERITIES:
        raise exceptions.NotFound(f"Node history {entry} could not be found.")
    return ok(_entry(call, row.uuid, event, True))


def _entry(call: Call, node: str, event, full: bool) -> dict:
    text = event.message
    if not full and len(text) > _SHORT:
        text = f"{text[:_SHORT]}..."
    shown = {"uuid": event.uuid, "created_at": pagination.time(event.created_at),
             "severity": event.severity.upper(), "event": text,
             "links": pagination.links(call, "nodes", node, "history", event.uuid)}
    if full:
        shown |= {"event_type": event.kind, "conductor": event.conductor, "user": event.user}
    return shown


def bios(call: Call, ident: str) -> Answer:
    """``GET /v1/nodes/<ident>/bios``: no interface reports settings."""
    arguments.query(call, {"detail": Argument("bool", 74), "fields": Argument("list", 74)})
    with call.services.database.reader() as tx:
        call.node(tx, ident)
    return ok({"bios": []})


def bios_setting(call: Call, ident: str, setting: str) -> Answer:
    """``GET /v1/nodes/<ident>/bios/<setting>``"""
    row = _seen(call, ident)
    raise exceptions.NotFound(f"Node {row.uuid} doesn't have a BIOS setting '{setting}'.")


def firmware(call: Call, ident: str) -> Answer:
    """``GET /v1/nodes/<ident>/firmware``: no interface reports components."""
    _seen(call, ident)
    return ok({"firmware": []})


def vendor_methods(call: Call, ident: str) -> Answer:
    """``GET /v1/nodes/<ident>/vendor_passthru/methods``: no driver has any."""
    _seen(call, ident)
    return ok({})


def vendor_call(call: Call, ident: str, method: str = "") -> Answer:
    """Any verb on ``/v1/nodes/<ident>/vendor_passthru``, method in path or query."""
    with call.services.database.reader() as tx:
        row = call.node(tx, ident)
    name = method or call.query.get("method", "")
    raise exceptions.Invalid(f"Driver {row.driver} has no vendor method '{name}'.")


def vifs(call: Call, ident: str) -> Answer:
    """``GET /v1/nodes/<ident>/vifs``: the noop network interface attaches nothing."""
    _seen(call, ident)
    return ok({"vifs": []})


def attach_vif(call: Call, ident: str) -> Answer:
    """``POST /v1/nodes/<ident>/vifs``"""
    given = arguments.mapping(call)
    if not isinstance(given.get("id"), str) or not given["id"]:
        raise exceptions.Invalid("Missing mandatory parameter: id")
    if {"port_uuid", "portgroup_uuid"} <= set(given):
        raise exceptions.Invalid("Give one of port_uuid and portgroup_uuid.")
    _only_noop(_seen(call, ident))
    return NO_CONTENT


def detach_vif(call: Call, ident: str, vif: str) -> Answer:
    """``DELETE /v1/nodes/<ident>/vifs/<vif>``"""
    _only_noop(_seen(call, ident))
    return NO_CONTENT


def _only_noop(row) -> None:
    """:raises Invalid: for an interface that might be expected to do something"""
    if row.network_interface not in (None, "noop", "fake"):
        raise exceptions.Invalid(f"Network interface {row.network_interface} attaches no VIFs.",
                                 node=row.uuid)
