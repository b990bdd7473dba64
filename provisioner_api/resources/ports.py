"""Ports: the network interfaces of nodes, at the top and below a node."""

import functools
from typing import Any

from provisioner import exceptions, states
from provisioner.db import ports
from provisioner.db.ports import PortFilter
from provisioner.db.session import Transaction
from provisioner_api import arguments, microversion, pagination, patch
from provisioner_api.arguments import Argument
from provisioner_api.call import NO_CONTENT, Answer, Call, check_ident, created, ok
from provisioner_api.pagination import View
from provisioner_api.patch import REMOVED
from provisioner_api.resources.node_update import ATTEMPTS
from provisioner_api.schemas import fields
from provisioner_api.schemas import port as schema

#: fields about the switch's side: changed only while nothing depends on them
_CABLING = frozenset({"portgroup_uuid", "pxe_enabled", "local_link_connection",
                      "physical_network"})
_CABLING_STATES = frozenset({states.ENROLL, states.INSPECTING, states.INSPECT_WAIT,
                             states.MANAGEABLE})


def index(call: Call) -> Answer:
    """``GET /v1/ports``"""
    return _list(call, arguments.query(call, schema.FILTERS))


def detail(call: Call) -> Answer:
    """``GET /v1/ports/detail``"""
    return _list(call, _detailed(arguments.query(call, schema.FILTERS)))


def of_node(call: Call, ident: str) -> Answer:
    """``GET /v1/nodes/<ident>/ports``"""
    return _list(call, {**arguments.query(call, pagination.ARGUMENTS), "node": ident})


def of_node_detail(call: Call, ident: str) -> Answer:
    """``GET /v1/nodes/<ident>/ports/detail``"""
    return _list(call, _detailed({**arguments.query(call, pagination.ARGUMENTS), "node": ident}))


def _detailed(given: dict[str, Any]) -> dict[str, Any]:
    if "fields" in given:
        raise exceptions.Invalid("Can't fetch a subset of fields with 'detail' set")
    return {**given, "detail": True}


def _list(call: Call, given: dict[str, Any]) -> Answer:
    call.authorize()
    schema.check_filters(given)
    view = pagination.view(given, schema.VERSIONS, schema.LIST_DEFAULT, call.version)
    page = pagination.page(call, given, schema.SORTABLE)
    with call.services.database.reader() as tx:
        rows = ports.find(tx, _filter(call, tx, given), page)
    following = pagination.next_link(call, len(rows), page.limit, rows[-1].uuid if rows else None)
    return ok({"ports": [show(call, row, view) for row in rows], **following})


def _filter(call: Call, tx: Transaction, given: dict[str, Any]) -> PortFilter:
    """:raises NotFound: for a node that does not exist, or that the caller may not see"""
    node = given.get("node") or given.get("node_uuid")
    return PortFilter(
        node_uuid=call.node(tx, node).uuid if node else None,
        address=fields.mac(given["address"]) if "address" in given else None,
        portgroup_uuid=given.get("portgroup"),
        shards=tuple(given["shard"]) if "shard" in given else None,
        conductor_groups=tuple(given["conductor_groups"]) if "conductor_groups" in given else None,
        description_contains=given.get("description_contains"),
        project=None if call.allowed("baremetal:node:list_all") else call.context.project or "")


def show(call: Call, row, view: View) -> dict[str, Any]:
    """A port as clients of this version see it."""
    names = view.fields if view.fields is not None else [
        name for name, version in schema.VERSIONS.items() if version <= call.version]
    return {name: pagination.shown(getattr(row, name)) for name in names} | {
        "links": pagination.links(call, "ports", row.uuid)}


def get(call: Call, ident: str) -> Answer:
    """``GET /v1/ports/<ident>``"""
    given = arguments.query(call, {"fields": Argument("list", 8)})
    view = View(None)
    if "fields" in given:
        view = View(tuple(pagination.chosen_fields(given["fields"], schema.VERSIONS,
                                                   call.version)))
    with call.services.database.reader() as tx:
        row, _ = _port(call, tx, ident)
    return ok(show(call, row, view))


def _port(call: Call, tx: Transaction, ident: str) -> tuple[Any, Any]:
    """The port and its node. :raises NotFound: :raises Forbidden:"""
    row = ports.get(tx, check_ident(ident))
    if row is None or (call.version < 88 and row.uuid != check_ident(ident)):
        raise exceptions.NotFound(f"Port {ident} could not be found.", port=ident)
    return row, call.node(tx, row.node_uuid)


def create(call: Call) -> Answer:
    """``POST /v1/ports``"""
    arguments.none(call)
    body = arguments.mapping(call)
    ident = body.pop("node_ident", None)
    if ident is not None:
        microversion.require(call.version, schema.NODE_IDENT_VERSION, "field node_ident")
        if "node_uuid" in body or not isinstance(ident, str):
            raise exceptions.Invalid("Give one of node_ident and node_uuid, a text.")
    values = fields.for_create(schema.FIELDS, body, call.version)
    if values.get("address") is None:
        raise exceptions.Invalid("Missing mandatory parameter: address")
    ident = ident or values.get("node_uuid")
    if ident is None:
        raise exceptions.Invalid("Missing mandatory parameter: node_uuid")
    insert = functools.partial(_insert, call, ident=ident, values=values)
    uuid = call.services.database.write(insert)
    with call.services.database.reader() as tx:
        row = ports.get(tx, uuid)
    return created(show(call, row, View(None)), call.link("v1", "ports", uuid))


def _insert(call: Call, tx: Transaction, ident: str, values: dict[str, Any]) -> str:
    node = _named_node(call, tx, ident)
    _check_values(values)
    if call.version >= 39 and node.provision_state == states.INSPECTING:
        raise _locked(node)
    return ports.create(tx, {**{name: value for name, value in values.items()
                                if not (name == "uuid" and value is None)},
                             "node_uuid": node.uuid})


def _named_node(call: Call, tx: Transaction, ident: str) -> Any:
    """The node that a body names, authorized. :raises Invalid: :raises Forbidden:"""
    try:
        return call.node(tx, ident)
    except exceptions.NotFound as error:
        # What the body names is part of the request, not of the address.
        raise exceptions.Invalid(error.message, **error.where) from None


def _check_values(values: dict[str, Any]) -> None:
    if values.get("local_link_connection"):
        schema.check_link(values["local_link_connection"])
    if values.get("portgroup_uuid") is not None:
        raise exceptions.Invalid(f"Portgroup {values['portgroup_uuid']} could not be found.")


def _locked(node) -> exceptions.Conflict:
    return exceptions.Conflict(f"Ports of node {node.uuid} can not be changed in provision state "
                               f"\"{node.provision_state}\".", node=node.uuid,
                               remedy="Wait for the inspection to end.")


def update(call: Call, ident: str) -> Answer:
    """``PATCH /v1/ports/<ident>``"""
    arguments.none(call)
    operations = patch.parse(arguments.body(call), schema.PATCHABLE)
    for operation in operations:
        name = operation.path[0]
        microversion.require(call.version, schema.VERSIONS[name], f"field {name}")
    for attempt in range(ATTEMPTS):
        try:
            row = call.services.database.write(lambda tx: _update(call, tx, ident, operations))
            return ok(show(call, row, View(None)))
        except exceptions.Changed:
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def _update(call: Call, tx: Transaction, ident: str, operations) -> Any:
    row, node = _port(call, tx, ident)
    if call.version >= 39 and node.provision_state == states.INSPECTING:
        raise _locked(node)
    touched = patch.apply({name: getattr(row, name) for name in schema.PATCHABLE}, operations)
    values = {name: _value(name, value) for name, value in touched.items()}
    values = {name: value for name, value in values.items() if value != getattr(row, name)}
    if values:
        _check_values(values)
        if "node_uuid" in values:
            _named_node(call, tx, values["node_uuid"])
        _check_update(node, values)
        ports.update(tx, row, values)
    return ports.get(tx, row.uuid)


def _value(name: str, value: Any) -> Any:
    field = schema.BY_NAME[name]
    if value is not REMOVED:
        value = fields.parse(field, value)
    if (value is REMOVED or value is None) and name in ("address", "node_uuid"):
        raise exceptions.Invalid(f"'{name}' is a required field, it cannot be removed.")
    return fields.default(field) if value is REMOVED else value


def _check_update(node, values: dict[str, Any]) -> None:
    """:raises Conflict: while the node's state needs the port as it is"""
    if node.maintenance:
        return
    if "address" in values and (node.instance_uuid or node.provision_state == states.ACTIVE):
        raise exceptions.Conflict(f"Cannot update the address of a port of node {node.uuid}, "
                                  "which is active or has an instance.", node=node.uuid,
                                  remedy="Set the node's maintenance flag first.")
    changed = sorted(_CABLING & set(values))
    if changed and node.provision_state not in _CABLING_STATES:
        raise exceptions.Conflict(
            f"Cannot update {', '.join(changed)} of a port of node {node.uuid} in provision state "
            f"\"{node.provision_state}\".", node=node.uuid,
            remedy="Bring the node to manageable, or set its maintenance flag, first.")


def delete(call: Call, ident: str) -> Answer:
    """``DELETE /v1/ports/<ident>``: by uuid only, because a name may be reused at any moment."""
    arguments.none(call)
    arguments.uuid(ident, "port")

    def remove(tx: Transaction) -> None:
        row, node = _port(call, tx, ident)
        if call.version >= 39 and node.provision_state == states.INSPECTING:
            raise _locked(node)
        ports.delete(tx, row.uuid)
    call.services.database.write(remove)
    return NO_CONTENT
