"""Pages of lists: limit, marker, order, chosen fields and the link to the next page."""

import dataclasses
import datetime
import urllib.parse
from collections.abc import Sequence
from typing import Any

from provisioner import exceptions
from provisioner.db.nodes import Page
from provisioner_api import microversion
from provisioner_api.arguments import Argument
from provisioner_api.call import Call

ARGUMENTS = {"limit": Argument("int"), "marker": Argument(), "sort_key": Argument(),
             "sort_dir": Argument(), "fields": Argument("list", 8),
             "detail": Argument("bool", 43)}


@dataclasses.dataclass(frozen=True)
class View:
    """Which fields to show. :ivar fields: names; None means all that the version has"""

    fields: tuple[str, ...] | None
    full: bool = False


def limit(call: Call, given: dict[str, Any]) -> int:
    """:raises Invalid: unless positive; capped at what the configuration allows"""
    most = call.services.conf.api.max_limit
    wanted = given.get("limit", most)
    if wanted <= 0:
        raise exceptions.Invalid("Limit must be positive", limit=wanted)
    return min(wanted, most)


def page(call: Call, given: dict[str, Any], sortable: Sequence[str]) -> Page:
    """The page that was asked for. :raises Invalid:"""
    key = given.get("sort_key", "id")
    if key != "id" and key not in sortable:
        raise exceptions.Invalid(
            f"The sort_key value {key} is an invalid field for sorting",
            remedy=f"Sort by one of: {', '.join(sorted(sortable))}.")
    return Page(limit(call, given), given.get("marker"), key, descending(given))


def descending(given: dict[str, Any]) -> bool:
    """:raises Invalid: unless the direction is asc or desc"""
    direction = given.get("sort_dir", "asc")
    if direction not in ("asc", "desc"):
        raise exceptions.Invalid(f"Invalid sort direction: {direction}. Acceptable values are "
                                 "'asc' or 'desc'")
    return direction == "desc"


def view(given: dict[str, Any], versions: dict[str, int], defaults: Sequence[str],
         version: int) -> View:
    """The fields that ``fields`` and ``detail`` ask for.

    :param versions: field -> first minor version that has it
    :raises Invalid: if both are given, or a field is unknown
    :raises NotAcceptable: for a field newer than the version
    """
    chosen, full = given.get("fields"), given.get("detail", False)
    if chosen and full:
        raise exceptions.Invalid("Can't fetch a subset of fields with 'detail' set")
    if full:
        return View(None, True)
    return View(tuple(chosen_fields(chosen, versions, version) if chosen else
                      [name for name in defaults if versions[name] <= version]))


def chosen_fields(chosen: Sequence[str], versions: dict[str, int], version: int) -> list[str]:
    """``chosen`` without repetitions. :raises Invalid: :raises NotAcceptable:"""
    unknown = sorted(set(chosen) - set(versions) - {"links"})
    if unknown:
        raise exceptions.Invalid(f"Field(s) \"{', '.join(unknown)}\" are not valid",
                                 remedy=f"Known are: {', '.join(sorted(versions))}.")
    for name in chosen:
        microversion.require(version, versions.get(name, 1), f"field {name}")
    return [name for name in dict.fromkeys(chosen) if name != "links"]


def next_link(call: Call, count: int, size: int, marker: str | None) -> dict[str, str]:
    """``{"next": url}`` behind a full page, else nothing. Every filter is kept."""
    if not count or count < size:
        return {}
    kept = {name: value for name, value in call.query.items() if name not in ("limit", "marker")}
    query = urllib.parse.urlencode({**kept, "limit": size, "marker": marker})
    return {"next": f"{call.base}{call.path.partition('?')[0]}?{query}"}


def time(value: datetime.datetime | None) -> str | None:
    """A time of the database (UTC without zone) as clients expect it, with offset."""
    return None if value is None else f"{value.isoformat(timespec='microseconds')}+00:00"


def shown(value: Any) -> Any:
    """A column's value for JSON."""
    return time(value) if isinstance(value, datetime.datetime) else value


def links(call: Call, *parts: str) -> list[dict[str, str]]:
    """The two links that every resource has."""
    return [{"href": call.link("v1", *parts), "rel": "self"},
            {"href": call.link(*parts), "rel": "bookmark"}]
