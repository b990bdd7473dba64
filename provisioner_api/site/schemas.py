"""``/api/v1.1/schemas``: the JSON Schemas of documents, for editors and for other tools."""

from provisioner import exceptions
from provisioner.site import schema
from provisioner_api import arguments
from provisioner_api.call import Answer, Call, ok

_TYPE = "application/schema+json"


def index(call: Call) -> Answer:
    """Kinds that have a schema; ``document`` is that of a whole document of any kind."""
    call.authorize()
    arguments.none(call)
    return ok({"schemas": [{"kind": kind, "href": call.link("api/v1.1/schemas", kind)}
                           for kind in schema.PUBLISHED]})


def show(call: Call, kind: str) -> Answer:
    """The schema of a kind's body, or of a whole ``document``, without references elsewhere."""
    call.authorize()
    arguments.none(call)
    name = kind.removesuffix(".json")
    if name not in schema.PUBLISHED:
        raise exceptions.NotFound(f"There is no schema of {kind[:64]}.",
                                  remedy=f"Use one of: {', '.join(schema.PUBLISHED)}.")
    return Answer(200, schema.of(name), content_type=_TYPE)
