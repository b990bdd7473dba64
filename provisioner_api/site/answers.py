"""Answers of the site API: times with their zone, pages, and errors in two forms.

``/api/v1.1`` and later: ``{"error": {code, message, remedy, where, request_id}}``.
``/api/v1.0``: ``{"type": "error", "message", "retry"}``, as Drydock's clients read it.
"""

import datetime
import urllib.parse
from collections.abc import Mapping
from typing import Any

from provisioner import exceptions
from provisioner_api import errors
from provisioner_api.arguments import Argument
from provisioner_api.call import Call

#: items in a page when the client does not say
PAGE = 100
#: arguments of every list
PAGING = {"limit": Argument("int", 0), "marker": Argument("str", 0)}
#: statuses after which the same request may succeed
_RETRY = (409, 502, 503, 504)


def stamp(moment: datetime.datetime | None) -> str | None:
    """A time of the database (UTC, without zone) as ISO 8601 with its zone."""
    if moment is None:
        return None
    return moment.replace(tzinfo=datetime.UTC).isoformat(timespec="milliseconds")


def limit(call: Call, given: Mapping[str, Any]) -> int:
    """How many items a page has. :raises Invalid: unless it is between 1 and the maximum"""
    most = call.services.conf.api.max_limit
    wanted = given.get("limit", min(PAGE, most))
    if not 1 <= wanted <= most:
        raise exceptions.Invalid(f"limit must be from 1 to {most}.", field="limit")
    return wanted


def next_page(call: Call, marker: str) -> str:
    """The path of the page behind ``marker``."""
    path = call.path.partition("?")[0]
    return f"{path}?{urllib.parse.urlencode({**call.query, 'marker': marker})}"


def drydock_error(error: exceptions.ProvisionerError, request_id: str) -> dict:
    """The body of an error below ``/api/v1.0``."""
    return {"type": "error", "message": f"{error.message} {error.remedy}".strip(),
            "retry": errors.status_of(error) in _RETRY}
