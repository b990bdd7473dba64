"""What a field is, and how a value from outside becomes one of its type."""

import dataclasses
import re
from collections.abc import Iterable
from typing import Any

from oslo_utils import uuidutils

from provisioner import exceptions
from provisioner_api import arguments, microversion
from provisioner_api.call import usual_uuid

_MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")


@dataclasses.dataclass(frozen=True)
class Field:
    """:ivar version: first minor version that has it
    :ivar kind: ``text``, ``bool``, ``object``, ``uuid`` or ``mac``
    :ivar create: accepted by POST
    :ivar patch: accepted by PATCH
    :ivar null: whether null is a value; otherwise null means the default
    :ivar most: characters of a text at most
    """

    name: str
    version: int = 1
    kind: str = "text"
    create: bool = False
    patch: bool = False
    null: bool = True
    default: Any = None
    most: int = 255
    pattern: str | None = None


def versions(fields: Iterable[Field]) -> dict[str, int]:
    """Field -> first minor version that has it."""
    return {field.name: field.version for field in fields}


def parse(field: Field, value: Any) -> Any:
    """``value`` as the field's type.

    :raises Invalid: if it is none
    """
    if value is None:
        return None if field.null else default(field)
    if field.kind == "bool":
        return arguments.boolean(value, field.name)
    if field.kind == "object":
        return _object(field, value)
    if not isinstance(value, str):
        raise _wrong(field, "must be a text")
    if field.kind == "uuid":
        return _uuid(field, value)
    if field.kind == "mac":
        return mac(value)
    if not 0 < len(value) <= field.most and not (value == "" and field.default == ""):
        raise _wrong(field, f"must have 1 to {field.most} characters")
    if field.pattern and not re.fullmatch(field.pattern, value):
        raise _wrong(field, f"must match {field.pattern}")
    return value


def default(field: Field) -> Any:
    """The default, as a value of its own."""
    return dict(field.default) if isinstance(field.default, dict) else field.default


def _object(field: Field, value: Any) -> dict:
    if not isinstance(value, dict):
        raise _wrong(field, "must be an object")
    return value


def _uuid(field: Field, value: str) -> str:
    if not uuidutils.is_uuid_like(value):
        raise _wrong(field, "must be a UUID")
    return usual_uuid(value)


def mac(value: Any) -> str:
    """A MAC address in lower case with colons. :raises Invalid:"""
    text = value.strip().lower().replace("-", ":") if isinstance(value, str) else ""
    if not _MAC.fullmatch(text):
        raise exceptions.Invalid(f"Expected a MAC address but received {value}.",
                                 remedy="Write it as 52:54:00:12:34:56.")
    return text


def _wrong(field: Field, what: str) -> exceptions.Invalid:
    return exceptions.Invalid(f"Invalid input for field '{field.name}': {what}.",
                              field=field.name)


def for_create(fields: Iterable[Field], body: dict[str, Any], version: int) -> dict[str, Any]:
    """The values of a POST: every field that was given, of its type.

    :raises Invalid: for unknown fields and wrong values
    :raises NotAcceptable: for fields newer than the version
    """
    known = {field.name: field for field in fields if field.create}
    unknown = sorted(set(body) - set(known))
    if unknown:
        raise exceptions.Invalid(
            f"Additional properties are not allowed: {', '.join(unknown)}",
            remedy=f"Known are: {', '.join(sorted(known))}.")
    values = {}
    for name, value in body.items():
        microversion.require(version, known[name].version, f"field {name}")
        values[name] = parse(known[name], value)
    return values
