"""Documents of a site design, read from YAML in either of Drydock's two envelopes.

::

    schema: drydock/Network/v1        apiVersion: drydock/v1
    metadata: {name: pxe}             kind: Network
    data: {...}                       metadata: {name: pxe}
                                      spec: {...}

Documents of other tools are kept (schema, name, position) and never checked. Nothing here raises
on any input: what is wrong becomes a finding. A document is never changed after it was read.
"""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Iterable
from typing import Any

from provisioner.site import yamltree
from provisioner.site.findings import ERROR, WARNING, Finding, Place, Rule

KINDS = {
    "Region": "drydock/Region/v1", "Rack": "drydock/Rack/v1",
    "NetworkLink": "drydock/NetworkLink/v1", "Network": "drydock/Network/v1",
    "HardwareProfile": "drydock/HardwareProfile/v1", "HostProfile": "drydock/HostProfile/v1",
    "BaremetalNode": "drydock/BaremetalNode/v1", "BootAction": "drydock/BootAction/v1",
    "Image": "provisioner/Image/v1",
}
_NAMESPACES = ("drydock", "provisioner")

_READ = Rule("DD000", "Unreadable Document", ERROR,
             "Mend the YAML at this place; nothing after it was read.")
_FORM = Rule("DD000", "Unusable Document", ERROR,
             "Give the document a known schema, a metadata.name and a body "
             "(data, or spec in the old envelope).")
_ODD = Rule("PR0001", "Ambiguous YAML", WARNING, "Write each key once, as text.")


@dataclasses.dataclass(frozen=True, eq=False)
class Document:
    """One document.

    :ivar schema: ``drydock/Kind/v1``, ``provisioner/Image/v1``, or whatever a foreign one says
    :ivar kind: key of :data:`KINDS`; ``""`` for a foreign document
    :ivar data: the body; for a foreign document the whole content
    :ivar root: position of ``data``
    :ivar old_envelope: it came with apiVersion, kind and spec
    :ivar faulty: it cannot be used at all; findings say why
    """

    schema: str
    kind: str
    name: str
    data: Any
    root: yamltree.Position
    source: str
    line: int
    old_envelope: bool = False
    faulty: bool = False
    labels: dict = dataclasses.field(default_factory=dict)

    @property
    def foreign(self) -> bool:
        return not self.kind and not self.faulty

    def _find(self, path):
        """The position at a path into ``data``; of its nearest ancestor if there is none."""
        here = self.root
        for part in path:
            if isinstance(here.children, dict):
                following = here.children.get(part)
            else:
                inside = isinstance(part, int) and part < len(here.children or ())
                following = here.children[part] if inside else None
            if following is None:
                break
            here = following
        return here

    def position(self, path: Iterable = ()) -> tuple[int, int]:
        """(line, column) of a value; of its key when the value is a collection."""
        here = self._find(path)
        if here.children is not None and here.key_line:
            return here.key_line, here.key_column
        return here.line, here.column

    def key_position(self, path: Iterable) -> tuple[int, int]:
        """(line, column) of a key, or of the value where it has none."""
        here = self._find(path)
        return (here.key_line, here.key_column) if here.key_line else (here.line, here.column)

    def place(self, path: Iterable = ()) -> Place:
        return Place(self.schema, self.name, self.source, *self.position(path))


@dataclasses.dataclass(frozen=True, eq=False)
class Documents:
    """Documents of one or several sources, with what was found while reading them.

    :ivar complete: every source was read to its end
    """

    items: tuple[Document, ...] = ()
    findings: tuple[Finding, ...] = ()
    texts: dict[str, bytes] = dataclasses.field(default_factory=dict)
    complete: bool = True

    @property
    def own(self) -> tuple[Document, ...]:
        return tuple(document for document in self.items if not document.foreign)

    @property
    def foreign(self) -> tuple[Document, ...]:
        return tuple(document for document in self.items if document.foreign)

    def of(self, kind: str) -> tuple[Document, ...]:
        """Usable documents of a kind, in the order they came."""
        return self._by_kind.get(kind, ())

    @functools.cached_property
    def _by_kind(self):
        kinds: dict[str, list] = {}
        for document in self.items:
            if document.kind and not document.faulty:
                kinds.setdefault(document.kind, []).append(document)
        return {kind: tuple(found) for kind, found in kinds.items()}

    @functools.cached_property
    def lines(self) -> dict[str, list[str]]:
        """Source to its lines, for :func:`provisioner.site.findings.render`."""
        return {source: text.decode("utf-8", "replace").splitlines()
                for source, text in self.texts.items()}

    @functools.cached_property
    def digest(self) -> str:
        """sha256 (hex) of the content; comments, order and layout do not count."""
        parts = sorted(
            json.dumps([item.schema, item.name, item.data, item.labels], sort_keys=True)
            for item in self.items)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def join(several: Iterable[Documents]) -> Documents:
    """One set of the documents of several sources."""
    several = tuple(several)
    texts: dict[str, bytes] = {}
    for documents in several:
        texts.update(documents.texts)
    return Documents(tuple(item for documents in several for item in documents.items),
                     tuple(found for documents in several for found in documents.findings),
                     texts, all(documents.complete for documents in several))


def load(text: bytes | str, source: str) -> Documents:
    """Read a stream of YAML documents. Never raises.

    :param source: name of the file or address, for findings
    """
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else bytes(text)
    roots, trouble = yamltree.read(content)
    items, findings = [], []
    for root in roots:
        document = _document(root, source, findings)
        if document is not None:
            items.append(document)
            _odd(root, document, findings)
    if trouble is not None:
        findings.append(_READ.finding(
            trouble.message, Place("", "", source, trouble.line, trouble.column)))
    elif not roots:
        findings.append(_READ.finding("there is no document in it", Place("", "", source, 1, 1)))
    return Documents(tuple(items), tuple(findings), {source: content}, trouble is None)


def _odd(root, document, findings):
    if document.foreign:
        return
    for oddity in root.oddities:
        place = Place(document.schema, document.name, document.source, oddity.line, oddity.column)
        rule = _FORM if oddity.severity == ERROR else _ODD
        findings.append(rule.finding(oddity.message, place, severity=oddity.severity,
                                     remedy=_ODD.remedy))


def _document(root, source, findings):
    place = Place("", "", source, root.position.line, root.position.column)
    content = root.value
    if not isinstance(content, dict):
        what = "is empty" if content is None else "is not a mapping"
        findings.append(_FORM.finding(
            f"the document {what}", place,
            remedy="Remove the document, or the '---' that begins it."))
        return None
    metadata = content.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    schema, kind, body, own = _envelope(content)
    name = _name(metadata.get("name"))
    if not own:
        return Document(schema, "", name, content, root.position, source, place.line)
    problem = _problem(content, kind, name, body)
    position = root.position.children.get(body, root.position)
    labels = metadata.get("labels")
    document = Document(schema, kind if kind in KINDS else "", name, content.get(body) or {},
                        position, source, place.line, old_envelope=body == "spec",
                        faulty=bool(problem), labels=labels if isinstance(labels, dict) else {})
    if problem:
        findings.append(_FORM.finding(problem, place._replace(schema=schema, name=name)))
    return document


def _envelope(content):
    """(schema, kind, key of the body, whether it is one of ours)."""
    schema = content.get("schema")
    if isinstance(schema, str):
        parts = schema.split("/")
        own = len(parts) == 3 and parts[0] in _NAMESPACES
        known = own and KINDS.get(parts[1]) == schema
        return schema, parts[1] if known else "", "data", own
    version, kind = content.get("apiVersion"), content.get("kind")
    kind = kind if isinstance(kind, str) else ""
    if isinstance(version, str) and version.startswith("drydock/"):
        return KINDS.get(kind, f"drydock/{kind}/v1"), kind, "spec", True
    return f"{version or ''}/{kind}".strip("/"), "", "spec", False


def _name(name):
    if isinstance(name, bool) or name is None:
        return ""
    return str(name) if isinstance(name, str | int | float) else ""


def _problem(content, kind, name, body):
    """Why a document of our namespaces cannot be used, or ''."""
    if kind not in KINDS:
        what = content.get("schema") or f"kind {content.get('kind')!r}"
        return f"no such kind or version: {str(what)[:80]}"
    if not name:
        return "metadata.name is missing"
    if len(name) > 255:
        return "metadata.name is longer than 255 characters"
    if not isinstance(content.get(body), dict):
        return f"{body} is missing or not a mapping"
    return ""
