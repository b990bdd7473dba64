"""What differs between two sets of documents, document by document and value by value. Pure."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from provisioner.site.documents import Document
from provisioner.site.effective import Design

ADD, CHANGE, REMOVE = "+", "~", "-"


@dataclasses.dataclass(frozen=True)
class ValueChange:
    """One value of a document.

    :ivar path: keys with slashes, as in a JSON pointer without its first slash
    :ivar before, after: None where the value is not there
    :ivar line: in the newer document, or where it is gone in the older one
    """

    change: str
    path: str
    before: Any
    after: Any
    line: int


@dataclasses.dataclass(frozen=True)
class DocumentChange:
    """One document that was added, removed or changed. :ivar values: of a changed one"""

    change: str
    schema: str
    name: str
    foreign: bool
    source: str
    line: int
    values: tuple[ValueChange, ...] = ()


@dataclasses.dataclass(frozen=True)
class Difference:
    """:ivar nodes: names of nodes whose effective design differs, by kind of change"""

    documents: tuple[DocumentChange, ...]
    nodes: dict[str, tuple[str, ...]]

    @property
    def empty(self) -> bool:
        return not self.documents


def compare(old: Design, new: Design) -> Difference:
    """From ``old`` to ``new``. Comments, order and layout do not count."""
    before, after = _by_key(old), _by_key(new)
    found = []
    for key in sorted({*before, *after}):
        one, other = before.get(key), after.get(key)
        if one is None or other is None:
            found.append(_whole(other or one, REMOVE if other is None else ADD))
            continue
        values = tuple(_values(one, other))
        if values:
            found.append(dataclasses.replace(_whole(other, CHANGE), values=values))
    return Difference(tuple(found), _nodes(old, new))


def _by_key(design: Design) -> dict[tuple, Document]:
    """Documents by schema, name and, where several have both, their number."""
    found: dict[tuple, Document] = {}
    for document in design.documents.items:
        number = 0
        while (document.schema, document.name, number) in found:
            number += 1
        found[(document.schema, document.name, number)] = document
    return found


def _whole(document: Document, change: str) -> DocumentChange:
    return DocumentChange(change, document.schema, document.name, document.foreign,
                          document.source, document.line)


def _values(old: Document, new: Document) -> Iterator[ValueChange]:
    yield from _walk(old, new, old.data, new.data, ())
    for key in sorted({*old.labels, *new.labels}, key=str):
        before, after = old.labels.get(key), new.labels.get(key)
        if before != after and not new.foreign:
            yield ValueChange(_kind(before, after), f"metadata/labels/{_segment(key)}", before,
                              after, new.line)


def _kind(before: Any, after: Any) -> str:
    if before is None:
        return ADD
    return REMOVE if after is None else CHANGE


def _walk(old: Document, new: Document, before: Any, after: Any, path: tuple
          ) -> Iterator[ValueChange]:
    """Values that differ, the deepest ones that say it."""
    if before == after and type(before) is type(after):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}, key=str):
            yield from _walk(old, new, before.get(key), after.get(key), (*path, key))
        return
    there = old if after is None else new
    yield ValueChange(_kind(before, after), "/".join(map(_segment, path)), before, after,
                      there.position(path)[0])


def _segment(part: Any) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def _nodes(old: Design, new: Design) -> dict[str, tuple[str, ...]]:
    before, after = old.site.nodes, new.site.nodes
    changed = [name for name in before if name in after and _node(old, name) != _node(new, name)]
    return {ADD: tuple(sorted(set(after) - set(before))), CHANGE: tuple(sorted(changed)),
            REMOVE: tuple(sorted(set(before) - set(after)))}


def _node(design: Design, name: str) -> tuple:
    """What a node is, with the image and hardware that its names stand for."""
    node = design.site.nodes[name]
    return node, design.site.image_of(node)
