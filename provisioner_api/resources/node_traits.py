"""Traits: what a node is, in words that allocations match."""

import re

import os_traits

from provisioner import exceptions
from provisioner.db import nodes
from provisioner.db.session import Transaction
from provisioner_api import arguments
from provisioner_api.call import NO_CONTENT, Answer, Call, ok

MOST = 50
_CUSTOM = re.compile(r"CUSTOM_[A-Z0-9_]+")
_STANDARD = frozenset(os_traits.get_traits())


def index(call: Call, ident: str) -> Answer:
    """``GET /v1/nodes/<ident>/traits``"""
    arguments.none(call)
    with call.services.database.reader() as tx:
        row = call.node(tx, ident)
        return ok({"traits": nodes.traits(tx, [row.uuid]).get(row.uuid, [])})


def replace(call: Call, ident: str) -> Answer:
    """``PUT /v1/nodes/<ident>/traits``"""
    wanted = arguments.named(call, ("traits",), ("traits",))["traits"]
    if not isinstance(wanted, list):
        raise exceptions.Invalid("traits must be a list.")
    return _change(call, ident, lambda old: {check(trait) for trait in wanted})


def add(call: Call, ident: str, trait: str) -> Answer:
    """``PUT /v1/nodes/<ident>/traits/<trait>``"""
    if call.raw.strip():
        raise exceptions.Invalid("Give the trait in the path or in the body, not in both.")
    arguments.none(call)
    _change(call, ident, lambda old: old | {check(trait)})
    return Answer(204, None, {"Location": call.link("v1", "nodes", ident, "traits", trait)})


def remove(call: Call, ident: str, trait: str) -> Answer:
    """``DELETE /v1/nodes/<ident>/traits/<trait>``"""
    arguments.none(call)

    def without(old: set[str]) -> set[str]:
        if trait not in old:
            raise exceptions.NotFound(f"Node {ident} doesn't have a trait '{trait}'.")
        return old - {trait}
    return _change(call, ident, without)


def remove_all(call: Call, ident: str) -> Answer:
    """``DELETE /v1/nodes/<ident>/traits``"""
    arguments.none(call)
    return _change(call, ident, lambda old: set())


def check(trait: object) -> str:
    """A custom trait or one of the standard ones. :raises Invalid:"""
    if not isinstance(trait, str) or len(trait) > 255 or not (
            _CUSTOM.fullmatch(trait) or trait in _STANDARD):
        raise exceptions.Invalid(
            f"{trait!r} is not a valid trait.", remedy="Use a standard trait, or CUSTOM_ and "
            "capital letters, digits and underscores.")
    return trait


def _change(call: Call, ident: str, change) -> Answer:
    def write(tx: Transaction) -> None:
        row = call.node(tx, ident)
        nodes.lock(tx, row.uuid)
        new = change(set(nodes.traits(tx, [row.uuid]).get(row.uuid, [])))
        if len(new) > MOST:
            raise exceptions.Invalid(f"A node has at most {MOST} traits.")
        nodes.set_traits(tx, row.uuid, new)
    call.services.database.write(write)
    return NO_CONTENT
