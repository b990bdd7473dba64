"""Request keys: one request, sent twice, is one task.

A client that wants to repeat a request safely sends ``Idempotency-Key``. Keys are scoped by user:
nobody can meet, or find, another's. The same key with another method, path or body is an error.
"""

import dataclasses
import datetime
import hashlib
import uuid

from provisioner import exceptions
from provisioner.db import tasks
from provisioner.db.session import Transaction
from provisioner.rpc.client import TaskRequest
from provisioner_api.call import Call

HEADER = "Idempotency-Key"
MAX_KEY = 255


@dataclasses.dataclass(frozen=True)
class RequestKey:
    """:ivar key: unique among all requests of all users
    :ivar digest: SHA-256 of method, path and body (64 hexadecimal digits)
    """

    key: str
    digest: str


def of(call: Call) -> RequestKey:
    """The key of this request; one of its own if the client sent none.

    :raises Invalid: if the client's key is empty, too long or not printable ASCII
    """
    digest = hashlib.sha256(b"\0".join(
        (call.method.encode(), call.path.encode(), call.raw))).hexdigest()
    given = call.headers.get(HEADER)
    if given is None:
        return RequestKey(f"request:{uuid.uuid4()}", digest)
    if not given or len(given) > MAX_KEY or not given.isascii() or not given.isprintable():
        raise exceptions.Invalid(f"{HEADER} must be 1 to {MAX_KEY} printable ASCII characters.")
    # A digest of both: user names and keys have any length and any characters.
    user = (call.context.project or "", call.context.user or "", given)
    scoped = hashlib.sha256("\0".join(user).encode()).hexdigest()
    return RequestKey(f"client:{scoped}", digest)


def find(tx: Transaction, key: RequestKey) -> str | None:
    """The task that this very request has already made.

    Call it *after* reading what the request depends on: the task and its effects were committed
    together, so a state that already shows the effect implies that the key is found.

    :raises KeyReused: if the key was used for another request
    """
    row = tasks.by_request_key(tx, key.key)
    if row is None:
        return None
    if row.request_digest != key.digest:
        raise exceptions.KeyReused("This Idempotency-Key was already used for a request with "
                                   "another method, path or body.")
    return row.uuid


def not_after(call: Call, tx: Transaction) -> str:
    """Database time after which the request must not be accepted any more (ISO 8601, UTC)."""
    seconds = datetime.timedelta(seconds=call.services.conf.api.accept_timeout)
    return (tx.read_now() + seconds).isoformat()


def node_task(call: Call, node, action: str, args: dict, key: RequestKey) -> str:
    """Have a task on a node accepted; its uuid. The conductor has recorded it when this returns.

    :param node: row of the node
    :raises Unavailable: if nobody accepted it in time: it will not happen
    :raises ProvisionerError: what the conductor refused it with
    """
    with call.services.database.reader() as tx:
        until = not_after(call, tx)
    return call.services.conductor_client.submit(TaskRequest(
        action=action, node=node.uuid, hardware_type=node.driver,
        conductor_group=node.conductor_group, args=args, request_key=key.key,
        request_digest=key.digest, not_after=until, request_id=call.context.request_id,
        user=call.context.user, project=call.context.project))
