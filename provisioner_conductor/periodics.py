"""Periodic work per node: one decorator, one way to run it, drivers' own work included.

What must stay true: work runs only on own nodes that nobody has a task on, through a channel of
the present incarnation, and its result is written only if the node was not taken meanwhile. A
node that fails is logged and left for the next time; it stops nobody else.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from futurist import periodics
from oslo_log import log

from provisioner import exceptions
from provisioner.db import agents, nodes, ports
from provisioner.db.session import OUTAGE
from provisioner.drivers.base import PeriodicSpec
from provisioner.rpc.client import MembershipView
from provisioner_conductor.channel import Guard
from provisioner_conductor.context import Services
from provisioner_conductor.hardware import Machine
from provisioner_conductor.lease import Lease

LOG = log.getLogger(__name__)

#: nodes looked at together in a pass of one kind of work
BATCH = 5000


@dataclasses.dataclass(frozen=True)
class NodeWork:
    """Work done on many nodes.

    :ivar purpose: what it is for; the key under which a driver's result is kept
    :ivar spacing: seconds between two passes
    :ivar filters: node column -> value, all of which must hold
    :ivar predicate: a further condition on the row, before anything is called
    :ivar limit: nodes worked on in one pass; None is no limit
    :ivar function: gets the machine and the row; gives node columns to set, or None
    """

    purpose: str
    spacing: float
    function: Callable[[Machine, sa.Row], dict | None]
    filters: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    predicate: Callable[[sa.Row], bool] = lambda row: True
    limit: int | None = None


def node_periodic(purpose: str, spacing: float, **more) -> Callable[[Callable], NodeWork]:
    """Decorate a function ``(machine, row) -> node columns or None`` as periodic work.

    ``more`` are the further fields of :class:`NodeWork`.
    """
    def decorate(function) -> NodeWork:
        return NodeWork(purpose, spacing, function, **more)
    return decorate


def of_driver(hardware_type: str, kind: str, name: str, spec: PeriodicSpec) -> NodeWork:
    """Work that a driver has declared, for nodes that use exactly this interface."""
    def function(machine: Machine, row: sa.Row) -> dict:
        result = machine.call(kind, spec.method)
        known = {**row.driver_internal_info, spec.purpose: result}
        columns = {"driver_internal_info": known}
        if "health" in result:
            columns["health"] = result["health"]
        return columns
    filters = {"driver": hardware_type, f"{kind}_interface": name, **spec.filters}
    return NodeWork(spec.purpose, spec.spacing, function, filters)


class NodePeriodics:
    """Runs node work; one futurist periodic for each kind of it."""

    def __init__(self, services: Services, lease: Lease, view: MembershipView):
        self._services = services
        self._lease = lease
        self._view = view

    def callables(self) -> list[Callable]:
        """Periodics for all work that the enabled drivers declare."""
        return [self._periodic(of_driver(type_.name, kind, name, spec))
                for type_ in self._services.hardware.types.values()
                for kind, named in type_.interfaces.items()
                for name, interface in named.items() for spec in interface.periodics]

    def _periodic(self, work: NodeWork) -> Callable:
        @periodics.periodic(spacing=work.spacing, run_immediately=False)
        def run():
            self.run(work)
        return run

    def run(self, work: NodeWork) -> int:
        """One pass; how many nodes were worked on."""
        incarnation = self._lease.current
        if incarnation is None or incarnation.remaining() <= 0:
            return 0
        try:
            return self._pass(work, incarnation)
        except OUTAGE as error:
            LOG.warning("%s put off, the database does not answer: %s", work.purpose, error)
            return 0

    def _pass(self, work: NodeWork, incarnation) -> int:
        rings, me = self._view.rings(), incarnation.holder.hostname
        own, last = [], 0
        while last is not None and (work.limit is None or len(own) < work.limit):
            with self._services.database.reader() as tx:
                found = nodes.for_periodic(tx, dict(work.filters), BATCH, last)
            own += [row for row in found if work.predicate(row) and rings.owner(
                row.driver, row.conductor_group, row.uuid) == me]
            last = found[-1].id if len(found) == BATCH else None
        return sum(self._one(work, row, Guard(incarnation)) for row in own[:work.limit])

    def _one(self, work: NodeWork, row: sa.Row, guard: Guard) -> int:
        with self._services.database.reader() as tx:
            own, agent = ports.of_node(tx, row.uuid), agents.get(tx, row.uuid)
        try:
            columns = work.function(
                self._services.hardware.machine(row, own, agent, guard), row)
        except exceptions.ProvisionerError as error:
            LOG.warning("%s of node %s: %s", work.purpose, row.uuid, error)
            return 0
        if columns:
            with self._services.database.writer() as tx:
                nodes.record_periodic(tx, row, columns)
        return 1
