"""What a node is in, and asking for something else: power and provision verbs become tasks.

Checks here need no hardware and follow the order that clients know: version of the verb,
maintenance, legality in the present state, arguments. The conductor that accepts the task records
the new state before it answers, so a client that reads the node after 202 sees it under way.
"""

import json
from typing import Any

from provisioner import exceptions, states
from provisioner.secrets import SEALED
from provisioner_api import arguments, idempotency, microversion, pagination
from provisioner_api.call import Answer, Call, accepted, ok
from provisioner_api.idempotency import RequestKey
from provisioner_api.resources import node_view
from provisioner_api.schemas import provision

_SHOWN = {"console_enabled": 1, "last_error": 1, "power_state": 1, "provision_state": 1,
          "target_power_state": 1, "target_provision_state": 1, "provision_updated_at": 1,
          "raid_config": 12, "target_raid_config": 12, "boot_mode": 75, "secure_boot": 75}
_SOFT = frozenset({states.SOFT_POWER_OFF, states.SOFT_REBOOT})
_OFF = frozenset({states.POWER_OFF, states.SOFT_POWER_OFF})
_NO_POWER = frozenset({states.CLEANING, states.CLEAN_WAIT})
#: arguments that must not cross the bus in clear
_SEALED = ("configdrive", "rescue_password")


def show(call: Call, ident: str) -> Answer:
    """``GET /v1/nodes/<ident>/states``"""
    arguments.none(call)
    with call.services.database.reader() as tx:
        row = call.node(tx, ident)
    shown = {name: pagination.shown(getattr(row, name))
             for name, version in _SHOWN.items() if version <= call.version}
    for name in ("provision_state", "target_provision_state"):
        shown[name] = node_view.provision_state(call, shown[name])
    return ok(shown)


def set_power(call: Call, ident: str) -> Answer:
    """``PUT /v1/nodes/<ident>/states/power``"""
    given = arguments.named(call, ("target", "timeout"), ("target",))
    row, key, task = _begin(call, ident)
    if task is None:
        args = _check_power(call, row, given)
        task = idempotency.node_task(call, row, "power", args, key)
    return _under_way(call, ident, task)


def _begin(call: Call, ident: str) -> tuple[Any, RequestKey, str | None]:
    """The node, the request's key, and the task it has already made, if it is a repetition.

    :raises KeyReused: :raises NotFound: :raises Forbidden:
    """
    key = idempotency.of(call)
    with call.services.database.reader() as tx:
        row = call.node(tx, ident)
        return row, key, idempotency.find(tx, key)


def _under_way(call: Call, ident: str, task: str) -> Answer:
    return accepted(call.link("v1", "nodes", ident, "states"), task)


def _check_power(call: Call, row, given: dict[str, Any]) -> dict[str, Any]:
    target, timeout = given["target"], given.get("timeout")
    if not isinstance(target, str):
        raise exceptions.Invalid("target must be a text.")
    if target in _SOFT or timeout is not None:
        microversion.require(call.version, 27, "soft power targets and timeout")
    if target not in states.POWER_TARGETS:
        raise exceptions.Invalid(
            f"The requested action \"{target}\" is not a power state.",
            remedy=f"Use one of: {', '.join(states.POWER_TARGETS)}.")
    if timeout is not None:
        timeout = arguments.integer(timeout, "timeout")
        if timeout < 1:
            raise exceptions.Invalid("timeout must be at least 1 second.")
    if row.provision_state in _NO_POWER:
        raise exceptions.InvalidState(
            f"The requested action \"{target}\" can not be performed on node {row.uuid} while it "
            f"is in state \"{row.provision_state}\".", remedy="Wait for cleaning to end, or "
            "abort it.", node=row.uuid)
    if row.disable_power_off and target in _OFF:
        raise exceptions.Conflict(f"Node {row.uuid} must not be powered off.",
                                  remedy="Unset the node's disable_power_off first.",
                                  node=row.uuid)
    return {"target": target, "timeout": timeout}


def set_provision(call: Call, ident: str) -> Answer:
    """``PUT /v1/nodes/<ident>/states/provision``"""
    given = arguments.named(call, provision.ARGUMENTS, ("target",))
    row, key, task = _begin(call, ident)
    if task is None:
        event = _check_verb(call, row, given["target"])
        args = provision.check(event, given, call.version)
        task = idempotency.node_task(call, row, event, _seal(call, args), key)
    return _under_way(call, ident, task)


def _check_verb(call: Call, row, target: Any) -> str:
    """The event that a verb is, if it may happen now.

    :raises Invalid: :raises NodeBusy: :raises Forbidden: :raises NotAcceptable:
    """
    if not isinstance(target, str) or target not in states.VERBS:
        raise exceptions.InvalidState(
            f"The requested action \"{target}\" is not known.",
            remedy=f"Use one of: {', '.join(states.VERBS)}.")
    event = states.VERBS[target]
    needed = provision.VERB_VERSIONS[target]
    if event == "abort":
        needed = max(needed, provision.ABORT_VERSIONS.get(row.provision_state, 0))
    microversion.require(call.version, needed, f"target {target}")
    if row.maintenance and event in ("deploy", "rebuild"):
        raise exceptions.InMaintenance(
            f"The {target} operation can't be performed on node {row.uuid} because it's in "
            "maintenance mode.", node=row.uuid)
    if not states.can(row.provision_state, event):
        _refuse(row, event)
    if row.protected and event in ("rebuild", "delete"):
        raise exceptions.NodeProtected(f"Node {row.uuid} is protected.", node=row.uuid)
    if row.retired and event == "provide":
        raise exceptions.Invalid(f"Node {row.uuid} is retired.",
                                 remedy="Unset the node's retired field first.", node=row.uuid)
    return event


def _refuse(row, event: str) -> None:
    """:raises NodeBusy: if it may become legal when the present task ends
    :raises InvalidState: else
    """
    if row.reservation is not None or row.task is not None:
        raise exceptions.NodeBusy(
            f"Node {row.uuid} is busy in provision state \"{row.provision_state}\", please retry "
            "after the current operation is completed.", node=row.uuid,
            state=row.provision_state)
    states.next_state(row.provision_state, event)


def _seal(call: Call, args: dict[str, Any]) -> dict[str, Any]:
    """Arguments that are secret, sealed; an object is sealed as JSON."""
    sealed = dict(args)
    for name in _SEALED:
        value = sealed.get(name)
        if value is not None:
            text = value if isinstance(value, str) else json.dumps(value)
            sealed[name] = {SEALED: call.services.box.seal_text(text)}
    return sealed
