"""JSON Patch as the Bare Metal API has it: add, replace and remove, applied to a copy.

Only the first segment of a path is a field; below it any RFC 6901 pointer goes. Removing a field
itself always succeeds and means its default.
"""

import copy
import dataclasses
import re
from collections.abc import Collection
from typing import Any

from provisioner import exceptions
from provisioner.secrets import SEALED

OPERATIONS = frozenset({"add", "replace", "remove"})
_ESCAPE = re.compile(r"~(?![01])")


class Removed:
    """The value of a field that the patch removes."""


REMOVED = Removed()


@dataclasses.dataclass(frozen=True)
class Operation:
    """:ivar path: segments without escapes; the first one is the field"""

    op: str
    path: tuple[str, ...]
    value: Any = None


def parse(body: Any, allowed: Collection[str]) -> list[Operation]:
    """The operations of a patch.

    :param allowed: fields that may be patched
    :raises Invalid: for anything that is not such a patch
    """
    if not isinstance(body, list):
        raise exceptions.Invalid("The body must be a list of JSON patch operations.",
                                 remedy='For example [{"op": "replace", "path": "/name", '
                                        '"value": "rack1-node7"}].')
    return [_operation(item, allowed) for item in body]


def _operation(item: Any, allowed: Collection[str]) -> Operation:
    if not isinstance(item, dict) or not {"op", "path"} <= set(item):
        raise exceptions.Invalid("A JSON patch operation needs op and path.")
    if set(item) - {"op", "path", "value"}:
        raise exceptions.Invalid("A JSON patch operation has op, path and value only.")
    if not isinstance(item["op"], str) or item["op"] not in OPERATIONS:
        raise exceptions.Invalid(f"JSON patch operation {item['op']!r} is not supported.",
                                 remedy=f"Use one of {', '.join(sorted(OPERATIONS))}.")
    if item["op"] != "remove" and "value" not in item:
        raise exceptions.Invalid(f"JSON patch operation {item['op']} needs a value.")
    path = _pointer(item["path"])
    if path[0] not in allowed:
        raise exceptions.Invalid(f"Cannot patch {item['path']}.", field=path[0], remedy=(
            f"Only the following can be updated: {', '.join(sorted(allowed))}"))
    return Operation(item["op"], path, item.get("value"))


def _pointer(path: Any) -> tuple[str, ...]:
    if not isinstance(path, str) or not path.startswith("/") or _ESCAPE.search(path):
        raise exceptions.Invalid(f"Invalid JSON patch path {path!r}.",
                                 remedy="Paths look like /field or /field/key.")
    parts = tuple(part.replace("~1", "/").replace("~0", "~") for part in path[1:].split("/"))
    if not all(parts) or SEALED in parts:
        raise exceptions.Invalid(f"Invalid JSON patch path {path!r}.")
    return parts


def apply(document: dict[str, Any], operations: list[Operation]) -> dict[str, Any]:
    """The fields that the operations touch, with their new values, or REMOVED.

    :param document: the present fields; not changed
    :raises Invalid: if a path does not fit the values
    """
    touched: dict[str, Any] = {}
    for operation in operations:
        field, below = operation.path[0], operation.path[1:]
        if not below:
            touched[field] = (REMOVED if operation.op == "remove"
                              else copy.deepcopy(operation.value))
            continue
        if field not in touched:
            touched[field] = copy.deepcopy(document.get(field))
        _change(touched[field], operation, below)
    return touched


def _change(value: Any, operation: Operation, path: tuple[str, ...]) -> None:
    for part in path[:-1]:
        value = _step(value, part, operation)
    last = path[-1]
    if isinstance(value, dict):
        if operation.op != "add" and last not in value:
            raise _unfit(operation)
        _set(value, last, operation)
    elif isinstance(value, list):
        _change_list(value, last, operation)
    else:
        raise _unfit(operation)


def _set(value: dict | list, key: Any, operation: Operation) -> None:
    if operation.op == "remove":
        del value[key]
    else:
        value[key] = copy.deepcopy(operation.value)


def _change_list(value: list, last: str, operation: Operation) -> None:
    if operation.op == "add" and last == "-":
        value.append(copy.deepcopy(operation.value))
        return
    index = _index(last, operation)
    if operation.op == "add" and index <= len(value):
        value.insert(index, copy.deepcopy(operation.value))
    elif index < len(value):
        _set(value, index, operation)
    else:
        raise _unfit(operation)


def _index(part: str, operation: Operation) -> int:
    if not re.fullmatch(r"0|[1-9][0-9]{0,8}", part):
        raise _unfit(operation)
    return int(part)


def _step(value: Any, part: str, operation: Operation) -> Any:
    if isinstance(value, dict) and part in value:
        return value[part]
    if isinstance(value, list):
        index = _index(part, operation)
        if index < len(value):
            return value[index]
    raise _unfit(operation)


def _unfit(operation: Operation) -> exceptions.Invalid:
    path = "/" + "/".join(operation.path)
    return exceptions.Invalid(
        f"Couldn't apply patch: {operation.op} {path}: no such path in the present value.",
        remedy="Read the resource, then patch what is there.", path=path)
