"""Nodes: create, list, show and delete. Changing one is in ``node_update``."""

import dataclasses
from typing import Any

from provisioner import exceptions, states
from provisioner.db import nodes
from provisioner.db.nodes import NodeFilter
from provisioner.db.session import Transaction
from provisioner_api import arguments, hardware, pagination
from provisioner_api.arguments import Argument
from provisioner_api.call import NO_CONTENT, Answer, Call, check_ident, created, ok
from provisioner_api.pagination import View
from provisioner_api.resources import node_rules, node_view
from provisioner_api.schemas import fields
from provisioner_api.schemas import node as schema

#: what the ring needs to know of a node
RING_COLUMNS = ("driver", "conductor_group")


def index(call: Call) -> Answer:
    """``GET /v1/nodes``"""
    return _list(call, arguments.query(call, schema.FILTERS))


def detail(call: Call) -> Answer:
    """``GET /v1/nodes/detail``"""
    given = arguments.query(call, schema.FILTERS)
    if "fields" in given:
        raise exceptions.Invalid("Can't fetch a subset of fields with 'detail' set")
    return _list(call, {**given, "detail": True})


def _list(call: Call, given: dict[str, Any]) -> Answer:
    call.authorize()
    view = pagination.view(given, schema.VERSIONS, schema.LIST_DEFAULT, call.version)
    page = pagination.page(call, given, schema.SORTABLE)
    with call.services.database.reader() as tx:
        wanted = _filter(call, tx, given)
        rows = nodes.find(tx, wanted, page, node_view.columns(view))
        shown = node_view.show(call, tx, rows, view)
    following = {} if "instance_uuid" in given else pagination.next_link(
        call, len(rows), page.limit, rows[-1].uuid if rows else None)
    return ok({"nodes": shown, **following})


def _filter(call: Call, tx: Transaction, given: dict[str, Any]) -> NodeFilter:
    """:raises Invalid: for a state, or a fault, that does not exist"""
    equal = {name: given[name] for name in schema.EQUAL if name in given}
    if equal.get("provision_state", states.ENROLL) not in states.TRANSITIONS:
        raise exceptions.Invalid(f"Provision state {equal['provision_state']} is not valid")
    if "fault" in equal and equal["fault"] not in schema.FAULTS:
        raise exceptions.Invalid(f"Unrecognized fault \"{equal['fault']}\" is specified",
                                 remedy=f"Known are: {', '.join(sorted(schema.FAULTS))}.")
    if "chassis_uuid" in given:
        raise exceptions.NotFound(f"Chassis {given['chassis_uuid']} could not be found.")
    if "parent_node" in given:
        equal["parent_node"] = nodes.require(tx, given["parent_node"]).uuid
    wanted = NodeFilter(
        equal=equal, associated=given.get("associated"), sharded=given.get("sharded"),
        shards=tuple(given["shard"]) if "shard" in given else None,
        children=given.get("include_children"), project=_project(call, given),
        description_contains=given.get("description_contains"))
    if "conductor" not in given:
        return wanted
    return _of_conductor(call, tx, wanted, given["conductor"])


def _project(call: Call, given: dict[str, Any]) -> str | None:
    """Whose nodes: the project asked for, or the caller's own when that is all they may see."""
    if call.allowed("baremetal:node:list_all"):
        return given.get("project")
    if call.context.project is None or given.get("project") not in (None, call.context.project):
        raise exceptions.Forbidden("Access was denied by policy: baremetal:node:list_all.")
    return call.context.project


def _of_conductor(call: Call, tx: Transaction, wanted: NodeFilter, hostname: str) -> NodeFilter:
    """The ring is no column, so the nodes it gives a conductor are found before the page is."""
    rings = call.services.conductor_client.view.rings()
    everything = nodes.find(tx, wanted, nodes.Page(limit=1_000_000), list(RING_COLUMNS))
    mine = tuple(row.uuid for row in everything
                 if rings.owner(row.driver, row.conductor_group, row.uuid) == hostname)
    return dataclasses.replace(wanted, uuids=mine)


def show(call: Call, ident: str) -> Answer:
    """``GET /v1/nodes/<ident>``"""
    given = arguments.query(call, {"fields": Argument("list", 8)})
    view = View(None)
    if "fields" in given:
        view = View(tuple(pagination.chosen_fields(given["fields"], schema.VERSIONS,
                                                   call.version)))
    with call.services.database.reader() as tx:
        row = call.node(tx, ident)
        return ok(node_view.show(call, tx, [row], view)[0])


def create(call: Call) -> Answer:
    """``POST /v1/nodes``"""
    arguments.none(call)
    call.authorize()
    values = fields.for_create(schema.FIELDS, arguments.mapping(call), call.version)
    if values.get("driver") is None:
        raise exceptions.Invalid("Missing mandatory parameter: driver")
    # An early version knows no enroll: its nodes are born ready for use.
    values["provision_state"] = states.ENROLL if call.version >= 11 else states.AVAILABLE
    uuid = call.services.database.write(lambda tx: _insert(call, tx, dict(values)))
    with call.services.database.reader() as tx:
        body = node_view.show(call, tx, [nodes.require(tx, uuid)], View(None))[0]
    return created(body, call.link("v1", "nodes", uuid))


def _insert(call: Call, tx: Transaction, values: dict[str, Any]) -> str:
    offer = hardware.require(tx, values["driver"])
    values.update(hardware.interfaces(offer, values))
    node_rules.check(tx, values)
    node_rules.seal(call.services.box, offer, values)
    return nodes.create(tx, {name: value for name, value in values.items()
                             if not (name == "uuid" and value is None)})


def delete(call: Call, ident: str) -> Answer:
    """``DELETE /v1/nodes/<ident>``"""
    arguments.none(call)

    def remove(tx: Transaction) -> None:
        row = call.node(tx, ident)
        node_rules.check_delete(row)
        nodes.delete(tx, row)
    call.services.database.write(remove)
    return NO_CONTENT


def validate(call: Call, ident: str) -> Answer:
    """``GET /v1/nodes/<ident>/validate``"""
    arguments.none(call)
    return _validate(call, ident)


def validate_named(call: Call) -> Answer:
    """``GET /v1/nodes/validate?node=``"""
    given = arguments.query(call, {"node": Argument("str", 5), "node_uuid": Argument("uuid")})
    if len(given) != 1:
        raise exceptions.Invalid("Give one of node and node_uuid.")
    return _validate(call, next(iter(given.values())))


def _validate(call: Call, ident: str) -> Answer:
    with call.services.database.reader() as tx:
        row = call.node(tx, check_ident(ident))
    found = call.services.conductor_client.validate(row)
    hidden = () if call.version >= 86 else ("firmware",)
    return ok({kind: _without_empty_reason(result) for kind, result in found.items()
               if kind not in hidden})


def _without_empty_reason(result: dict) -> dict:
    if result.get("reason"):
        return {"result": result["result"], "reason": result["reason"]}
    return {"result": result["result"]}
