"""``/versions`` and ``/api/v1.0/health``."""

import sqlalchemy as sa

from provisioner.db.conductors import live
from provisioner.db.session import OUTAGE
from provisioner_api import arguments
from provisioner_api.call import NO_CONTENT, Answer, Call, ok

VERSIONS = {"v1.0": {"path": "/api/v1.0", "status": "stable"},
            "v1.1": {"path": "/api/v1.1", "status": "stable"}}


def versions(call: Call) -> Answer:
    return ok(VERSIONS)


def options(call: Call, **parts: str) -> Answer:
    """``OPTIONS`` of any resource: 200 without a body."""
    return Answer(200, None)


def health(call: Call) -> Answer:
    """204 while the database answers, else 503; no body either way."""
    return Answer(503, None) if _problems(call) else NO_CONTENT


def extended(call: Call) -> Answer:
    """What is wrong, in words: the database, or that no conductor lives."""
    call.authorize()
    arguments.none(call)
    problems = _problems(call, conductors=True)
    body = {"kind": "Status", "apiVersion": "v1.0", "metadata": {},
            "status": "Failure" if problems else "Success",
            "message": "Provisioner failed to respond" if problems else "All is well",
            "reason": "HealthCheck", "code": 503 if problems else 200,
            "details": {"errorCount": len(problems), "messageList": [
                {"message": text, "error": True, "kind": "SimpleMessage"}
                for text in problems]}}
    return Answer(body["code"], body)


def _problems(call: Call, conductors: bool = False) -> list[str]:
    try:
        with call.services.database.reader() as tx:
            tx.scalar(sa.select(tx.now()))
            alive = live(tx) if conductors else [None]
    except OUTAGE:
        return ["The database does not answer."]
    return [] if alive else ["No conductor is alive."]
