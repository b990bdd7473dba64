"""Drivers and conductors: who is there and what they offer, as they wrote it into the database."""

from typing import Any

from provisioner import exceptions
from provisioner.db import conductors
from provisioner.db.models import INTERFACE_KINDS
from provisioner_api import arguments, hardware, pagination
from provisioner_api.arguments import Argument
from provisioner_api.call import Answer, Call, ok
from provisioner_api.hardware import Offer

_KIND_VERSIONS = {"bios": 40, "firmware": 86, "rescue": 38, "storage": 33}
_CONDUCTOR = {"hostname": 1, "conductor_group": 1, "alive": 1, "drivers": 1, "created_at": 1,
              "updated_at": 1}
_CONDUCTOR_DEFAULT = ("hostname", "conductor_group", "alive")


def index(call: Call) -> Answer:
    """``GET /v1/drivers``"""
    given = arguments.query(call, {"type": Argument("str", 30), "detail": Argument("bool", 30),
                                   "fields": Argument("list", 77)})
    call.authorize()
    if given.get("type", "dynamic") not in ("classic", "dynamic"):
        raise exceptions.Invalid(f"Driver type {given['type']} is not valid.",
                                 remedy="Use classic or dynamic.")
    if given.get("detail") and "fields" in given:
        raise exceptions.Invalid("Can't fetch a subset of fields with 'detail' set")
    with call.services.database.reader() as tx:
        found = hardware.offers(tx)
    if given.get("type") == "classic":
        return ok({"drivers": []})
    shown = [_driver(call, offer, given.get("detail", False) or "fields" in given)
             for _, offer in sorted(found.items())]
    if "fields" in given:
        shown = [_only(driver, given["fields"]) for driver in shown]
    return ok({"drivers": shown})


def _only(driver: dict[str, Any], names: list[str]) -> dict[str, Any]:
    unknown = sorted(set(names) - set(driver))
    if unknown:
        raise exceptions.Invalid(f"Field(s) \"{', '.join(unknown)}\" are not valid")
    return {name: driver[name] for name in [*names, "links"]}


def get(call: Call, name: str) -> Answer:
    """``GET /v1/drivers/<name>``"""
    given = arguments.query(call, {"fields": Argument("list", 77)})
    shown = _driver(call, _offer(call, name), call.version >= 30)
    return ok(_only(shown, given["fields"]) if "fields" in given else shown)


def _offer(call: Call, name: str) -> Offer:
    call.authorize()
    with call.services.database.reader() as tx:
        found = hardware.offers(tx)
    if name not in found:
        raise exceptions.NotFound(f"The driver '{name}' is unknown.",
                                  remedy=f"Offered now: {', '.join(found) or 'none'}.")
    return found[name]


def _driver(call: Call, offer: Offer, full: bool) -> dict[str, Any]:
    shown = {"name": offer.name, "hosts": list(offer.hosts),
             "links": pagination.links(call, "drivers", offer.name)}
    if call.version >= 14:
        shown["properties"] = pagination.links(call, "drivers", offer.name, "properties")
    if call.version >= 30:
        shown["type"] = "dynamic"
    for kind in INTERFACE_KINDS if full else ():
        if call.version >= _KIND_VERSIONS.get(kind, 30):
            shown[f"default_{kind}_interface"] = offer.default(kind)
            shown[f"enabled_{kind}_interfaces"] = list(offer.interfaces.get(kind, ()))
    return shown


def properties(call: Call, name: str) -> Answer:
    """``GET /v1/drivers/<name>/properties``"""
    arguments.none(call)
    offer = _offer(call, name)
    return ok({key: _describe(setting) for key, setting in sorted(offer.settings.items())})


def _describe(setting: dict[str, Any]) -> str:
    text = setting.get("help", "").rstrip(".")
    need = "Required" if setting.get("required") else "Optional"
    default = setting.get("default")
    return f"{text}. {need}." + ("" if default is None else f" Default: {default}.")


def vendor_methods(call: Call, name: str) -> Answer:
    """``GET /v1/drivers/<name>/vendor_passthru/methods``: no driver has any."""
    arguments.none(call)
    _offer(call, name)
    return ok({})


def conductor_index(call: Call) -> Answer:
    """``GET /v1/conductors``"""
    given = arguments.query(call, pagination.ARGUMENTS)
    call.authorize()
    view = pagination.view(given, _CONDUCTOR, _CONDUCTOR_DEFAULT, call.version)
    key = given.get("sort_key", "hostname")
    if key not in ("hostname", "conductor_group", "created_at", "updated_at", "id"):
        raise exceptions.Invalid(f"The sort_key value {key} is an invalid field for sorting")
    size = pagination.limit(call, given)
    rows = sorted(_conductors(call), reverse=pagination.descending(given),
                  key=lambda row: (str(row["hostname" if key == "id" else key]), row["hostname"]))
    if "marker" in given:
        names = [row["hostname"] for row in rows]
        if given["marker"] not in names:
            raise exceptions.NotFound(f"Conductor {given['marker']} could not be found.")
        rows = rows[names.index(given["marker"]) + 1:]
    rows = rows[:size]
    names = view.fields if view.fields is not None else tuple(_CONDUCTOR)
    shown = [{name: row[name] for name in (*names, "links")} for row in rows]
    following = pagination.next_link(call, len(rows), size,
                                     rows[-1]["hostname"] if rows else None)
    return ok({"conductors": shown, **following})


def conductor(call: Call, hostname: str) -> Answer:
    """``GET /v1/conductors/<hostname>``"""
    given = arguments.query(call, {"fields": Argument("list", 8)})
    call.authorize()
    row = next((row for row in _conductors(call) if row["hostname"] == hostname), None)
    if row is None:
        raise exceptions.NotFound(f"Conductor {hostname} could not be found.")
    chosen = pagination.chosen_fields(given["fields"], _CONDUCTOR, call.version) \
        if "fields" in given else _CONDUCTOR
    return ok({name: row[name] for name in (*chosen, "links")})


def _conductors(call: Call) -> list[dict[str, Any]]:
    with call.services.database.reader() as tx:
        rows = conductors.newest(tx)
        offered = conductors.offers(tx, [row.incarnation for row in rows])
        now = tx.read_now()
    types: dict[str, list[str]] = {}
    for offer in offered:
        types.setdefault(offer.incarnation, []).append(offer.hardware_type)
    return [{"hostname": row.hostname, "conductor_group": row.conductor_group,
             "alive": not row.dead and row.lease_until > now,
             "drivers": types.get(row.incarnation, []),
             "created_at": pagination.time(row.created_at),
             "updated_at": pagination.time(row.updated_at),
             "links": pagination.links(call, "conductors", row.hostname)} for row in rows]
