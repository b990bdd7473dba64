"""What is known of the ramdisk agents: a narrow row per node, written by heartbeats.

The token is kept sealed; it is given out once, by compare-and-set, so that two lookups at the
same time cannot both get one.
"""

from typing import Any

import sqlalchemy as sa

from provisioner.db.models import inventories, node_agents
from provisioner.db.session import Transaction

_OF_NODE = sa.select(node_agents).where(node_agents.c.node_uuid == sa.bindparam("node"))


def get(tx: Transaction, node: str) -> sa.Row | None:
    return tx.one(_OF_NODE, node=node)


def reset(tx: Transaction, node: str) -> None:
    """Forget the agent: the machine is being booted anew, and gets a new token."""
    tx.execute(sa.delete(node_agents).where(node_agents.c.node_uuid == node))


def give_token(tx: Transaction, node: str, sealed: str) -> bool:
    """Store a token if the node has none; False if it has one already.

    :raises oslo_db.exception.DBDuplicateEntry: if another lookup was faster by a moment
    """
    if get(tx, node) is None:
        tx.execute(sa.insert(node_agents).values(node_uuid=node, token=sealed))
        return True
    return tx.execute(sa.update(node_agents).where(
        node_agents.c.node_uuid == node, node_agents.c.token.is_(None)).values(
        token=sealed)).rowcount == 1


def heartbeat(tx: Transaction, node: str, values: dict[str, Any]) -> None:
    """Record a heartbeat: any of url, version, verify_ca, status, status_message."""
    tx.execute(sa.update(node_agents).where(node_agents.c.node_uuid == node).values(
        last_heartbeat=tx.now(), **values))


def put_inventory(tx: Transaction, node: str, inventory: dict, plugin_data: dict) -> None:
    """Replace a node's inventory."""
    tx.execute(sa.delete(inventories).where(inventories.c.node_uuid == node))
    tx.execute(sa.insert(inventories).values(
        node_uuid=node, inventory=inventory, plugin_data=plugin_data, created_at=tx.now()))


def inventory(tx: Transaction, node: str) -> sa.Row | None:
    return tx.one(sa.select(inventories).where(inventories.c.node_uuid == node))
