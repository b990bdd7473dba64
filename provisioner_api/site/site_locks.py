"""``/api/v1.1/locks``: which design each site has. A locked design cannot be deleted.

prepare_site takes the lock by itself; here a person does, or lets it go.
"""

import sqlalchemy as sa

from provisioner import exceptions
from provisioner.db import designs
from provisioner_api import arguments
from provisioner_api.call import NO_CONTENT, Answer, Call, ok
from provisioner_api.site import answers, bodies, ingest, plans

_LOCK = {"type": "object", "required": ["design"], "additionalProperties": False,
         "properties": {"design": {"type": "string", "minLength": 8, "maxLength": 64}}}


def view(row: sa.Row) -> dict:
    """:ivar task: that took the lock, or null if a person did"""
    return {"site": row.name, "design": row.design, "task": row.locked_by,
            "created_at": answers.stamp(row.created_at),
            "updated_at": answers.stamp(row.updated_at)}


def index(call: Call) -> Answer:
    """Every site that has a design, by name."""
    call.authorize()
    arguments.none(call)
    with call.services.database.reader() as tx:
        return ok({"locks": [view(row) for row in designs.locks(tx)]})


def put(call: Call, site: str) -> Answer:
    """Make a design the site's.

    :raises Conflict: while tasks of another design run on the site
    """
    call.authorize()
    plans.check_site(site)
    wanted = bodies.document(call, _LOCK)["design"]

    def lock(tx):
        designs.lock_site(tx, site, ingest.require(tx, wanted).digest, None)
        return designs.site(tx, site)
    return ok(view(call.services.database.write(lock)))


def delete(call: Call, site: str) -> Answer:
    """Take the design from the site.

    :raises NotFound: if it has none
    :raises Conflict: while a task runs on it
    """
    call.authorize()
    arguments.none(call)

    def unlock(tx):
        if not designs.unlock_site(tx, site):
            raise exceptions.NotFound(f"Site {site[:64]} has no design.",
                                      remedy="List the locks to see which sites have.")
    call.services.database.write(unlock)
    return NO_CONTENT
