"""Reading the power state of the fleet, in bulk, and writing only what has changed.

A node is read when nobody has its task, and written only if its epoch is still the one it was
read under. A dead BMC delays nobody: results are recorded as they come. One that fails is read
less often, and after some failures in a row its node goes to maintenance; a refused login does so
at once, because BMCs lock accounts. A node in maintenance for that fault is read on, and comes
back by itself.
"""

import dataclasses

import sqlalchemy as sa
from oslo_log import log

from provisioner import exceptions
from provisioner.db import events, nodes
from provisioner.db.session import Transaction
from provisioner.rpc.client import MembershipView, TaskRequest
from provisioner_conductor import accept, flows
from provisioner_conductor.channel import Guard
from provisioner_conductor.context import Services
from provisioner_conductor.lease import Lease

LOG = log.getLogger(__name__)

POWER_FAILURE = "power failure"
#: nodes considered at a time
BATCH = 2000
#: unchanged nodes whose time of reading is written in one statement
FLUSH = 200
#: part of the interval by which readings are spread, so that they do not come in bursts
SPREAD = 0.2


@dataclasses.dataclass(frozen=True)
class Reading:
    """What a read gave. :ivar error: None if it gave a state"""

    node: sa.Row
    state: str | None = None
    error: exceptions.ProvisionerError | None = None

    @property
    def unchanged(self) -> bool:
        """Whether nothing but the time of reading is new."""
        return (self.error is None and self.state == self.node.power_state
                and not self.node.power_failures and not self.node.fault)


class PowerSync:
    """One pass is :meth:`run`; the conductor calls it periodically."""

    def __init__(self, services: Services, lease: Lease, view: MembershipView):
        self._services = services
        self._lease = lease
        self._view = view

    def run(self) -> int:
        """Read every own node that is due; how many were read."""
        interval = self._services.conf.conductor.power_sync_interval
        if not interval:
            return 0
        read, last = 0, 0
        while last is not None:
            with self._services.database.reader() as tx:
                due = nodes.for_power_sync(tx, interval, BATCH, POWER_FAILURE, last)
                now = tx.read_now()
            read += self._read_own([node for node in due if self._is_due(node, now, interval)])
            # Those of others, whoever they wait for, must not hide ours.
            last = due[-1].id if len(due) == BATCH else None
        return read

    def _read_own(self, due: list[sa.Row]) -> int:
        """Read those of the nodes that are given to this conductor; how many."""
        rings, me = self._view.rings(), self._lease.current.holder.hostname
        own = [node for node in due if rings.owner(
            node.driver, node.conductor_group, node.uuid) == me]
        for interface, group in self._by_interface(own).items():
            self._read(interface, group)
        return len(own)

    @staticmethod
    def _is_due(node: sa.Row, now, interval: float) -> bool:
        """A BMC that fails is asked after two, three … intervals."""
        if not node.power_failures or node.power_read_at is None:
            return True
        return (now - node.power_read_at).total_seconds() >= interval * (1 + node.power_failures)

    def _by_interface(self, own: list[sa.Row]) -> dict:
        groups: dict = {}
        for node in own:
            try:
                groups.setdefault(self._services.hardware.interface(node, "power"),
                                  []).append(node)
            except exceptions.InvalidSetting as error:
                LOG.warning("Node %s is not read: %s", node.uuid, error)
        return groups

    def _read(self, interface, group: list[sa.Row]) -> None:
        quiet: list[str] = []

        def record(index: int, result) -> None:
            failed = isinstance(result, exceptions.ProvisionerError)
            reading = Reading(group[index], None if failed else result,
                              result if failed else None)
            if reading.unchanged:
                quiet.append(reading.node.uuid)
            else:
                self.record(reading)
            if len(quiet) >= FLUSH:
                self._flush(quiet)
        if interface.bulk:
            hardware = self._services.hardware
            interface.read_many(hardware.pools[interface.transport],
                                [hardware.view(node, ()) for node in group], record)
        elif interface.transport is not None:
            self._one_by_one(group, record)
        else:
            quiet.extend(node.uuid for node in group)   # nothing to read, so that is done
        self._flush(quiet)

    def _one_by_one(self, group: list[sa.Row], record) -> None:
        for index, node in enumerate(group):
            machine = self._services.hardware.machine(node, (), None, Guard(self._lease.current))
            try:
                record(index, machine.call("power", "get_power_state"))
            except (exceptions.HardwareError, exceptions.InvalidSetting) as error:
                record(index, error)

    def _flush(self, quiet: list[str]) -> None:
        if not quiet:
            return
        early = self._services.conf.conductor.power_sync_interval * SPREAD
        early *= self._services.clock.random.random()
        with self._services.database.writer() as tx:
            nodes.touch_power(tx, quiet, early)
        quiet.clear()

    def record(self, reading: Reading) -> None:
        """Write one reading, if the node is still as it was read."""
        with self._services.database.writer() as tx:
            if reading.error is not None:
                self._failed(tx, reading)
            elif self._differs(reading):
                self._correct(tx, reading)
            else:
                self._note(tx, reading, {"power_state": reading.state})

    @staticmethod
    def _differs(reading: Reading) -> bool:
        return reading.node.power_state not in (None, reading.state)

    def _correct(self, tx: Transaction, reading: Reading) -> None:
        """The machine is not as recorded: bring it back by a task, or record what it is in."""
        node, conf = reading.node, self._services.conf.conductor
        force = conf.force_power_state_during_sync and not node.disable_power_off
        if not force or node.power_failures >= conf.power_sync_failures:
            self._note(tx, reading, {"power_state": reading.state})
            return
        if not nodes.record_power(tx, node, {"power_failures": node.power_failures + 1}):
            return
        request = TaskRequest(
            action="power", args={"target": node.power_state}, node=node.uuid, request_key=None,
            request_digest=None, not_after=None)
        accept.accept_node(tx, self._services, request, flows.get("power"))
        events.append(tx, events.Event(
            kind="power.mismatch", node=node.uuid, severity="warning",
            message=f"The machine was \"{reading.state}\", not \"{node.power_state}\"; it is "
                    "brought back"))

    def _note(self, tx: Transaction, reading: Reading, values: dict) -> None:
        """A good reading. It ends a maintenance that only a power failure began."""
        node = reading.node
        values = {**values, "power_failures": 0}
        if node.fault == POWER_FAILURE:
            values.update(fault=None, maintenance=False, maintenance_reason=None)
        if nodes.record_power(tx, node, values) and values.get("power_state") != node.power_state:
            events.append(tx, events.Event(
                kind="power.changed", node=node.uuid,
                message=f"Power state {node.power_state or 'unknown'} -> {reading.state}"))

    def _failed(self, tx: Transaction, reading: Reading) -> None:
        node, conf = reading.node, self._services.conf.conductor
        failures = node.power_failures + 1
        refused = isinstance(reading.error, exceptions.LoginRefused)
        values = {"power_failures": failures}
        if refused or failures >= conf.power_sync_failures:
            values.update(
                maintenance=True, fault=POWER_FAILURE, power_state=None,
                maintenance_reason=f"The power state could not be read (try {failures}): "
                                   f"{reading.error.message} {reading.error.remedy}".strip())
        if nodes.record_power(tx, node, values) and "fault" in values and not node.fault:
            events.append(tx, events.Event(
                kind="power.failure", node=node.uuid, severity="error",
                message=values["maintenance_reason"]))
