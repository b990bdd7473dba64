"""Design documents as text in which no secret can be read.

The text is masked where the YAML parser says that a value stands, whatever its form. Lines keep
their numbers, so that findings and origins still point to the right one.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from provisioner import secrets
from provisioner.secrets import MASK, is_secret_name

#: documents of other tools whose ``data`` is a secret as a whole
_SECRET_SCHEMA = re.compile(r"deckhand/(Passphrase|\w*Key)/")
UNREADABLE = "# These documents are not YAML and are not shown.\n"


def mask(text: str) -> str:
    """``text`` with every value of a key that names a secret replaced."""
    try:
        roots = [root for root in yaml.compose_all(text, Loader=yaml.CSafeLoader) if root]
    except yaml.YAMLError:
        return UNREADABLE
    places = sorted({place for root in roots for place in _secrets(root)})
    parts, last = [], 0
    for start, end in places:
        lines = text.count("\n", start, end)
        parts += [text[last:start], f"'{MASK}'", "\n" * lines]
        last = end
    return "".join([*parts, text[last:]])


def plain(schema: str, data: Any) -> Any:
    """A document's content as data, secrets masked."""
    masked = secrets.mask(data)
    if _SECRET_SCHEMA.match(schema) and isinstance(masked, dict):
        return {key: MASK if key in ("data", "spec") else value for key, value in masked.items()}
    return masked


def pair(schema: str, path: str, before: Any, after: Any) -> dict[str, Any]:
    """``before`` and ``after`` of one value of a document, masked where its path names a secret.

    :param path: keys with slashes
    """
    parts = path.split("/")
    whole = _SECRET_SCHEMA.match(schema) and parts[0] in ("data", "spec")
    if whole or any(is_secret_name(part) for part in parts):
        before, after = (None if value is None else MASK for value in (before, after))
    return {"before": secrets.mask(before), "after": secrets.mask(after)}


def _secrets(root: yaml.Node) -> Iterator[tuple[int, int]]:
    """(start, end) of every scalar that must not be read, in characters."""
    whole = bool(_SECRET_SCHEMA.match(_schema(root)))
    seen: set[tuple[int, bool]] = set()
    pending = [(root, False)]
    while pending:
        node, hidden = pending.pop()
        if (id(node), hidden) in seen:
            continue
        seen.add((id(node), hidden))
        if isinstance(node, yaml.MappingNode):
            pending += [(value, hidden or _names_secret(key, whole and node is root))
                        for key, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            pending += [(item, hidden) for item in node.value]
        elif hidden and node.value != "":
            yield node.start_mark.index, node.end_mark.index


def _names_secret(key: yaml.Node, top: bool) -> bool:
    if not isinstance(key, yaml.ScalarNode):
        return False
    return is_secret_name(key.value) or (top and key.value in ("data", "spec"))


def _schema(root: yaml.Node) -> str:
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    return next((value.value for key, value in pairs
                 if key.value == "schema" and isinstance(value, yaml.ScalarNode)), "")
