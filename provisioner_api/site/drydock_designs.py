"""``/api/v1.0``: validation of designs, node filters, and the designs that are stored."""

from provisioner import references
from provisioner.db import designs as designs_table
from provisioner.site import filters
from provisioner.site.effective import Design
from provisioner_api import arguments
from provisioner_api.call import Answer, Call, created, ok
from provisioner_api.site import bodies, designs, drydock_views, ingest
from provisioner_api.site.drydock_tasks import STORED

_REFERENCE = {"type": "string", "minLength": 1, "maxLength": 2048}
_VALIDATE = {"type": "object", "required": ["href"], "properties": {"href": _REFERENCE}}
_FILTER = {"type": "object", "required": ["design_ref"], "properties": {
    "design_ref": _REFERENCE, "node_filter": {"type": ["object", "null"]}}}


def _design(call: Call, reference: str) -> Design:
    """The design that a reference names: stored here, or fetched within what is allowed."""
    if reference.startswith(STORED):
        with call.services.database.reader() as tx:
            return ingest.effective_sites.of(
                ingest.require(tx, reference.removeprefix(STORED)), call.services.box)
    return ingest.read(ingest.fetch(call.services, reference),
                       references.without_password(reference))


def validate(call: Call) -> Answer:
    """Every finding. 400 if one of them is an error."""
    call.authorize()
    arguments.none(call)
    design = _design(call, bodies.document(call, _VALIDATE)["href"])
    with call.services.database.reader() as tx:
        body = drydock_views.validation(design, tx.read_now())
    return Answer(body["code"], body)


def nodefilter(call: Call) -> Answer:
    """Names of the nodes that a filter selects, sorted."""
    call.authorize()
    arguments.none(call)
    body = bodies.document(call, _FILTER)
    design = _design(call, body["design_ref"])
    return Answer(200, list(filters.select(design.site, body.get("node_filter"))))


def index(call: Call) -> Answer:
    """Digests of stored designs, newest first."""
    call.authorize()
    arguments.none(call)
    with call.services.database.reader() as tx:
        rows = designs_table.find(tx, call.services.conf.api.max_limit)
    return Answer(200, [row.digest for row in rows])


def create(call: Call) -> Answer:
    """Store the documents that ``href`` refers to, as ``/api/v1.1`` does."""
    call.authorize()
    arguments.none(call)
    uri = bodies.document(call, _VALIDATE)["href"]
    row = designs.store(call, ingest.fetch(call.services, uri),
                        references.without_password(uri))
    return created(designs.brief(row), f"/api/v1.0/designs/{row.digest}")


def show(call: Call, ident: str) -> Answer:
    call.authorize()
    arguments.none(call)
    with call.services.database.reader() as tx:
        return ok(designs.brief(ingest.require(tx, ident)))
