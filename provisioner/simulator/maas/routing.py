"""The table of operations: path, verb and ``op`` to a function."""

import dataclasses
import re
import urllib.parse
from collections.abc import Callable
from typing import Any

from provisioner.simulator.maas.errors import ApiError, invalid

ROOT = "/MAAS/api/2.0/"


@dataclasses.dataclass(frozen=True)
class Answer:
    """What an operation answers if it is not plain data with status 200.

    :ivar body: plain data, which travels as JSON, or a ``str``/``bytes`` of ``content_type``
    """

    body: Any = ""
    status: int = 200
    content_type: str = "text/plain; charset=utf-8"


@dataclasses.dataclass(frozen=True)
class User:
    name: str
    admin: bool = True


@dataclasses.dataclass
class Call:
    """One request on its way through.

    :ivar user: None if it came without credentials
    :ivar args: fields of the query and of the body; each a list, as sent
    :ivar part: what the path's placeholders stand for
    """

    region: Any
    user: User | None
    args: dict[str, list[str]]
    part: dict[str, str] = dataclasses.field(default_factory=dict)

    def has(self, name: str) -> bool:
        return name in self.args

    def one(self, name: str, default: str | None = None) -> str | None:
        """The last value of a field."""
        return self.args[name][-1] if self.args.get(name) else default

    def many(self, name: str) -> list[str]:
        """All values of a field: repeated, or in one list with commas."""
        return [item.strip() for value in self.args.get(name, ())
                for item in str(value).split(",") if item.strip()]

    def flag(self, name: str, default: bool = False) -> bool:
        """A form's checkbox: only ``false``, in any case, and nothing at all are false."""
        value = self.one(name)
        return default if value is None else str(value).lower() not in ("false", "")

    def number(self, name: str, default: int | None = None) -> int | None:
        """:raises ApiError: it is no number"""
        value = self.one(name)
        if value in (None, ""):
            return default
        try:
            return int(value)
        except ValueError:
            raise invalid(**{name: "Enter a whole number."}) from None


@dataclasses.dataclass(frozen=True)
class Operation:
    function: Callable[[Call], Any]
    admin: bool
    anonymous: bool


_TABLE: dict[str, dict[tuple[str, str | None], Operation]] = {}
_PATTERNS: dict[str, re.Pattern] = {}


def operation(path: str, method: str = "GET", op: str | None = None, *, admin: bool = False,
              anonymous: bool = False) -> Callable:
    """Register a function ``(call) -> data | Answer`` for a path below ``ROOT``."""
    def register(function):
        _TABLE.setdefault(path, {})[method, op] = Operation(function, admin, anonymous)
        _PATTERNS[path] = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))
        return function
    return register


def find(path: str, method: str, op: str | None, user: User | None
         ) -> tuple[Operation, dict[str, str]]:
    """The operation, and what the path's placeholders stand for.

    :param path: below ``ROOT``, as it was sent
    :raises ApiError: no such path, verb or operation, or not for this user
    """
    for template, pattern in _PATTERNS.items():
        match = pattern.fullmatch(path)
        if match:
            part = {name: urllib.parse.unquote(text)
                    for name, text in match.groupdict().items()}
            return _choose(_TABLE[template], method, op, user), part
    raise ApiError(404, f"Unknown API endpoint: {ROOT}{path}.")


def _choose(operations: dict, method: str, op: str | None, user: User | None) -> Operation:
    methods = sorted({known for known, _ in operations})
    anonymous = {key: one for key, one in operations.items() if one.anonymous}
    if user is None:
        if not anonymous:
            raise ApiError(401, "Forbidden", {"Content-Type": "text/plain"})
        operations = anonymous
    if method not in methods:
        raise ApiError(405, "", {"Allow": ", ".join(methods),
                                 "Content-Type": "text/html; charset=utf-8"})
    if (method, op) not in operations:
        raise ApiError(400, f"Unrecognised signature: method={method} op={op}")
    chosen = operations[method, op]
    if chosen.admin and not user.admin:
        raise ApiError(403, "This method is reserved for admin users.")
    return chosen
