"""What is known of a site, as a plan sees it, and an index of it that tells whether it has moved.

The index holds, for each node, what changes with every write to it, and a digest of what a plan
reads. Two indexes are equal if a plan made from one world would be the plan of the other.
"""

import dataclasses
import hashlib
import json
import types
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from provisioner import states
from provisioner.db import designs, nodes, ports, tasks
from provisioner.db.models import inventories as inventories_table
from provisioner.db.models import nodes as nodes_table
from provisioner.db.models import ports as ports_table
from provisioner.db.models import sites as sites_table
from provisioner.db.session import Transaction

#: columns that a plan reads, besides those that the index names
_READ = ("name", "driver", "driver_info", "properties", "instance_info", "extra", "maintenance",
         "fault", "protected", "retired", "automated_clean", "disable_power_off",
         "conductor_group", *(f"{kind}_interface" for kind in (
             "boot", "deploy", "inspect", "management", "network", "power")))
_NAMED = ("uuid", "epoch", "provision_state", "target_provision_state", "power_state", "task")
_PORT = ("address", "pxe_enabled", "physical_network", "local_link_connection")


@dataclasses.dataclass(frozen=True)
class World:
    """Rows as one transaction saw them.

    :ivar nodes: by name, those of the design that are known
    :ivar ports: by node uuid
    :ivar holders: MAC address to the uuid of the node whose port has it
    :ivar strangers: nodes that say they are of the site, and are not of the design
    """

    site: str
    design: str | None
    locked_by: str | None
    running: tuple[str, ...]
    nodes: Mapping[str, sa.Row]
    ports: Mapping[str, list[sa.Row]]
    holders: Mapping[str, str]
    inventories: Mapping[str, dict]
    strangers: tuple[sa.Row, ...] = ()

    def index(self, names: Iterable[str]) -> dict:
        """Plain data that is equal as long as nothing moves that a plan for ``names`` reads."""
        return {"site": {"design": self.design, "locked_by": self.locked_by,
                         "tasks": list(self.running)},
                "nodes": {name: self._node(name) for name in sorted(names)}}

    def _node(self, name: str) -> dict | None:
        row = self.nodes.get(name)
        if row is None:
            return None
        own = [[getattr(port, column) for column in _PORT] for port in self.ports[row.uuid]]
        return {**{column: getattr(row, column) for column in _NAMED},
                "updated_at": row.updated_at.isoformat() if row.updated_at else None,
                "ports": _digest(own),
                "content": _digest([getattr(row, column) for column in _READ])}


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def digest(index: Mapping) -> str:
    """An index in one word."""
    return hashlib.sha256(json.dumps(index, sort_keys=True).encode()).hexdigest()


def read(tx: Transaction, site: str, names: Iterable[str], macs: Iterable[str] = ()) -> World:
    """The world of a site, in a fixed number of queries however many nodes there are.

    :param macs: addresses of which it matters who has them
    """
    row = designs.site(tx, site)
    known = nodes.by_names(tx, names)
    uuids = [node.uuid for node in known.values()]
    own: dict[str, list[sa.Row]] = {uuid: [] for uuid in uuids}
    for port in tx.all(sa.select(ports_table).where(
            ports_table.c.node_uuid.in_(uuids)).order_by(ports_table.c.id)):
        own[port.node_uuid].append(port)
    found = tx.all(sa.select(inventories_table.c.node_uuid, inventories_table.c.inventory).where(
        inventories_table.c.node_uuid.in_(uuids)))
    return World(
        site, row.design if row else None, row.locked_by if row else None, _running(tx, site),
        known, own, ports.holders(tx, macs), {item.node_uuid: item.inventory for item in found})


def _running(tx: Transaction, site: str) -> tuple[str, ...]:
    """Site tasks that have not ended: what they will do is not in any row yet."""
    query = sa.select(tasks.tasks.c.uuid).where(
        tasks.tasks.c.site == site, tasks.tasks.c.parent.is_(None),
        tasks.tasks.c.state.not_in(tasks.ENDED)).order_by(tasks.tasks.c.id)
    return tuple(row.uuid for row in tx.all(query))


def strangers(tx: Transaction, site: str, names: Iterable[str]) -> tuple[sa.Row, ...]:
    """Nodes that say they are of the site and are none of ``names``."""
    ours = frozenset(names)
    rows = tx.all(sa.select(nodes_table.c.uuid, nodes_table.c.name, nodes_table.c.extra,
                            nodes_table.c.provision_state))
    return tuple(row for row in rows
                 if row.name and row.extra.get("site") == site and row.name not in ours)


def lock(tx: Transaction, site: str, uuids: Iterable[str]) -> None:
    """Let nobody else write these rows until the transaction ends."""
    tx.execute(sa.update(sites_table).where(sites_table.c.name == site).values(
        name=sites_table.c.name))
    nodes.lock_many(tx, uuids)


def moved(before: Mapping, now: Mapping) -> list[str]:
    """What differs between two indexes, in words, at most 20 of them."""
    found = [f"site {key}: {_told(before['site'].get(key))} -> {_told(now['site'].get(key))}"
             for key in sorted(now["site"]) if before["site"].get(key) != now["site"].get(key)]
    for name in sorted({*before["nodes"], *now["nodes"]}):
        old, new = before["nodes"].get(name), now["nodes"].get(name)
        if old != new:
            found.append(f"node {name}: {_node_moved(old, new)}")
    return found[:20]


def _node_moved(old: Mapping | None, new: Mapping | None) -> str:
    if old is None or new is None:
        return "is there now" if old is None else "is gone"
    keys = [key for key in ("provision_state", "power_state", "task") if old[key] != new[key]]
    told = [f"{key} {_told(old[key])} -> {_told(new[key])}" for key in keys]
    if old["ports"] != new["ports"]:
        told.append("its ports have changed")
    if not told and old["content"] != new["content"]:
        told.append("its fields have changed")
    return ", ".join(told) or "it was written or worked on"


def _told(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return str(value) if value is not None else "none"


def copy_of(row: sa.Row) -> types.SimpleNamespace:
    """A node's columns as an object that may be changed."""
    return types.SimpleNamespace(**row._mapping)


def newborn(values: Mapping[str, Any]) -> types.SimpleNamespace:
    """What a node would be that is created with these columns."""
    columns = {column.name: None for column in nodes_table.c}
    flags = {column.name: False for column in nodes_table.c
             if isinstance(column.type, sa.Boolean) and not column.nullable}
    objects = {name: {} for name in ("driver_info", "properties", "instance_info", "extra")}
    return types.SimpleNamespace(**{**columns, **flags, **objects, **values,
                                    "provision_state": states.ENROLL, "conductor_group": ""})
