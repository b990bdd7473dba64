"""What API processes ask of conductors.

The owner by the ring is asked first, then the next hosts with the same request key: accepting
twice is harmless because the key is unique in the database. A request that was not accepted by
``not_after`` will never be: the conductor checks that time in its accepting transaction.
"""

import dataclasses
import datetime
import threading

import oslo_messaging

from provisioner import exceptions, hash_ring
from provisioner.clock import Clock
from provisioner.db import conductors, tasks
from provisioner.db.session import Database
from provisioner.rpc import transport
from provisioner.rpc.hints import BUS_DOWN, NEVER, Hints

#: seconds for one conductor to accept, before the next one is asked
ACCEPT_TIMEOUT = 5
#: seconds for a synchronous hardware call: the verb's own 10 and the way there
HARDWARE_TIMEOUT = 20
#: tries to reach the bus again, once it was there, before a call is given up
CALL_RETRIES = 1
#: seconds for a commit that was begun in time
COMMIT_TIME = 0.5
#: seconds for a plan of a large site
PLAN_TIMEOUT = 55
#: calls that conductors of earlier releases do not know
VERSIONS = {"plan": "1.1"}
#: seconds for which the view of the membership is used without looking again
VIEW_AGE = 1.0


@dataclasses.dataclass(frozen=True)
class TaskRequest:
    """A request for a task, as it crosses the bus. No secrets: they stay sealed in rows.

    :ivar action: a verb (``deploy``, ``manage`` …), ``power``, or a site action
    :ivar not_after: database time (ISO 8601, UTC) after which it must not be accepted
    :ivar hardware_type: of the node; None for a site task, which any conductor may accept
    """

    action: str
    request_key: str
    request_digest: str
    not_after: str
    node: str | None = None
    hardware_type: str | None = None
    conductor_group: str | None = None
    args: dict = dataclasses.field(default_factory=dict)
    site: str | None = None
    design: str | None = None
    design_ref: str | None = None
    node_filter: dict | None = None
    request_id: str | None = None
    user: str | None = None
    project: str | None = None


@dataclasses.dataclass(frozen=True)
class PlanRequest:
    """A request for a plan, as it crosses the bus.

    :ivar design: digest of a stored design
    :ivar save: whether the plan is kept, to be applied
    """

    site: str
    design: str
    actions: list
    request_key: str
    node_filter: dict | None = None
    save: bool = True
    user: str | None = None
    project: str | None = None


class MembershipView:
    """The live conductors and their rings, as one process sees them.

    Read again after ``VIEW_AGE`` seconds; rings are rebuilt only when membership has changed.
    """

    def __init__(self, database: Database, clock: Clock):
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._read_at: float | None = None
        self._seen: tuple = ()
        self._rings = hash_ring.Rings(())

    def rings(self, fresh: bool = False) -> hash_ring.Rings:
        """The rings of now; ``fresh`` looks even if it did so a moment ago."""
        with self._lock:
            now = self._clock.elapsed()
            if fresh or self._read_at is None or now - self._read_at > VIEW_AGE:
                self._refresh()
                self._read_at = now
            return self._rings

    def _refresh(self) -> None:
        with self._database.reader() as tx:
            live = conductors.live(tx)
            seen = tuple((row.incarnation, row.weight) for row in live)
            if seen == self._seen:
                return
            offers = conductors.offers(tx, [row.incarnation for row in live])
        types: dict[str, set[str]] = {}
        for offer in offers:
            types.setdefault(offer.incarnation, set()).add(offer.hardware_type)
        self._rings = hash_ring.Rings(
            hash_ring.Member(row.hostname, row.conductor_group, row.weight,
                             frozenset(types.get(row.incarnation, ()))) for row in live)
        self._seen = seen


class ConductorClient:
    """The calls. Safe for use by several threads.

    :param bus: transport of oslo.messaging
    """

    def __init__(self, bus: oslo_messaging.Transport, database: Database, clock: Clock):
        self._rpc = oslo_messaging.get_rpc_client(bus, transport.target())
        self._database = database
        self._clock = clock
        self._hints = Hints(self._send_hint, clock)
        self._reached = False
        self.view = MembershipView(database, clock)

    def submit(self, request: TaskRequest) -> str:
        """Have a task accepted; its uuid. The same request key gives the same task.

        :raises Unavailable: if nobody accepted it in time; nothing will happen then
        :raises ProvisionerError: what the accepting conductor refused it with
        """
        key = request.node or request.request_key
        hosts = self._hosts(request.hardware_type, request.conductor_group, key)
        for host in hosts:
            try:
                answer = self._ask(host, "accept", ACCEPT_TIMEOUT,
                                   {"request": dataclasses.asdict(request)})
            except exceptions.Unavailable:
                # It cannot say whether it has; the key will.
                continue
            if answer is not None:
                return answer["task"]
        if hosts:
            self._outlast(request)
        return self._look_up(request, bool(hosts))

    def plan(self, request: PlanRequest) -> str:
        """Have a plan made by any conductor; the uuid of its row, which may be large.

        :raises Unavailable: if no conductor answered
        :raises ProvisionerError: what the conductor refused it with
        """
        for host in self._hosts(None, None, request.site):
            answer = self._ask(host, "plan", PLAN_TIMEOUT,
                               {"request": dataclasses.asdict(request)})
            if answer is not None:
                return answer["plan"]
        raise exceptions.Unavailable("No conductor made a plan in time.")

    def _outlast(self, request: TaskRequest) -> None:
        """Wait until nobody may accept the request any more.

        One that was asked and did not answer in time may be at it yet; only after ``not_after``
        does a missing task mean that there never will be one.
        """
        with self._database.reader() as tx:
            left = datetime.datetime.fromisoformat(request.not_after) - tx.read_now()
        if left > datetime.timedelta(0):
            self._clock.wait(NEVER, left.total_seconds() + COMMIT_TIME)

    def _look_up(self, request: TaskRequest, asked: bool) -> str:
        """Nobody answered: was it accepted all the same?"""
        with self._database.reader() as tx:
            task = tasks.by_request_key(tx, request.request_key)
        if task is not None:
            return task.uuid
        if not asked:
            raise exceptions.Unavailable(
                f"No conductor serves hardware type {request.hardware_type or 'any'} in group "
                f"\"{request.conductor_group or ''}\".",
                remedy="Start a conductor with that type and group, then repeat the request.")
        raise exceptions.Unavailable("No conductor accepted the request in time.")

    def hardware(self, node, kind: str, method: str, **arguments):
        """One short synchronous call of a driver (boot device, NMI …); its plain result.

        :param node: row of the node
        :raises NodeBusy: while a step runs on it
        :raises HardwareError:
        """
        answer = self._first(node, "hardware", HARDWARE_TIMEOUT, {
            "node": node.uuid, "kind": kind, "verb": method, "arguments": arguments})
        return answer["result"]

    def validate(self, node) -> dict[str, dict]:
        """``{interface kind: {"result": bool, "reason": str | None}}``, without hardware."""
        return self._first(node, "validate", ACCEPT_TIMEOUT, {"node": node.uuid})["interfaces"]

    def _first(self, row, method: str, timeout: float, arguments: dict) -> dict:
        """The answer of the first conductor that gives one, for the node of that row."""
        for host in self._hosts(row.driver, row.conductor_group, row.uuid):
            answer = self._ask(host, method, timeout, arguments)
            if answer is not None:
                return answer
        raise exceptions.Unavailable(f"No conductor answered for hardware type {row.driver}.")

    def _hosts(self, hardware_type: str | None, group: str | None, key: str) -> list[str]:
        """Whom to ask, in order. :raises Unavailable: if the bus is not there: nothing was sent

        The library makes its queue for answers in the first call and tries for ever, however
        short the call's own timeout, and would send the call when the bus is back, hours later.
        So before the first call it is found out whether the bus is there.
        """
        hosts = self.view.rings().hosts(hardware_type, group, key)
        if hosts and not self._reached:
            try:
                self._send_hint([])
            except BUS_DOWN as error:
                raise exceptions.Unavailable("The message bus cannot be reached.") from error
            self._reached = True
        return hosts

    def _ask(self, host: str, method: str, timeout: float, arguments: dict) -> dict | None:
        """One call to one host; None if it did not answer, or does not know the call yet.

        :raises ProvisionerError:
        """
        call = self._rpc.prepare(server=host, timeout=timeout, retry=CALL_RETRIES,
                                 version=VERSIONS.get(method, transport.VERSION))
        try:
            answer = call.call({}, method, **arguments)
        except oslo_messaging.UnsupportedVersion:
            return None
        except oslo_messaging.RemoteError as error:
            # The same over a real bus, which brings foreign exceptions by name.
            if error.exc_type != "UnsupportedVersion":
                raise
            return None
        except BUS_DOWN:
            return None
        if "error" in answer:
            raise exceptions.from_dict(answer["error"])
        return answer

    def hint(self, *task_uuids: str) -> None:
        """Make the conductors look for work now. May be lost; a sweep finds it anyway."""
        self._hints.give(*task_uuids)

    def _send_hint(self, task_uuids: list[str]) -> None:
        self._rpc.prepare(fanout=True, retry=0).cast({}, "hint", tasks=task_uuids)
