"""Build data: what was learnt of nodes while they were built, by generator; history is kept."""

import dataclasses
from collections.abc import Iterable

import sqlalchemy as sa

from provisioner.db.models import build_data
from provisioner.db.session import Transaction


@dataclasses.dataclass(frozen=True)
class Record:
    """One piece of build data.

    :ivar generator: what produced it (``lshw``, ``commission:<script>`` ...)
    :ivar data_format: MIME type of ``data_element``
    """

    node_name: str
    generator: str
    data_format: str
    data_element: str
    task: str | None = None


def add(tx: Transaction, record: Record) -> None:
    tx.execute(sa.insert(build_data).values(created_at=tx.now(), **dataclasses.asdict(record)))


def of_node(tx: Transaction, node_name: str, latest: bool = False) -> list[sa.Row]:
    """A node's records, oldest first; with ``latest`` the newest one of each generator."""
    query = sa.select(build_data).where(build_data.c.node_name == node_name)
    if latest:
        newest = sa.select(sa.func.max(build_data.c.id)).where(
            build_data.c.node_name == node_name).group_by(build_data.c.generator)
        query = query.where(build_data.c.id.in_(newest))
    return tx.all(query.order_by(build_data.c.id))


def of_tasks(tx: Transaction, tasks: Iterable[str]) -> dict[str, list[sa.Row]]:
    """Records by the task that produced them, oldest first."""
    found: dict[str, list[sa.Row]] = {}
    for row in tx.all(sa.select(build_data).where(
            build_data.c.task.in_(tuple(tasks))).order_by(build_data.c.id)):
        found.setdefault(row.task, []).append(row)
    return found
