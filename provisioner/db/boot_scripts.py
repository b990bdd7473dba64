"""Boot scripts: rendered by a step, fetched by firmware from any API process."""

from collections.abc import Iterable

import sqlalchemy as sa

from provisioner.db.models import boot_scripts
from provisioner.db.session import Transaction


def put(tx: Transaction, node: str, addresses: Iterable[str], script: str) -> None:
    """Replace a node's scripts: the same text for each (lower-case) MAC address."""
    tx.execute(sa.delete(boot_scripts).where(boot_scripts.c.node_uuid == node))
    for address in sorted(set(addresses)):
        tx.execute(sa.delete(boot_scripts).where(boot_scripts.c.address == address))
        tx.execute(sa.insert(boot_scripts).values(
            address=address, node_uuid=node, script=script, updated_at=tx.now()))


def get(tx: Transaction, address: str) -> sa.Row | None:
    """The script of a MAC address in lower case with colons."""
    return tx.one(sa.select(boot_scripts).where(boot_scripts.c.address == address))


def remove(tx: Transaction, node: str) -> None:
    tx.execute(sa.delete(boot_scripts).where(boot_scripts.c.node_uuid == node))
