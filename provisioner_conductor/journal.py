"""Events of a task and of its node's state machine, written under the fence's lock."""

import sqlalchemy as sa

from provisioner import states
from provisioner.db import events, nodes
from provisioner.db.fences import Fence
from provisioner.db.session import Transaction


def note(tx: Transaction, fence: Fence, kind: str, message: str, **more) -> None:
    """An event of this task, by this owner."""
    events.append(tx, events.Event(
        kind=kind, message=message, node=fence.node, task=fence.task, epoch=fence.epoch,
        incarnation=fence.holder.incarnation, conductor=fence.holder.hostname, **more))


def fire(tx: Transaction, node: sa.Row, event: str, **more) -> None:
    """Fire an event of the provision state machine; ``more`` are further node columns.

    :raises InvalidState: if the machine knows no such transition
    """
    state, target = states.next_state(node.provision_state, event, node.target_provision_state)
    nodes.update_engine(tx, node.uuid, {
        "provision_state": state, "target_provision_state": target,
        "provision_updated_at": tx.now(), **more})
