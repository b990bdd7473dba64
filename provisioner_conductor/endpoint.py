"""What the bus may ask of a conductor. Each method is short: check, hand on, answer plain data.

Errors travel as data (``{"error": {...}}``), so that both sides need not share exception classes
and a newer side may know more of them.
"""

import functools

from oslo_log import log

from provisioner import exceptions
from provisioner.db import agents, fences, nodes, ports
from provisioner.db.session import OUTAGE
from provisioner.rpc.client import PlanRequest, TaskRequest
from provisioner_conductor.accept import Acceptor
from provisioner_conductor.channel import Guard
from provisioner_conductor.context import Services
from provisioner_conductor.journal import note
from provisioner_conductor.lease import Lease
from provisioner_conductor.planning import Planner
from provisioner_conductor.sweep import Sweeper

LOG = log.getLogger(__name__)

#: what the bus may call of an interface: nothing that a step should do
HARDWARE_CALLS = {
    "management": frozenset({"get_boot_device", "set_boot_device", "supported_boot_devices",
                             "inject_nmi", "get_sensors", "get_identity"}),
}
#: methods that touch no hardware, so they need neither take nor channel
PLAIN_CALLS = frozenset({"supported_boot_devices"})


def answers(method):
    """Turn errors into data; the caller raises them again."""
    @functools.wraps(method)
    def wrapper(self, context, **arguments):
        try:
            return method(self, **arguments)
        except exceptions.ProvisionerError as error:
            return {"error": error.as_dict()}
        except OUTAGE as error:
            LOG.warning("Call %s: the database does not answer: %s", method.__name__, error)
            return {"error": exceptions.Unavailable(
                "The conductor cannot reach its database.").as_dict()}
    return wrapper


class Endpoint:
    """RPC 1.0: what :func:`provisioner.rpc.transport.server` serves."""

    def __init__(self, services: Services, lease: Lease, sweeper: Sweeper):
        self._services = services
        self._lease = lease
        self._sweeper = sweeper
        self._acceptor = Acceptor(services)
        self._planner = Planner(services)

    @answers
    def accept(self, request: dict) -> dict:
        """A :class:`TaskRequest` as plain data -> ``{"task": uuid}``."""
        known = {key: request[key] for key in TaskRequest.__dataclass_fields__ if key in request}
        task = self._acceptor.accept(TaskRequest(**known))
        self._services.hint(task)
        return {"task": task}

    @answers
    def plan(self, request: dict) -> dict:
        """A :class:`PlanRequest` as plain data -> ``{"plan": uuid}`` of a row; no hardware."""
        known = {key: request[key] for key in PlanRequest.__dataclass_fields__ if key in request}
        return {"plan": self._planner.make(PlanRequest(**known))}

    def hint(self, context, tasks: list[str]) -> None:
        """Tasks may be runnable: look soon."""
        self._sweeper.poke()

    @answers
    def validate(self, node: str) -> dict:
        """-> ``{"interfaces": {kind: {"result", "reason"}}}``, without hardware."""
        with self._services.database.reader() as tx:
            row = nodes.require(tx, node)
            own = ports.of_node(tx, row.uuid)
        return {"interfaces": self._services.hardware.report(row, own)}

    @answers
    def hardware(self, node: str, kind: str, verb: str, arguments: dict) -> dict:
        """One verb of at most ten seconds: take, call, release -> ``{"result": ...}``."""
        if verb not in HARDWARE_CALLS.get(kind, ()):
            raise exceptions.Invalid(f"{kind}.{verb} cannot be called like this.")
        with self._services.database.reader() as tx:
            row = nodes.require(tx, node)
            own, agent = ports.of_node(tx, row.uuid), agents.get(tx, row.uuid)
        incarnation = self._lease.current
        machine = self._services.hardware.machine(row, own, agent, Guard(incarnation))
        if verb in PLAIN_CALLS:
            return {"result": getattr(machine.interface(kind), verb)()}
        with self._sweeper.calling(row.uuid):
            with self._services.database.writer() as tx:
                fence = fences.take_node(tx, row, incarnation.holder)
            try:
                result = machine.call(kind, verb, **arguments)
            finally:
                self._release(fence, f"{kind}.{verb}", arguments)
        return {"result": result}

    def _release(self, fence: fences.Fence, what: str, arguments: dict) -> None:
        with self._services.database.writer() as tx:
            fence.lock(tx)
            note(tx, fence, "hardware.call", f"{what} {arguments or ''}".strip(),
                 severity="debug", data={"call": what, "arguments": arguments})
            fence.release(tx)
