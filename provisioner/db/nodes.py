"""Nodes. User columns are written by compare-and-set, engine columns only under the fence."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from provisioner import exceptions, states
from provisioner.db import models
from provisioner.db.models import new_uuid, node_traits, nodes
from provisioner.db.session import Transaction

#: columns that only the engine writes, under the fence
ENGINE_COLUMNS = frozenset({
    "provision_state", "target_provision_state", "provision_updated_at", "power_state",
    "target_power_state", "last_error", "reservation", "epoch", "incarnation", "task",
    "clean_step", "deploy_step", "service_step", "driver_internal_info", "event_sequence"})


def create(tx: Transaction, values: dict[str, Any]) -> str:
    """Insert a node, in state ``enroll`` unless ``values`` say another; its uuid.

    :param values: columns; ``uuid`` is optional
    :raises oslo_db.exception.DBDuplicateEntry: if uuid, name or instance_uuid is taken
    """
    uuid = values.get("uuid") or new_uuid()
    tx.execute(sa.insert(nodes).values({
        "provision_state": states.ENROLL, "created_at": tx.now(), **values, "uuid": uuid}))
    return uuid


def get(tx: Transaction, ident: str) -> sa.Row | None:
    """The node of that uuid, else of that name."""
    found = tx.all(sa.select(nodes).where(sa.or_(nodes.c.uuid == ident, nodes.c.name == ident)))
    exact = [row for row in found if row.uuid == ident]
    return (exact or found or [None])[0]


_BY_UUID = sa.select(nodes).where(nodes.c.uuid == sa.bindparam("uuid"))


def by_uuid(tx: Transaction, uuid: str) -> sa.Row | None:
    return tx.one(_BY_UUID, uuid=uuid)


def require(tx: Transaction, ident: str) -> sa.Row:
    """As :func:`get`. :raises NotFound:"""
    node = get(tx, ident)
    if node is None:
        raise exceptions.NotFound(f"Node {ident} could not be found.", node=ident)
    return node


def many(tx: Transaction, uuids: Iterable[str]) -> dict[str, sa.Row]:
    """Nodes by uuid."""
    return {row.uuid: row for row in tx.all(
        sa.select(nodes).where(nodes.c.uuid.in_(tuple(uuids))))}


def by_names(tx: Transaction, names: Iterable[str],
             columns: Sequence[str] | None = None) -> dict[str, sa.Row]:
    """Nodes by name. :param columns: only these, ``name`` among them; None means all"""
    chosen = [nodes.c[name] for name in columns] if columns else [nodes]
    return {row.name: row for row in tx.all(
        sa.select(*chosen).where(nodes.c.name.in_(tuple(names))))}


@dataclasses.dataclass(frozen=True)
class NodeFilter:
    """Which nodes: every condition that is not None must hold.

    :ivar equal: column -> value
    :ivar associated: whether ``instance_uuid`` is set
    :ivar shards: any of these
    :ivar sharded: whether ``shard`` is set
    :ivar children: None hides nodes with a parent, True shows all
    :ivar project: owner or lessee
    """

    equal: dict[str, Any] = dataclasses.field(default_factory=dict)
    associated: bool | None = None
    shards: tuple[str, ...] | None = None
    sharded: bool | None = None
    children: bool | None = None
    project: str | None = None
    description_contains: str | None = None
    uuids: tuple[str, ...] | None = None


@dataclasses.dataclass(frozen=True)
class Page:
    """:ivar marker: uuid of the last row of the page before, or None"""

    limit: int = 1000
    marker: str | None = None
    sort_key: str = "id"
    descending: bool = False


def find(tx: Transaction, wanted: NodeFilter, page: Page,
         columns: Sequence[str] | None = None) -> list[sa.Row]:
    """One page of nodes in one query.

    :param columns: only these (``uuid`` is always there); None means all
    :raises NotFound: if the marker is unknown
    """
    chosen = [nodes.c[name] for name in dict.fromkeys(["uuid", *columns])] if columns else [nodes]
    query = sa.select(*chosen)
    for condition in _conditions(wanted):
        query = query.where(condition)
    return tx.all(paged(tx, query, nodes, page))


def _conditions(wanted: NodeFilter) -> list:
    conditions = [nodes.c[name] == value for name, value in wanted.equal.items()]
    for column, flag in (("instance_uuid", wanted.associated), ("shard", wanted.sharded)):
        if flag is not None:
            conditions.append(nodes.c[column].is_not(None) if flag else nodes.c[column].is_(None))
    if wanted.shards is not None:
        conditions.append(nodes.c.shard.in_(wanted.shards))
    if wanted.uuids is not None:
        conditions.append(nodes.c.uuid.in_(wanted.uuids))
    if not wanted.children and "parent_node" not in wanted.equal:
        conditions.append(nodes.c.parent_node.is_(None))
    if wanted.project is not None:
        conditions.append(sa.or_(nodes.c.owner == wanted.project,
                                 nodes.c.lessee == wanted.project))
    if wanted.description_contains is not None:
        conditions.append(nodes.c.description.contains(wanted.description_contains,
                                                       autoescape=True))
    return conditions


def paged(tx: Transaction, query: sa.Select, table: sa.Table, page: Page) -> sa.Select:
    """``query`` ordered, cut and begun behind the marker; ties are broken by ``id``.

    :raises NotFound: if the marker is unknown
    """
    key, order = table.c[page.sort_key], (lambda c: c.desc()) if page.descending else (
        lambda c: c.asc())
    if page.marker is not None:
        last = tx.one(sa.select(key, table.c.id.label("_id")).where(table.c.uuid == page.marker))
        if last is None:
            raise exceptions.NotFound(f"Marker {page.marker} could not be found.")
        query = query.where(_behind(key, table.c.id, last, page.descending))
    # NULLs sort first on every database, so that paging agrees with the order.
    nulls = sa.case((key.is_(None), 0), else_=1)
    return query.order_by(order(nulls), order(key), order(table.c.id)).limit(page.limit)


def _behind(key, ident, last: sa.Row, descending: bool):
    value, last_id = last
    behind_id = ident < last_id if descending else ident > last_id
    if value is None:
        rest = sa.false() if descending else key.is_not(None)
        return sa.or_(sa.and_(key.is_(None), behind_id), rest)
    bound = sa.literal(value, key.type)     # a plain True or False is refused by < and >
    further = key < bound if descending else key > bound
    if descending:
        further = sa.or_(further, key.is_(None))
    return sa.or_(further, sa.and_(key == bound, behind_id))


def update_user(tx: Transaction, node: sa.Row, values: dict[str, Any]) -> None:
    """Write user columns, if nobody has changed the node since ``node`` was read.

    :raises Changed: if somebody has
    """
    engine = ENGINE_COLUMNS & set(values)
    if engine:
        raise ValueError(f"engine columns need the fence: {sorted(engine)}")
    seen = nodes.c.updated_at.is_(None) if node.updated_at is None else (
        nodes.c.updated_at == node.updated_at)
    changed = tx.execute(sa.update(nodes).where(nodes.c.uuid == node.uuid, seen).values(
        updated_at=tx.now(), **values))
    if changed.rowcount != 1:
        raise exceptions.Changed(f"Node {node.uuid} was changed by somebody else.",
                                 node=node.uuid)


def update_engine(tx: Transaction, uuid: str, values: dict[str, Any]) -> None:
    """Write any column. The caller holds the fence, or the node in its accepting transaction."""
    tx.execute(sa.update(nodes).where(nodes.c.uuid == uuid).values(
        updated_at=tx.now(), **values))


def delete(tx: Transaction, node: sa.Row) -> None:
    """Delete a node and everything that belongs to it, if it is as it was read.

    :raises Changed: if it has a task now, or somebody has taken it
    """
    gone = tx.execute(sa.delete(nodes).where(
        nodes.c.uuid == node.uuid, nodes.c.epoch == node.epoch, nodes.c.task.is_(None),
        nodes.c.incarnation.is_(None)))
    if gone.rowcount != 1:
        raise exceptions.NodeBusy(f"Node {node.uuid} is locked by host {node.reservation}, "
                                  "please retry after the current operation is completed.",
                                  node=node.uuid)
    for table in (node_traits, models.node_agents, models.inventories, models.ports,
                  models.boot_scripts):
        tx.execute(sa.delete(table).where(table.c.node_uuid == node.uuid))


def lock(tx: Transaction, uuid: str) -> None:
    """Make others who call this for the same node wait until the transaction ends.

    Writes the row as it is: for changes in tables that belong to a node.
    """
    tx.execute(sa.update(nodes).where(nodes.c.uuid == uuid).values(uuid=nodes.c.uuid))


def lock_many(tx: Transaction, uuids: Iterable[str]) -> None:
    """As :func:`lock`, for several nodes; two who lock the same ones may meet in a deadlock,
    which the database ends and :meth:`Database.write` repeats."""
    tx.execute(sa.update(nodes).where(nodes.c.uuid.in_(tuple(uuids))).values(uuid=nodes.c.uuid))


def traits(tx: Transaction, uuids: Iterable[str]) -> dict[str, list[str]]:
    """Sorted traits of several nodes, by node uuid."""
    found: dict[str, list[str]] = {}
    for row in tx.all(sa.select(node_traits).where(
            node_traits.c.node_uuid.in_(tuple(uuids))).order_by(node_traits.c.trait)):
        found.setdefault(row.node_uuid, []).append(row.trait)
    return found


def set_traits(tx: Transaction, uuid: str, wanted: Iterable[str]) -> None:
    """Replace a node's traits."""
    tx.execute(sa.delete(node_traits).where(node_traits.c.node_uuid == uuid))
    rows = [{"node_uuid": uuid, "trait": trait} for trait in sorted(set(wanted))]
    if rows:
        tx.execute(sa.insert(node_traits), rows)


def for_power_sync(tx: Transaction, older_than: float, limit: int, fault: str,
                   after: int = 0) -> list[sa.Row]:
    """Nodes without a task whose power state was not read for ``older_than`` seconds, by id.

    :param fault: nodes in maintenance are left out, but for those with this fault
    :param after: id of the last node of the page before
    """
    return tx.all(sa.select(nodes).where(
        nodes.c.id > after, nodes.c.task.is_(None), nodes.c.incarnation.is_(None),
        sa.or_(nodes.c.maintenance.is_(False), nodes.c.fault == fault),
        nodes.c.target_power_state.is_(None),
        nodes.c.provision_state.not_in(states.SYNC_EXCLUDED),
        sa.or_(nodes.c.power_read_at.is_(None), nodes.c.power_read_at < tx.now(-older_than)),
    ).order_by(nodes.c.id).limit(limit))


def touch_power(tx: Transaction, uuids: Iterable[str], early: float) -> None:
    """These nodes' power states were read and are as recorded.

    :param early: seconds by which the time is dated back, to spread the next readings
    """
    tx.execute(sa.update(nodes).where(nodes.c.uuid.in_(tuple(uuids))).values(
        power_read_at=tx.now(-early)))


def for_periodic(tx: Transaction, filters: dict[str, Any], limit: int,
                 after: int = 0) -> list[sa.Row]:
    """Nodes without a task for which all of ``filters`` (column: value) hold, by id.

    :param after: id of the last node of the page before
    """
    return tx.all(sa.select(nodes).where(
        nodes.c.id > after, nodes.c.task.is_(None), nodes.c.incarnation.is_(None),
        nodes.c.maintenance.is_(False),
        *[nodes.c[column] == value for column, value in filters.items()],
    ).order_by(nodes.c.id).limit(limit))


def record_periodic(tx: Transaction, node: sa.Row, values: dict[str, Any]) -> bool:
    """Record what periodic work gave, unless somebody has had the node since it was read."""
    return tx.execute(sa.update(nodes).where(
        nodes.c.uuid == node.uuid, nodes.c.epoch == node.epoch, nodes.c.task.is_(None),
        nodes.c.incarnation.is_(None)).values(**values)).rowcount == 1


def record_power(tx: Transaction, node: sa.Row, values: dict[str, Any]) -> bool:
    """Record what a power read gave, unless somebody has had the node since it was read.

    Without a take, so the epoch it was read under is part of the condition; where columns that
    people write are among ``values``, so is that nobody has written them.
    """
    unwritten = [nodes.c.updated_at.is_not_distinct_from(node.updated_at)] if (
        "maintenance" in values) else []
    return tx.execute(sa.update(nodes).where(
        nodes.c.uuid == node.uuid, nodes.c.epoch == node.epoch, nodes.c.task.is_(None),
        nodes.c.incarnation.is_(None), *unwritten).values(
        power_read_at=tx.now(), **values)).rowcount == 1
