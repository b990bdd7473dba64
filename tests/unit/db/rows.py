"""Rows that tests begin with."""

import sqlalchemy as sa

from provisioner.db import conductors, nodes, tasks
from provisioner.db.fences import Holder
from provisioner.db.models import conductors as conductors_table
from provisioner.db.models import new_uuid
from provisioner.db.models import nodes as nodes_table
from provisioner.steps import StepSpec


def node(database, **values) -> str:
    """uuid of a new node."""
    return database.write(lambda tx: nodes.create(tx, {"driver": "fake-hardware", **values}))


def task(database, node_uuid=None, **values) -> str:
    """uuid of a new task of one step; it becomes the node's task."""
    def make(tx):
        new = tasks.NewTask(**{"action": "power", "node": node_uuid,
                               "steps": [StepSpec("set_power", {})], **values})
        uuid = tasks.insert(tx, new)
        if node_uuid is not None:
            nodes.update_engine(tx, node_uuid, {"task": uuid})
        return uuid
    return database.write(make)


def conductor(database, hostname="a", lease=60.0) -> Holder:
    """A conductor with a lease of so many seconds from now (negative: it has ended)."""
    me = conductors.Registration(new_uuid(), hostname, "", 1, {})
    database.write(lambda tx: conductors.register(tx, me, lease))
    return Holder(me.incarnation, hostname)


def dead_conductor(database, hostname="gone", ago=60.0) -> Holder:
    """A conductor that was declared dead so many seconds ago."""
    holder = conductor(database, hostname, lease=-1)
    def bury(tx):
        conductors.declare_dead(tx)
        tx.execute(sa.update(conductors_table).where(
            conductors_table.c.incarnation == holder.incarnation).values(dead_at=tx.now(-ago)))
    database.write(bury)
    return holder


def read_node(database, uuid):
    with database.reader() as tx:
        return nodes.get(tx, uuid)


def read_task(database, uuid):
    with database.reader() as tx:
        return tasks.get(tx, uuid)


def set_node(database, uuid, **values) -> None:
    """Write any column, without a fence."""
    database.write(lambda tx: tx.execute(
        sa.update(nodes_table).where(nodes_table.c.uuid == uuid).values(**values)))
