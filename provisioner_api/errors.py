"""Errors as HTTP answers: class to status in one table, and the forms of the bodies.

Below ``/v1`` the body is JSON inside a JSON string, because clients decode it twice. Everything
else gets a plain ``{"error": {...}}``; a route table may bring a form of its own.
"""

import json
import logging
import re

from oslo_db import exception as db_exception
from werkzeug import exceptions as http

from provisioner import exceptions
from provisioner.db import session
from provisioner_api import microversion

LOG = logging.getLogger(__name__)

#: most derived class first; the first match counts
STATUS = (
    (exceptions.KeyReused, 422),
    (exceptions.Invalid, 400),
    (exceptions.NotFound, 404),
    (exceptions.Forbidden, 403),
    (exceptions.Unauthenticated, 401),
    (exceptions.Conflict, 409),
    (exceptions.Unavailable, 503),
    (exceptions.FenceLost, 503),
    (exceptions.LeaseLost, 503),
    (exceptions.Unsupported, 400),
    (exceptions.HardwareTimeout, 504),
    (exceptions.HardwareError, 502),
    (microversion.NotAcceptable, 406),
)
RETRY_AFTER = {"Retry-After": "2"}


class Answered(exceptions.ProvisionerError):
    """An error that HTTP itself knows: unknown path, method, too large a body."""

    def __init__(self, error: http.HTTPException):
        super().__init__(error.description or error.name)
        self.code = "".join(error.name.split())
        self.status = error.code or 500
        self.title = error.name


def status_of(error: exceptions.ProvisionerError) -> int:
    if isinstance(error, Answered):
        return error.status
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def translate(error: Exception) -> exceptions.ProvisionerError:
    """Any exception as one of ours. What nobody expected is logged here, once, with its causes."""
    if isinstance(error, exceptions.ProvisionerError):
        return error
    if isinstance(error, http.HTTPException):
        return Answered(error)
    if isinstance(error, db_exception.DBDuplicateEntry):
        return _duplicate(error)
    if isinstance(error, session.OUTAGE):
        LOG.error("The database did not answer: %s", error)
        return exceptions.Unavailable("The database did not answer.")
    LOG.error("A request failed for a reason that nobody expected.", exc_info=error)
    return exceptions.ProvisionerError(
        "An unexpected error; the service's log has it under this request id.")


def _duplicate(error: db_exception.DBDuplicateEntry) -> exceptions.Duplicate:
    # PostgreSQL tells the constraint, SQLite the column, MariaDB the one as if it were the other.
    told = getattr(getattr(error.inner_exception, "orig", None), "diag", None)
    names = [told.constraint_name] if told is not None else error.columns or ()
    columns = [re.sub(r"^(uq|ix)_[a-z]+_", "", name).split(".")[-1] for name in names]
    return exceptions.Duplicate(
        f"Another one with the same {', '.join(columns) or 'value'} already exists.",
        remedy="Choose another, or use the one that exists.")


def fault(error: exceptions.ProvisionerError, request_id: str) -> dict:
    """The body of the Bare Metal API: clients show ``faultstring``, else ``description``."""
    return {"error_message": json.dumps(_fault(error, status_of(error), request_id))}


def _fault(error, status: int, request_id: str) -> dict:
    if isinstance(error, (Answered, microversion.UnsupportedVersion)):
        title = getattr(error, "title", "Not Acceptable")
        return {"code": status, "title": title, "description": error.message}
    shown = f"{error.message} {error.remedy}".strip()
    return {"faultcode": "Client" if status < 500 else "Server", "faultstring": shown,
            "debuginfo": None, "code": error.code, "remedy": error.remedy,
            "where": error.as_dict()["where"], "request_id": request_id}


def bare(error: exceptions.ProvisionerError, request_id: str) -> dict:
    """The body for a request that is too large: not wrapped."""
    return {"faultcode": "Client", "faultstring": error.message, "request_id": request_id}


def unauthenticated(error: exceptions.ProvisionerError, request_id: str) -> dict:
    """The body of 401, which comes from outside the API's own wrapper."""
    return {"error": {"message": error.message, "code": 401, "request_id": request_id}}


def plain(error: exceptions.ProvisionerError, request_id: str) -> dict:
    """The body of our own resources."""
    return {"error": {**error.as_dict(), "request_id": request_id}}
