"""Boot actions of deployed nodes and the keys that those prove themselves with.

A key is good for one node, for one deployment, until it expires; only its hash is here. Rows of
earlier deployments are kept as history and count no more.
"""

import dataclasses
import hashlib
import hmac
from collections.abc import Iterable

import sqlalchemy as sa

from provisioner import exceptions
from provisioner.db.models import boot_actions, node_keys
from provisioner.db.session import Transaction

INCOMPLETE = "incomplete"
UNREPORTED = "unreported"
SUCCESS = "success"
FAILURE = "failure"
FINAL = (SUCCESS, FAILURE)
#: messages that one boot action may send in all
MOST_DETAILS = 1000


@dataclasses.dataclass(frozen=True)
class Deployment:
    """What a deployed node is given.

    :ivar task: of the deployment
    :ivar key: 32 random bytes; never stored
    :ivar lifetime: seconds
    """

    node_uuid: str
    node_name: str
    task: str
    design: str
    key: bytes
    lifetime: float


@dataclasses.dataclass(frozen=True)
class NewAction:
    """:ivar signaling: whether the node reports how it went"""

    action_id: str
    name: str
    signaling: bool


def begin(tx: Transaction, new: Deployment, actions: Iterable[NewAction]) -> None:
    """Give a node a new key, which ends the old one, and rows for its boot actions.

    May be repeated for one task: the last one counts. Under the fence.
    """
    forget_key(tx, new.node_uuid)
    tx.execute(sa.delete(boot_actions).where(boot_actions.c.task == new.task))
    tx.execute(sa.insert(node_keys).values(
        node_uuid=new.node_uuid, node_name=new.node_name, task=new.task, design=new.design,
        key_hash=_hash(new.key), expires_at=tx.now(new.lifetime), created_at=tx.now()))
    for action in actions:
        tx.execute(sa.insert(boot_actions).values(
            action_id=action.action_id, node_uuid=new.node_uuid, task=new.task,
            name=action.name, status=INCOMPLETE if action.signaling else UNREPORTED,
            details=[], created_at=tx.now()))


def _hash(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()


def forget_key(tx: Transaction, node: str) -> None:
    """The node's key is good no more. :param node: uuid"""
    tx.execute(sa.delete(node_keys).where(node_keys.c.node_uuid == node))


def key_of(tx: Transaction, ident: str) -> sa.Row | None:
    """The row of a node's key. :param ident: uuid or name of the node"""
    found = tx.all(sa.select(node_keys).where(sa.or_(
        node_keys.c.node_uuid == ident, node_keys.c.node_name == ident)))
    return next(iter(sorted(found, key=lambda row: row.node_uuid != ident)), None)


def admits(tx: Transaction, row: sa.Row, key: bytes) -> bool:
    """Whether ``key`` is the one of the row, and still good."""
    good = tx.scalar(sa.select(node_keys.c.expires_at > tx.now()).where(
        node_keys.c.node_uuid == row.node_uuid))
    return hmac.compare_digest(_hash(key), row.key_hash) and bool(good)


def of_task(tx: Transaction, task: str) -> list[sa.Row]:
    """The boot actions of one deployment, in the order of the design."""
    return tx.all(sa.select(boot_actions).where(boot_actions.c.task == task).order_by(
        boot_actions.c.id))


def newest(tx: Transaction, node: str) -> list[sa.Row]:
    """The boot actions of a node's last deployment. :param node: uuid"""
    task = tx.scalar(sa.select(boot_actions.c.task).where(
        boot_actions.c.node_uuid == node).order_by(boot_actions.c.id.desc()).limit(1))
    return of_task(tx, task) if task else []


def get(tx: Transaction, action_id: str) -> sa.Row | None:
    return tx.one(sa.select(boot_actions).where(boot_actions.c.action_id == action_id))


def report(tx: Transaction, action_id: str, status: str | None, details: list[dict]) -> sa.Row:
    """Add what a node says of a boot action; the row.

    :param status: final one, or None
    :raises Conflict: if a final status was reported before, or there are too many messages
    """
    # Locks the row, so that two reports cannot overwrite each other's messages.
    tx.execute(sa.update(boot_actions).where(boot_actions.c.action_id == action_id).values(
        reported_at=tx.now()))
    row = get(tx, action_id)
    if row.status in FINAL:
        raise exceptions.Conflict(f"Boot action {row.name} has ended: {row.status}.",
                                  remedy="Nothing more can be reported.", action=action_id)
    if len(row.details) + len(details) > MOST_DETAILS:
        raise exceptions.Conflict(f"Boot action {row.name} has sent {MOST_DETAILS} messages.",
                                  remedy="Report fewer of them.", action=action_id)
    tx.execute(sa.update(boot_actions).where(boot_actions.c.action_id == action_id).values(
        status=status or row.status, details=[*row.details, *details]))
    return get(tx, action_id)
