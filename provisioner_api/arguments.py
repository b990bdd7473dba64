"""What a client sent: query arguments and bodies, checked against a list of names.

Unknown names are refused, so that a mistyped filter never widens a list.
"""

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any

from oslo_utils import uuidutils

from provisioner import exceptions
from provisioner.secrets import SEALED
from provisioner_api import microversion
from provisioner_api.call import Call, usual_uuid

MAX_DEPTH = 25
TRUE = frozenset({"1", "t", "true", "on", "y", "yes"})
FALSE = frozenset({"0", "f", "false", "off", "n", "no"})


@dataclasses.dataclass(frozen=True)
class Argument:
    """:ivar kind: ``str``, ``bool``, ``int``, ``list`` or ``uuid``
    :ivar version: the first minor version that knows it
    """

    kind: str = "str"
    version: int = microversion.MINIMUM


def boolean(value: Any, name: str) -> bool:
    """:raises Invalid: unless it is one of the usual spellings of true and false"""
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word not in TRUE | FALSE:
        raise exceptions.Invalid(f"Invalid input for {name}: {value!r} is not a boolean.",
                                 remedy="Use true or false.")
    return word in TRUE


def integer(value: Any, name: str) -> int:
    """:raises Invalid: unless it is a whole number"""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise exceptions.Invalid(f"Invalid input for {name}: {value!r} is not a whole number.")
    try:
        return int(value)
    except ValueError:
        raise exceptions.Invalid(
            f"Invalid input for {name}: {value!r} is not a whole number.") from None


def items(value: str) -> list[str]:
    """A comma-separated list, in lower case, without empty items."""
    return [item.strip().lower() for item in value.split(",") if item.strip()]


def uuid(value: Any, name: str) -> str:
    """:raises Invalid: unless it is a uuid"""
    if not isinstance(value, str) or not uuidutils.is_uuid_like(value):
        raise exceptions.Invalid(f"Expected a UUID for {name} but received {value}.")
    return usual_uuid(value)


def _parse(kind: str, value: str, name: str) -> Any:
    if kind == "bool":
        return boolean(value, name)
    if kind == "int":
        return integer(value, name)
    if kind == "uuid":
        return uuid(value, name)
    return items(value) if kind == "list" else value


def query(call: Call, known: Mapping[str, Argument]) -> dict[str, Any]:
    """The query arguments that were given, parsed.

    :raises Invalid: for an unknown name or a wrong value
    :raises NotAcceptable: for one that the requested version does not know
    """
    unknown = sorted(set(call.query) - set(known))
    if unknown:
        raise exceptions.Invalid(f"Unexpected arguments: {', '.join(unknown)}",
                                 remedy=f"Known are: {', '.join(sorted(known)) or 'none'}.")
    given = {}
    for name, value in call.query.items():
        argument = known[name]
        microversion.require(call.version, argument.version, f"argument {name}")
        given[name] = _parse(argument.kind, value, name)
    return given


def body(call: Call) -> Any:
    """The body as JSON; None if there is none.

    :raises Invalid: if it is not JSON, too deep, or contains what only this service may write
    """
    if not call.raw.strip():
        return None
    try:
        value = json.loads(call.raw, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise exceptions.Invalid(f"The body is not valid JSON: {error}.") from None
    _check(value)
    return value


def _no_constant(name: str):
    raise ValueError(f"{name} is no JSON number")


def _check(value: Any) -> None:
    """Depth, texts that no database takes, and forged secrets; without recursion."""
    pending = [(value, 1)]
    while pending:
        item, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise exceptions.Invalid(f"The body is nested deeper than {MAX_DEPTH} levels.")
        if isinstance(item, Mapping):
            if SEALED in item:
                raise exceptions.Invalid(f"The name {SEALED} is reserved for this service.",
                                         remedy="Send the secret itself; it is sealed here.")
            pending += [(inner, depth + 1) for pair in item.items() for inner in pair]
        elif isinstance(item, list):
            pending += [(inner, depth + 1) for inner in item]
        elif isinstance(item, str) and not item.isprintable():
            _check_text(item)
        elif isinstance(item, float) and not math.isfinite(item):
            raise exceptions.Invalid("The body has a number that is too large.")


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise exceptions.Invalid("The body has a text with half a character.") from None
    if "\0" in text:
        raise exceptions.Invalid("The body has a text with a NUL character.")


def mapping(call: Call) -> dict:
    """The body as a JSON object. :raises Invalid:"""
    value = body(call)
    if not isinstance(value, dict):
        raise exceptions.Invalid("The body must be a JSON object.")
    return value


def named(call: Call, known: tuple[str, ...], mandatory: tuple[str, ...] = ()) -> dict[str, Any]:
    """Arguments of an action: from the body, or else from the query string.

    :raises Invalid: for unknown or missing ones
    """
    value = body(call)
    if value is not None and not isinstance(value, dict):
        raise exceptions.Invalid("The body must be a JSON object.")
    given = {**call.query, **(value or {})}
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise exceptions.Invalid(f"Unexpected arguments: {', '.join(unknown)}",
                                 remedy=f"Known are: {', '.join(known) or 'none'}.")
    for name in mandatory:
        if given.get(name) is None:
            raise exceptions.Invalid(f"Missing mandatory parameter: {name}")
    return given


def none(call: Call) -> None:
    """No query arguments at all. :raises Invalid:"""
    query(call, {})
