"""``/api/v1.1/designs``: designs are stored once under their digest and never change."""

import sqlalchemy as sa

from provisioner import exceptions, references, secrets
from provisioner.db import designs
from provisioner_api import arguments
from provisioner_api.arguments import Argument
from provisioner_api.call import NO_CONTENT, Answer, Call, created, ok
from provisioner_api.site import answers, bodies, ingest, masking

_YAML = ("application/x-yaml", "application/yaml", "text/yaml", "text/x-yaml", "text/plain")
_REFERENCE = {"type": "object", "required": ["href"], "additionalProperties": False,
              "properties": {"href": {"type": "string", "minLength": 1, "maxLength": 2048},
                             "type": {"type": "string"}, "rel": {"type": "string"}}}


def create(call: Call) -> Answer:
    """Check and store documents from the body, or from where ``href`` says.

    :raises InvalidDesign: if a finding is an error; nothing is stored then
    """
    call.authorize()
    given = arguments.query(call, {"source": Argument("str", 0)})
    content, source = _documents(call, given.get("source", "request"))
    row = store(call, content, source)
    return created(brief(row) | {"findings": row.findings}, call.link("api/v1.1/designs",
                                                                      row.digest))


def store(call: Call, content: bytes, source: str) -> sa.Row:
    """Check documents and keep them under their digest.

    :raises InvalidDesign: if a finding is an error; nothing is stored then
    """
    text = _decoded(content)
    design = ingest.read(content, source)
    found, summary = ingest.plain_findings(design), ingest.summary(design)
    if not design.valid:
        raise exceptions.InvalidDesign(
            f"The design has {summary['errors']} errors and {summary['warnings']} warnings.",
            findings=found, summary=summary)
    new = designs.NewDesign(digest=design.digest, documents=text, source=source,
                            summary=summary, findings=found, user=call.context.user)

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
    """The documents as they came, secrets masked, line for line."""
    row = _row(call, ident)
    return Answer(200, masking.mask(row.documents), content_type="application/x-yaml")


def node_names(call: Call, ident: str) -> Answer:
    """Names of the design's nodes."""
    row = _row(call, ident)
    return ok({"design": row.digest,
               "nodes": sorted(ingest.effective_sites.of(row).site.nodes)})


def node(call: Call, ident: str, name: str) -> Answer:
    """A node as the design means it, every value with the document and line it comes from."""
    row = _row(call, ident)
    design = ingest.effective_sites.of(row)
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
