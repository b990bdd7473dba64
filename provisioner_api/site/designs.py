"""``/api/v1.1/designs``: designs are stored once under their digest and never change."""

import dataclasses

import sqlalchemy as sa

from provisioner import exceptions, references, secrets
from provisioner.db import designs
from provisioner.site import composition, diff, documents
from provisioner.site.findings import has_errors
from provisioner_api import arguments
from provisioner_api.arguments import Argument
from provisioner_api.call import NO_CONTENT, Answer, Call, created, ok
from provisioner_api.site import answers, bodies, ingest, masking

_YAML = ("application/x-yaml", "application/yaml", "text/yaml", "text/x-yaml", "text/plain")
_CREATE = {"source": Argument("str", 0), "parent": Argument("str", 0),
           "compose": Argument("bool", 0), "owner": Argument("str", 0)}
_QUERY = {"kind": Argument("str", 0), "name": Argument("str", 0), "foreign": Argument("bool", 0)}
_REFERENCE = {"type": "object", "required": ["href"], "additionalProperties": False,
              "properties": {"href": {"type": "string", "minLength": 1, "maxLength": 2048},
                             "type": {"type": "string"}, "rel": {"type": "string"}}}


def create(call: Call) -> Answer:
    """Check and store documents from the body, or from where ``href`` says.

    With ``parent`` it is an update of another design; with ``compose`` too, it has the documents
    of that one but for those that it replaces. What other tools than ``owner`` own must stay.

    :raises Conflict: if a part that another tool owns would be changed or lost
    :raises InvalidDesign: if a finding is an error; nothing is stored then
    """
    call.authorize()
    given = arguments.query(call, _CREATE)
    content, source = _documents(call, given.get("source", "request"))
    parent = _parent(call, given)
    if given.get("compose"):
        content = _composed(call, parent, content)
    row = store(call, content, source, parent, given.get("owner"))
    return created(brief(row) | {"findings": row.findings}, call.link("api/v1.1/designs",
                                                                      row.digest))


def _parent(call: Call, given: dict) -> sa.Row | None:
    """:raises NotFound: :raises Invalid: if the request needs one and names none"""
    if "parent" in given:
        with call.services.database.reader() as tx:
            return ingest.require(tx, given["parent"])
    if given.get("compose"):
        raise exceptions.Invalid("compose needs a parent.", field="parent",
                                 remedy="Say with parent which design to build on.")
    return None


def _composed(call: Call, parent: sa.Row, content: bytes) -> bytes:
    """The parent's documents and those of the request, as one stream."""
    text = _decoded(content)
    loaded = documents.load(text, "request")
    if has_errors(loaded.findings):
        found = [item.as_dict() for item in loaded.findings]
        raise exceptions.InvalidDesign("The documents cannot be read.", findings=found)
    return composition.compose(call.services.box.open_text(parent.documents), text).encode()


def store(call: Call, content: bytes, source: str, parent: sa.Row | None = None,
          owner: str | None = None) -> sa.Row:
    """Check documents and keep them under their digest.

    :raises Conflict: if they change what another tool than ``owner`` owns of ``parent``
    :raises InvalidDesign: if a finding is an error; nothing is stored then
    """
    text = _decoded(content)
    design = ingest.read(content, source)
    found, summary = ingest.plain_findings(design), ingest.summary(design)
    if not design.valid:
        raise exceptions.InvalidDesign(
            f"The design has {summary['errors']} errors and {summary['warnings']} warnings.",
            findings=found, summary=summary)
    if parent is not None:
        below = ingest.effective_sites.of(parent, call.services.box)
        composition.check_owners(below.documents, design.documents, owner)
    new = designs.NewDesign(
        digest=design.digest, documents=call.services.box.seal_text(text), source=source,
        summary=summary, findings=found,
        parent=parent.digest if parent is not None else None, user=call.context.user)

    def put(tx):
        designs.put(tx, new)
        return designs.get(tx, new.digest)
    return call.services.database.write(put)


def _documents(call: Call, source: str) -> tuple[bytes, str]:
    """The YAML that the request brings or refers to, and what to call its source."""
    media = bodies.media_type(call)
    if media == "application/json":
        uri = bodies.document(call, _REFERENCE)["href"]
        return ingest.fetch(call.services, uri), references.without_password(uri)
    if media not in _YAML:
        raise exceptions.Invalid(
            f"The body's type {media or '(none)'} is not known.",
            remedy="Send YAML as application/x-yaml, or {\"href\": uri} as application/json.")
    if len(source) > 255 or not source.isprintable():
        raise exceptions.Invalid("source must be at most 255 printable characters.",
                                 field="source")
    return call.raw, source


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise exceptions.Invalid(f"The documents are not UTF-8 (byte {error.start}).",
                                 remedy="Save them as UTF-8.") from None


def brief(row: sa.Row) -> dict:
    """A design without documents and findings."""
    return {"digest": row.digest, "source": row.source, "parent": row.parent, "user": row.user,
            "summary": row.summary, "created_at": answers.stamp(row.created_at)}


def index(call: Call) -> Answer:
    """Designs, newest first; ``next`` is there while there are more."""
    call.authorize()
    given = arguments.query(call, answers.PAGING)
    limit, marker = answers.limit(call, given), given.get("marker")
    with call.services.database.reader() as tx:
        before = ingest.require(tx, marker).id if marker else None
        rows = designs.find(tx, limit + 1, before)
    body: dict = {"designs": [brief(row) for row in rows[:limit]]}
    if len(rows) > limit:
        body["next"] = answers.next_page(call, rows[limit - 1].digest)
    return ok(body)


def _row(call: Call, ident: str) -> sa.Row:
    call.authorize()
    arguments.none(call)
    with call.services.database.reader() as tx:
        return ingest.require(tx, ident)


def show(call: Call, ident: str) -> Answer:
    row = _row(call, ident)
    return ok(brief(row) | {"findings": row.findings})


def text(call: Call, ident: str) -> Answer:
    """The documents as they came, secrets masked, line for line.

    With ``kind``, ``name`` or ``foreign`` those that match, as data: foreign ones are found by
    their schema or by the part of it that says the kind.
    """
    call.authorize()
    given = arguments.query(call, _QUERY)
    with call.services.database.reader() as tx:
        row = ingest.require(tx, ident)
    if not given:
        plain = call.services.box.open_text(row.documents)
        return Answer(200, masking.mask(plain), content_type="application/x-yaml")
    design = ingest.effective_sites.of(row, call.services.box)
    found = [_document(item) for item in design.documents.items if _matches(item, given)]
    return ok({"design": row.digest, "documents": found})


def _matches(item: documents.Document, given: dict) -> bool:
    kinds = {item.schema, item.kind, *item.schema.split("/")[1:2]}
    return (given.get("kind") in (None, *kinds) and given.get("name") in (None, item.name)
            and given.get("foreign") in (None, item.foreign))


def _document(item: documents.Document) -> dict:
    return {"schema": item.schema, "kind": item.kind or None, "name": item.name,
            "foreign": item.foreign, "owner": composition.owner_of(item),
            "source": item.source, "line": item.line,
            "data": masking.plain(item.schema, item.data)}


def compare(call: Call, ident: str, other: str) -> Answer:
    """What differs from the first design to the other one; secrets say only that they do."""
    call.authorize()
    arguments.none(call)
    with call.services.database.reader() as tx:
        rows = [ingest.require(tx, name) for name in (ident, other)]
    old, new = (ingest.effective_sites.of(row, call.services.box) for row in rows)
    found = diff.compare(old, new)
    return ok({"from": rows[0].digest, "to": rows[1].digest, "empty": found.empty,
               "documents": [_changed(item) for item in found.documents],
               "nodes": {kind: list(names) for kind, names in found.nodes.items()}})


def _changed(item: diff.DocumentChange) -> dict:
    values = [dataclasses.asdict(value) | masking.pair(item.schema, value.path, value.before,
                                                       value.after) for value in item.values]
    return dataclasses.asdict(item) | {"values": values}


def node_names(call: Call, ident: str) -> Answer:
    """Names of the design's nodes."""
    row = _row(call, ident)
    return ok({"design": row.digest,
               "nodes": sorted(ingest.effective_sites.of(row, call.services.box).site.nodes)})


def node(call: Call, ident: str, name: str) -> Answer:
    """A node as the design means it, every value with the document and line it comes from."""
    row = _row(call, ident)
    design = ingest.effective_sites.of(row, call.services.box)
    found = design.site.node(name)
    origins = {path: origin._asdict()
               for path, origin in design.origins.of("BaremetalNode", name).items()}
    return ok({
        "name": name, "design": row.digest,
        "effective": secrets.mask(design.origins.data("BaremetalNode", name)),
        "origins": origins,
        "resolved": {"fqdn": found.fqdn, "bmc_address": found.bmc_address,
                     "boot_macs": list(found.boot_macs), "boot_mode": found.boot_mode,
                     "kernel_cmdline": found.kernel_cmdline}})


def delete(call: Call, ident: str) -> Answer:
    """:raises Conflict: while a site or a task uses the design"""
    call.authorize()
    arguments.none(call)
    call.services.database.write(
        lambda tx: designs.delete(tx, ingest.require(tx, ident).digest))
    return NO_CONTENT
