"""Reading the power state of the fleet, in bulk, and writing only what has changed.

A node is read when nobody has its task, and written only if its epoch is still the one it was
read under. A dead BMC delays nobody: results are recorded as they come. One that fails is read
less and less often, and after some failures in a row its node goes to maintenance.
"""

import dataclasses

import sqlalchemy as sa
from oslo_log import log

from provisioner import exceptions
from provisioner.db import nodes
from provisioner.rpc.client import MembershipView
from provisioner_conductor.context import Services

LOG = log.getLogger(__name__)

POWER_FAILURE = "power failure"
#: nodes considered in one pass
BATCH = 2000


@dataclasses.dataclass(frozen=True)
class Reading:
    """What a read gave. :ivar error: None if it gave a state"""

    node: sa.Row
    state: str | None = None
    error: exceptions.ProvisionerError | None = None


class PowerSync:
    """One pass is :meth:`run`; the conductor calls it periodically."""

    def __init__(self, services: Services, hostname: str, view: MembershipView):
        self._services = services
        self._hostname = hostname
        self._view = view

    def run(self) -> int:
        """Read every own node that is due; how many were read."""
        interval = self._services.conf.conductor.power_sync_interval
        if not interval:
            return 0
        with self._services.database.reader() as tx:
            due = nodes.for_power_sync(tx, interval, BATCH)
        rings = self._view.rings()
        own = [node for node in due if rings.owner(
            node.driver, node.conductor_group, node.uuid) == self._hostname]
        for interface, group in self._by_interface(own).items():
            self._read(interface, group)
        return len(own)

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
        hardware = self._services.hardware
        views = [hardware.view(node, ()) for node in group]
        if interface.transport is None:
            return
        pool = hardware.pools[interface.transport]

        def record(index: int, result) -> None:
            failed = isinstance(result, exceptions.ProvisionerError)
            self.record(Reading(group[index], None if failed else result,
                                result if failed else None))
        interface.read_many(pool, views, record)

    def record(self, reading: Reading) -> None:
        """Write one reading, if the node is still as it was read."""
        values = self._failed(reading) if reading.error else self._succeeded(reading)
        with self._services.database.writer() as tx:
            if not nodes.record_power(tx, reading.node, values):
                LOG.debug("Node %s has moved on since it was read", reading.node.uuid)

    def _succeeded(self, reading: Reading) -> dict:
        node = reading.node
        if node.power_state not in (None, reading.state):
            LOG.warning("Node %s is %s, not %s", node.uuid, reading.state, node.power_state)
        return {"power_state": reading.state, "power_failures": 0}

    def _failed(self, reading: Reading) -> dict:
        failures = reading.node.power_failures + 1
        values = {"power_failures": failures}
        if failures >= self._services.conf.conductor.power_sync_failures:
            values.update(
                maintenance=True, fault=POWER_FAILURE, power_state=None,
                maintenance_reason=f"The power state could not be read {failures} times in a "
                                   f"row: {reading.error.message}")
        return values
