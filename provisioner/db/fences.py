"""One owner at a time, proven by every write.

The fence of a node task is its node's row; of a task without a node, the task's own row. Taking
bumps ``epoch`` and sets ``incarnation``; every later transaction begins with :meth:`Fence.lock`,
an UPDATE of that row with the token in hand, which waits for whoever holds the row and finds
nothing if the work has moved. Only this module writes ``epoch`` and ``incarnation``.
"""

import dataclasses

import sqlalchemy as sa

from provisioner import exceptions
from provisioner.db import events
from provisioner.db.models import conductors, nodes, tasks
from provisioner.db.session import Transaction


@dataclasses.dataclass(frozen=True)
class Holder:
    """Who takes: one start of one conductor process."""

    incarnation: str
    hostname: str


@dataclasses.dataclass(frozen=True)
class Fence:
    """The right to write about one node, or one task without a node.

    :ivar node: uuid of the node, or None for a task without one
    :ivar task: uuid of the task; None while a hardware call holds a node without a task
    """

    node: str | None
    task: str | None
    epoch: int
    holder: Holder

    @property
    def _table(self) -> sa.Table:
        return tasks if self.node is None else nodes

    def _mine(self):
        table = self._table
        return sa.and_(table.c.uuid == (self.node or self.task), table.c.epoch == self.epoch,
                       table.c.incarnation == self.holder.incarnation)

    def lock(self, tx: Transaction) -> None:
        """Lock the fence row for the rest of this transaction. The first statement of it.

        :raises FenceLost: if somebody else has taken the work
        """
        held = tx.execute(_LOCK["task" if self.node is None else "node"], {
            "fence": self.node or self.task, "mine": self.epoch,
            "me": self.holder.incarnation})
        if held.rowcount != 1:
            raise exceptions.FenceLost(
                f"Epoch {self.epoch} of {self.node or self.task} has ended.",
                node=self.node, task=self.task)

    def release(self, tx: Transaction) -> None:
        """Give the work back: nobody is inside any more. Call after :meth:`lock`."""
        values = {"incarnation": None}
        if self.node is not None:
            values["reservation"] = None
        tx.execute(sa.update(self._table).where(self._mine()).values(**values))


def _lock(table: sa.Table) -> sa.Update:
    return sa.update(table).where(
        table.c.uuid == sa.bindparam("fence"), table.c.epoch == sa.bindparam("mine"),
        table.c.incarnation == sa.bindparam("me")).values(epoch=table.c.epoch)


# Built once: every transaction of a worker begins with it.
_LOCK = {"node": _lock(nodes), "task": _lock(tasks)}


def free(table: sa.Table, me: Holder | None = None):
    """SQL condition: nobody holds the row, or its holder has been declared dead (or is ``me``).

    A condition of the statement that takes, so that it is checked on the locked row.
    """
    dead = sa.exists().where(conductors.c.incarnation == table.c.incarnation,
                             conductors.c.dead.is_(True))
    mine = [table.c.incarnation == me.incarnation] if me else []
    return sa.or_(table.c.incarnation.is_(None), dead, *mine)


def take_task(tx: Transaction, task: sa.Row, epoch: int, holder: Holder) -> Fence | None:
    """Take a task, or None if another was faster.

    The epoch is a compare-and-set on what the caller read together with the task's state: a task
    cannot leave ``waiting`` or be given back without somebody taking it first, which bumps it.

    :param task: row of ``tasks``
    :param epoch: the fence row's epoch as it was read together with ``task``
    """
    table = tasks if task.node is None else nodes
    key = task.uuid if task.node is None else task.node
    conditions = [table.c.uuid == key, table.c.epoch == epoch, free(table, holder)]
    values = {"epoch": epoch + 1, "incarnation": holder.incarnation}
    if task.node is not None:
        conditions.append(nodes.c.task == task.uuid)
        values["reservation"] = holder.hostname
    if tx.execute(sa.update(table).where(*conditions).values(**values)).rowcount != 1:
        return None
    fence = Fence(task.node, task.uuid, epoch + 1, holder)
    _record_take(tx, fence)
    return fence


def busy(node: sa.Row) -> exceptions.NodeBusy:
    """The error for who wants a node that a step, a call or a waiting task has."""
    held = (f"is locked by host {node.reservation}" if node.reservation
            else "has an operation under way")
    return exceptions.NodeBusy(f"Node {node.name or node.uuid} {held}, please retry after the "
                               "current operation is completed.", node=node.uuid)


def take_node(tx: Transaction, node: sa.Row, holder: Holder) -> Fence:
    """Take a node without a task, or one whose task waits, for one short hardware call.

    A holder that was declared dead keeps it: whoever goes on with its work needs to find it there.

    :raises NodeBusy: while a step runs on it, or another call holds it
    """
    fence = _take_node(tx, node, holder, nodes.c.incarnation.is_(None))
    if fence is None:
        raise busy(node)
    return fence


def let_go(tx: Transaction, node: sa.Row, me: Holder) -> bool:
    """Free a node without a task whose holder is dead, or is ``me`` and does nothing with it.

    :param node: as it was read; False if it has moved since
    """
    fence = _take_node(tx, node, me, sa.and_(nodes.c.task.is_(None), free(nodes, me)))
    if fence is not None:
        fence.release(tx)
    return fence is not None


def _take_node(tx: Transaction, node: sa.Row, holder: Holder, condition) -> Fence | None:
    taken = tx.execute(sa.update(nodes).where(
        nodes.c.uuid == node.uuid, nodes.c.epoch == node.epoch, condition).values(
        epoch=node.epoch + 1, incarnation=holder.incarnation, reservation=holder.hostname))
    if taken.rowcount != 1:
        return None
    fence = Fence(node.uuid, None, node.epoch + 1, holder)
    _record_take(tx, fence)
    return fence


def revoke(tx: Transaction, fence: Fence) -> None:
    """Bump the epoch of one's own overdue work: its worker is fenced, anybody may take it.

    :raises FenceLost: if it has moved already
    """
    fence.lock(tx)
    values = {"epoch": fence.epoch + 1, "incarnation": None}
    if fence.node is not None:
        values["reservation"] = None
    tx.execute(sa.update(fence._table).where(fence._mine()).values(**values))


def supersede(tx: Transaction, node: sa.Row, task: str | None) -> None:
    """Put ``task`` in the place of a node's present one, in whose steps nobody is inside.

    A dead holder is in the way too, until a sweep has let it go: before the margin is over its
    last request may be under way, and the new task would send another.

    :raises NodeBusy: if somebody is inside a step, or the node has changed since it was read
    """
    expected = nodes.c.task.is_(None) if node.task is None else nodes.c.task == node.task
    placed = tx.execute(sa.update(nodes).where(
        nodes.c.uuid == node.uuid, nodes.c.epoch == node.epoch, expected,
        nodes.c.incarnation.is_(None)).values(
        task=task, epoch=node.epoch + 1, reservation=None))
    if placed.rowcount != 1:
        raise busy(node)


def _record_take(tx: Transaction, fence: Fence) -> None:
    events.append(tx, events.Event(
        kind="take", message=f"Taken by {fence.holder.hostname}", node=fence.node,
        task=fence.task, epoch=fence.epoch, incarnation=fence.holder.incarnation,
        conductor=fence.holder.hostname, severity="debug"))
