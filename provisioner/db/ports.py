"""Ports: the network interfaces of nodes, by MAC address."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from provisioner import exceptions
from provisioner.db.models import new_uuid, nodes, ports
from provisioner.db.nodes import Page, paged
from provisioner.db.session import Transaction


def create(tx: Transaction, values: dict[str, Any]) -> str:
    """Insert a port; its uuid.

    :raises oslo_db.exception.DBDuplicateEntry: if uuid, address or name is taken
    """
    uuid = values.get("uuid") or new_uuid()
    tx.execute(sa.insert(ports).values(created_at=tx.now(), **{**values, "uuid": uuid}))
    return uuid


def get(tx: Transaction, ident: str) -> sa.Row | None:
    """The port of that uuid, else of that name."""
    found = tx.all(sa.select(ports).where(sa.or_(ports.c.uuid == ident, ports.c.name == ident)))
    exact = [row for row in found if row.uuid == ident]
    return (exact or found or [None])[0]


@dataclasses.dataclass(frozen=True)
class PortFilter:
    """Which ports: every condition that is not None must hold.

    :ivar shards: of the node
    :ivar project: owner or lessee of the node
    """

    node_uuid: str | None = None
    address: str | None = None
    portgroup_uuid: str | None = None
    shards: tuple[str, ...] | None = None
    conductor_groups: tuple[str, ...] | None = None
    description_contains: str | None = None
    project: str | None = None


def find(tx: Transaction, wanted: PortFilter, page: Page) -> list[sa.Row]:
    """One page of ports in one query. :raises NotFound: if the marker is unknown"""
    query = sa.select(ports)
    for column in ("node_uuid", "address", "portgroup_uuid"):
        if getattr(wanted, column) is not None:
            query = query.where(ports.c[column] == getattr(wanted, column))
    for column, values in (("shard", wanted.shards), ("conductor_group",
                                                      wanted.conductor_groups)):
        if values is not None:
            query = query.where(ports.c.node_uuid.in_(
                sa.select(nodes.c.uuid).where(nodes.c[column].in_(values))))
    if wanted.project is not None:
        query = query.where(ports.c.node_uuid.in_(sa.select(nodes.c.uuid).where(
            sa.or_(nodes.c.owner == wanted.project, nodes.c.lessee == wanted.project))))
    if wanted.description_contains is not None:
        query = query.where(ports.c.description.contains(wanted.description_contains,
                                                         autoescape=True))
    return tx.all(paged(tx, query, ports, page))


_OF_NODE = sa.select(ports).where(ports.c.node_uuid == sa.bindparam("node")).order_by(ports.c.id)


def of_node(tx: Transaction, node: str) -> list[sa.Row]:
    """All ports of a node, in the order they were made."""
    return tx.all(_OF_NODE, node=node)


def nodes_of(tx: Transaction, addresses: Iterable[str]) -> list[str]:
    """uuids of the nodes that have a port with one of these (lower-case) addresses."""
    return [row.node_uuid for row in tx.all(sa.select(ports.c.node_uuid).where(
        ports.c.address.in_(tuple(addresses))).distinct())]


def holders(tx: Transaction, addresses: Iterable[str]) -> dict[str, str]:
    """(lower-case) address to the uuid of the node that has a port with it."""
    return {row.address: row.node_uuid for row in tx.all(
        sa.select(ports.c.address, ports.c.node_uuid).where(
            ports.c.address.in_(tuple(addresses))))}


def update(tx: Transaction, port: sa.Row, values: dict[str, Any]) -> None:
    """Write columns, if nobody has changed the port since it was read. :raises Changed:"""
    seen = ports.c.updated_at.is_(None) if port.updated_at is None else (
        ports.c.updated_at == port.updated_at)
    changed = tx.execute(sa.update(ports).where(ports.c.uuid == port.uuid, seen).values(
        updated_at=tx.now(), **values))
    if changed.rowcount != 1:
        raise exceptions.Changed(f"Port {port.uuid} was changed by somebody else.",
                                 port=port.uuid)


def delete(tx: Transaction, uuid: str) -> None:
    tx.execute(sa.delete(ports).where(ports.c.uuid == uuid))
