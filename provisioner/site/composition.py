"""A design that builds on another one: whose parts are whose, and what replaces what. Pure.

A document belongs to the tool that its label ``provisioner/owner`` names; without the label it
belongs to nobody, and anybody may change it. The label is part of the document, and so of the
design's digest: ownership cannot change without a new design.
"""

from collections.abc import Iterable

import yaml

from provisioner.exceptions import Conflict
from provisioner.site import documents
from provisioner.site.documents import Document, Documents

OWNER = "provisioner/owner"
_SHOWN = 5


def owner_of(document: Document) -> str | None:
    """The tool that the document belongs to."""
    labels = document.labels
    if document.foreign and isinstance(document.data, dict):
        metadata = document.data.get("metadata")
        labels = metadata.get("labels") if isinstance(metadata, dict) else None
    owner = labels.get(OWNER) if isinstance(labels, dict) else None
    return owner if isinstance(owner, str) and owner else None


def check_owners(parent: Documents, new: Documents, owner: str | None) -> None:
    """Refuse a design that changes or lacks a part of its parent that another tool owns.

    :param owner: the tool that makes the new design
    :raises Conflict: with the documents concerned
    """
    now = _by_key(new.items)
    broken = [document for key, document in _by_key(parent.items).items()
              if owner_of(document) not in (None, owner) and not _same(document, now.get(key))]
    if not broken:
        return
    named = [f"{item.schema} {item.name} (of {owner_of(item)})" for item in broken[:_SHOWN]]
    more = f" and {len(broken) - _SHOWN} more" if len(broken) > _SHOWN else ""
    raise Conflict(
        f"Parts that other tools own would be changed or lost: {', '.join(named)}{more}.",
        remedy="Leave those documents as they are, or have their owner change them.",
        documents=[{"schema": item.schema, "name": item.name, "owner": owner_of(item)}
                   for item in broken[:100]])


def _by_key(items: Iterable[Document]) -> dict[tuple[str, str], Document]:
    """The first document of each schema and name: the one that counts."""
    found: dict[tuple[str, str], Document] = {}
    for item in items:
        found.setdefault((item.schema, item.name), item)
    return found


def _same(one: Document, other: Document | None) -> bool:
    return other is not None and (one.data, one.labels) == (other.data, other.labels)


def compose(parent: str, text: str) -> str:
    """The documents of ``parent``, those replaced that ``text`` has too, then those of ``text``.

    What is kept, is kept as it was written; a document is another's successor if it has the same
    schema and name. Both must be readable to their end.
    """
    kept = documents.load(parent, "parent")
    fresh = {(item.schema, item.name) for item in documents.load(text, "new").items}
    replaced = {item.line for item in kept.items if (item.schema, item.name) in fresh}
    pieces = [piece for first, last, piece in _pieces(parent)
              if not any(first <= line <= last for line in replaced)]
    return "".join(_ended(piece) for piece in [*pieces, text])


def _ended(piece: str) -> str:
    """A document with marks, so that another one can follow it whatever it begins with."""
    first = next((line for line in piece.splitlines()
                  if line.strip() and not line.lstrip().startswith("#")), "")
    head = "" if first.startswith(("---", "%")) else "---\n"
    return f"{head}{piece.rstrip()}\n...\n"


def _pieces(text: str) -> list[tuple[int, int, str]]:
    """(first line, last line, text) of each document, lines counted from 1."""
    found, start = [], None
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.DocumentStartEvent):
            start = event.start_mark
        elif isinstance(event, yaml.DocumentEndEvent):
            end = event.start_mark
            found.append((start.line + 1, end.line + bool(end.column),
                          text[start.index:end.index]))
    return found
