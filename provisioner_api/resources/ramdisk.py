"""What firmware and ramdisk agents ask: open to everybody, so it tells as little as it can.

Heartbeat and lookup are one transaction each, never a wait for a conductor. A token is given out
once, by compare-and-set; whoever comes second sees only the mask.
"""

import hmac
import secrets as random_secrets
from typing import Any

from oslo_db import exception as db_exception

from provisioner import exceptions, secrets, states
from provisioner.db import agents, boot_scripts, nodes, ports, signals
from provisioner.db.session import Transaction
from provisioner_api import arguments, microversion
from provisioner_api.arguments import Argument
from provisioner_api.call import Answer, Call, accepted, check_ident, no_node, ok
from provisioner_api.pagination import links
from provisioner_api.schemas import fields

_TOKEN_VERSION = 62
_HEARTBEAT = {"callback_url": 22, "agent_version": 36, "agent_token": 62, "agent_verify_ca": 68,
              "agent_status": 72, "agent_status_message": 72}
#: characters that a row has for an argument, where there is a limit
_MOST = {"callback_url": 512, "agent_version": 64}
_STATUSES = ("start", "end", "error")
_NOWHERE = "The node could not be found."


def check_enabled(call: Call) -> None:
    """:raises Forbidden: if these endpoints are switched off"""
    if not call.services.conf.api.enable_ramdisk_endpoints:
        raise exceptions.Forbidden("The ramdisk endpoints are disabled.",
                                   remedy="Set [api] enable_ramdisk_endpoints.")


def boot_script(call: Call, mac: str) -> Answer:
    """``GET /boot/<mac>.ipxe``: what a step has rendered for that address."""
    check_enabled(call)
    with call.services.database.reader() as tx:
        found = boot_scripts.get(tx, fields.mac(mac))
    if found is None:
        raise exceptions.NotFound(f"There is no boot script for {mac}.",
                                  remedy="One exists while a node with that port is being booted.")
    return Answer(200, found.script, {"Cache-Control": "no-store"}, "text/plain; charset=utf-8")


def lookup(call: Call) -> Answer:
    """``GET /v1/lookup``"""
    check_enabled(call)
    given = arguments.query(call, {"addresses": Argument("list"), "node_uuid": Argument()})
    addresses = _addresses(given.get("addresses", ()))
    if not addresses and not given.get("node_uuid"):
        raise exceptions.Invalid("Incomplete lookup: give addresses or node_uuid.")
    try:
        return ok(call.services.database.write(
            lambda tx: _lookup(call, tx, addresses, given.get("node_uuid"))))
    except db_exception.DBDuplicateEntry:
        # Another lookup was faster by a moment; now there is a token to find.
        return ok(call.services.database.write(
            lambda tx: _lookup(call, tx, addresses, given.get("node_uuid"))))


def _addresses(given) -> list[str]:
    """Those that are MAC addresses; agents send whatever their interfaces have."""
    found = []
    for address in given:
        try:
            found.append(fields.mac(address))
        except exceptions.Invalid:
            continue
    return found


def _lookup(call: Call, tx: Transaction, addresses: list[str], uuid: str | None) -> dict:
    row = _find(tx, addresses, uuid)
    if row is None or row.provision_state not in states.LOOKUP_ALLOWED:
        raise exceptions.NotFound(_NOWHERE)
    return _document(call, row, _token(call, tx, row.uuid))


def _find(tx: Transaction, addresses: list[str], uuid: str | None):
    """The node of that uuid, else the only one that has one of the addresses."""
    if uuid:
        return nodes.get(tx, uuid)
    found = ports.nodes_of(tx, addresses)
    return nodes.get(tx, found[0]) if len(found) == 1 else None


def _token(call: Call, tx: Transaction, node: str) -> str | None:
    if call.version < _TOKEN_VERSION:
        return None
    plain = random_secrets.token_urlsafe(32)
    given = agents.give_token(tx, node, call.services.box.seal_text(plain))
    return plain if given else secrets.MASK


def _document(call: Call, row, token: str | None) -> dict[str, Any]:
    api = call.services.conf.api
    config = {"heartbeat_timeout": api.ramdisk_heartbeat_timeout, "metrics": {},
              "metrics_statsd": {}, "agent_token_required": True}
    if token is not None:
        config["agent_token"] = token
    return {"node": {"uuid": row.uuid, "properties": row.properties,
                     "instance_info": secrets.mask(row.instance_info),
                     "driver_internal_info": secrets.mask(row.driver_internal_info),
                     "links": links(call, "nodes", row.uuid)}, "config": config}


def heartbeat(call: Call, ident: str) -> Answer:
    """``POST /v1/heartbeat/<ident>``"""
    check_enabled(call)
    given = arguments.named(call, tuple(_HEARTBEAT), ("callback_url",))
    for name, value in given.items():
        microversion.require(call.version, _HEARTBEAT[name], f"argument {name}")
        if value is not None and not isinstance(value, str):
            raise exceptions.Invalid(f"{name} must be a text.")
        if len(value or "") > _MOST.get(name, len(value or "")):
            raise exceptions.Invalid(f"{name} must have at most {_MOST[name]} characters.")
    _check_heartbeat(call, given)
    task = call.services.database.write(
        lambda tx: _beat(call, tx, check_ident(ident), given))
    if task is not None:
        call.services.conductor_client.hint(task)
    return accepted()


def _check_heartbeat(call: Call, given: dict[str, Any]) -> None:
    url, status = given["callback_url"], given.get("agent_status")
    if given.get("agent_version") is None and status is None:
        raise exceptions.Invalid("Missing mandatory parameter: agent_version")
    if status is not None and status not in _STATUSES:
        raise exceptions.Invalid(f"agent_status {status!r} is not valid.",
                                 remedy=f"Use one of: {', '.join(_STATUSES)}.")
    if url and not url.startswith(("http://", "https://")):
        raise exceptions.Invalid("callback_url must be an http or https URL.")
    if url.startswith("http://") and call.services.conf.api.require_agent_tls:
        raise exceptions.Invalid("The agent's callback_url must be https.",
                                 remedy="Set [api] require_agent_tls to false to allow http.")


def _beat(call: Call, tx: Transaction, ident: str, given: dict[str, Any]) -> str | None:
    """Record a heartbeat; the task that was woken, if any."""
    row = nodes.get(tx, ident)
    if row is None:
        raise no_node(ident)
    agent = agents.get(tx, row.uuid)
    _check_token(call, agent, given.get("agent_token"))
    if agent.url and given["callback_url"] and agent.url != given["callback_url"]:
        raise exceptions.Invalid("Detected change in ramdisk provided callback_url.",
                                 remedy="Boot the machine anew.", node=row.uuid)
    if row.provision_state not in states.HEARTBEAT_ALLOWED:
        return None
    values = {"url": given["callback_url"] or None, "version": given.get("agent_version"),
              "verify_ca": given.get("agent_verify_ca"), "status": given.get("agent_status"),
              "status_message": given.get("agent_status_message")}
    agents.heartbeat(tx, row.uuid, {name: value for name, value in values.items()
                                    if value is not None})
    woken = row.task is not None and signals.send(tx, row.task, "heartbeat")
    return row.task if woken else None


def _check_token(call: Call, agent, token: str | None) -> None:
    """:raises Invalid: unless it is the token that was given out"""
    known = call.services.box.open_text(agent.token) if agent is not None and agent.token else ""
    if not known or not hmac.compare_digest(known.encode(), (token or "").encode()):
        raise exceptions.Invalid("Agent token is required for heartbeat processing, and must be "
                                 "the one that lookup gave.")


def continue_inspection(call: Call) -> Answer:
    """``POST /v1/continue_inspection``: at 1.84, and at 1.1 for agents that send no version."""
    check_enabled(call)
    if call.version < 84 and call.version != microversion.MINIMUM:
        raise exceptions.NotFound(_NOWHERE)
    given = arguments.query(call, {"node_uuid": Argument()})
    data = arguments.mapping(call)
    inventory = data.pop("inventory", None)
    addresses = _reported(inventory)
    if not addresses and not given.get("node_uuid"):
        raise exceptions.Invalid("No lookup information: the inventory has no MAC address.")

    def store(tx: Transaction) -> tuple[dict, str | None]:
        row = _find(tx, addresses, given.get("node_uuid"))
        if row is None or row.provision_state not in (states.INSPECT_WAIT, states.INSPECTING):
            raise exceptions.NotFound(_NOWHERE)
        agents.put_inventory(tx, row.uuid, inventory, data)
        woken = row.task is not None and signals.send(tx, row.task, "inventory")
        body = {"uuid": row.uuid} if call.version < 84 else _document(
            call, row, _token(call, tx, row.uuid))
        return body, row.task if woken else None
    body, task = call.services.database.write(store)
    if task is not None:
        call.services.conductor_client.hint(task)
    return Answer(202, body)


def _reported(inventory: Any) -> list[str]:
    """MAC addresses of an inventory. :raises Invalid: if it is none"""
    interfaces = inventory.get("interfaces") if isinstance(inventory, dict) else None
    if not isinstance(interfaces, list) or not interfaces or not all(
            isinstance(item, dict) for item in interfaces):
        raise exceptions.Invalid("The body needs an inventory with at least one interface.")
    return _addresses([item.get("mac_address") for item in interfaces])
