"""``/api/v1.0/designs/<id>/parts``: documents of a stored design, by kind and name."""

from provisioner import exceptions
from provisioner.site.documents import Document
from provisioner_api import arguments
from provisioner_api.call import Answer, Call
from provisioner_api.site import ingest, masking


def _documents(call: Call, ident: str) -> tuple[Document, ...]:
    call.authorize()
    arguments.none(call)
    with call.services.database.reader() as tx:
        row = ingest.require(tx, ident)
    return ingest.effective_sites.of(row, call.services.box).documents.own


def _part(document: Document) -> dict:
    return {"schema": document.schema, "kind": document.kind, "name": document.name,
            "spec": masking.plain(document.schema, document.data)}


def index(call: Call, ident: str) -> Answer:
    """Kind and name of every document of a design."""
    return Answer(200, [{"kind": document.kind, "name": document.name}
                        for document in _documents(call, ident)])


def of_kind(call: Call, ident: str, kind: str) -> Answer:
    """The documents of one kind; secrets masked."""
    return Answer(200, [_part(document) for document in _documents(call, ident)
                        if document.kind == kind])


def show(call: Call, ident: str, kind: str, name: str) -> Answer:
    """One document; secrets masked. :raises NotFound:"""
    for document in _documents(call, ident):
        if (document.kind, document.name) == (kind, name):
            return Answer(200, _part(document))
    raise exceptions.NotFound(f"The design has no {kind[:64]} {name[:64]}.",
                              remedy="List the parts of the design.")
