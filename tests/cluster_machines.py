"""The machines of a simulated cluster: fake hardware and ramdisk agents, at the wire.

All conductors of a :class:`tests.cluster.Cluster` reach the same machines, each through pools of
its own, so that what went out is known by who sent it. An agent comes up when its machine is
switched on with the boot device ``pxe`` and a boot script that names a kernel; it looks its node
up and beats as the API would record it.
"""

import copy
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from provisioner import exceptions, states
from provisioner.db import agents, boot_scripts, nodes, ports, signals
from provisioner.db.session import Database
from provisioner.drivers.clients.fake import FakePool, FakeTransport, Request
from provisioner.drivers.clients.maas import MaasPool
from tests import maas_region

CHANGING = frozenset({"power.set", "management.set_boot_device", "management.inject_nmi",
                      "deploy.start", "network.set_mode"})
#: seconds that an agent takes for a step
STEP_SECONDS = 2.0
URL = "http://agent.invalid/"
INVENTORY = {"cpu": {"count": 4, "architecture": "x86_64"}, "memory": {"physical_mb": 8192},
             "disks": [{"name": "/dev/sda", "size": 100 << 30}]}


@dataclasses.dataclass(frozen=True)
class Sent:
    """A changing request that went out."""

    node: str
    what: str
    incarnation: str
    at: float


class Agent:
    """One boot of the ramdisk on one machine.

    :ivar token: what the API gave it, once it has looked its node up
    """

    def __init__(self, world: "World", node: str):
        self._world = world
        self._node = node
        self.token: str | None = None
        self.commands: list[tuple[dict, float]] = []

    def answer(self, method: str, json: Mapping[str, Any] | None) -> dict:
        now = self._world.clock.elapsed()
        if method == "GET":
            return {"commands": [self._told(command, until, now)
                                 for command, until in self.commands]}
        name = json["name"].partition(".")[2]
        command = {"command_name": name, "command_params": json["params"],
                   "command_status": "RUNNING", "command_result": None}
        if name == "power_off":
            self._world.halt(self._node)
        elif name.startswith("get_"):
            return {**command, "command_status": "SUCCEEDED", "command_result": {
                "hardware_manager_version": {"generic": "1"},
                "clean_steps": {"generic": self._world.clean_steps}}}
        elif name.startswith("execute_"):
            self._world.ran.append((self._node, json["params"]["step"]["step"]))
            self.commands.append((command, now + STEP_SECONDS))
        return {**command, "command_status": "SUCCEEDED"}

    @staticmethod
    def _told(command: dict, until: float, now: float) -> dict:
        if until > now:
            return {**command, "command_status": "RUNNING"}
        what = command["command_name"].removeprefix("execute_").removesuffix("_step")
        return {**command, "command_status": "SUCCEEDED", "command_result": {
            f"{what}_result": "ok", f"{what}_step": command["command_params"]["step"]}}


class World:
    """All machines, and what was sent to them.

    :param clock: simulated
    :ivar sent: changing requests in order
    :ivar ran: (node, step) of every step that an agent was told to run
    :ivar fault: raised by every exchange while it is set
    :ivar silent: nodes whose agents never call
    :ivar labels: of the machines' nodes in Kubernetes
    """

    def __init__(self, clock):
        self.clock = clock
        self.pool = FakePool(clock)
        self.agents: dict[str, Agent] = {}
        self.sent: list[Sent] = []
        self.ran: list[tuple[str, str]] = []
        self.fault: exceptions.HardwareError | None = None
        self.silent: set[str] = set()
        self.labels: dict[str, dict[str, str]] = {}
        self.region = maas_region.region(clock)
        self.clean_steps = [{"interface": "deploy", "step": "erase_devices_metadata",
                             "priority": 10}]

    def copy(self, clock) -> "World":
        """The same machines in another world, at this moment."""
        other = World(clock)
        other.pool.machines.update(copy.deepcopy(dict(self.pool.machines)))
        for node, agent in self.agents.items():
            other.agents[node] = twin = Agent(other, node)
            twin.token, twin.commands = agent.token, copy.deepcopy(agent.commands)
        other.sent, other.ran, other.silent = list(self.sent), list(self.ran), set(self.silent)
        other.clean_steps = self.clean_steps
        other.labels = copy.deepcopy(self.labels)
        other.region = maas_region.copy_of(self.region, clock)
        return other

    def machine(self, node: str):
        return self.pool.machines[node]

    def switch(self, node: str, target: str, send: Callable[[], Any]) -> Any:
        """Switch a machine; its agent dies with it, and comes with a boot from the network."""
        machine = self.machine(node)
        was_on, device = machine.power == states.POWER_ON, machine.boot_device
        answer = send()
        if states.POWER_TARGETS[target] == states.POWER_OFF or target == states.REBOOT:
            self.agents.pop(node, None)
            was_on = False
        if states.POWER_TARGETS[target] == states.POWER_ON and not was_on and device == "pxe":
            self.agents[node] = Agent(self, node)
        return answer

    def halt(self, node: str) -> None:
        """The agent powers its machine off."""
        self.machine(node).power = states.POWER_OFF
        self.agents.pop(node, None)

    def tick(self, database: Database, box) -> bool:
        """Let agents that have come up call the API; whether one has."""
        return any([self._call_api(database, box, node, agent)
                    for node, agent in list(self.agents.items()) if agent.token is None])

    def _call_api(self, database: Database, box, node: str, agent: Agent) -> bool:
        with database.writer() as tx:
            row = nodes.get(tx, node)
            addresses = [port.address for port in ports.of_node(tx, node)]
            scripts = [boot_scripts.get(tx, address) for address in addresses]
            script = next((found.script for found in scripts if found), "")
            if node in self.silent or "kernel" not in script or (
                    row.provision_state not in states.LOOKUP_ALLOWED):
                return False
            token = f"token-{len(self.ran)}-{self.clock.elapsed()}"
            if not agents.give_token(tx, node, box.seal_text(token)):
                return False
            agents.heartbeat(tx, node, {"url": f"{URL}{node}", "version": "9"})
            if "ipa-inspection-callback-url" in script:
                agents.put_inventory(tx, node, INVENTORY, {})
                signals.send(tx, row.task, "inventory")
            signals.send(tx, row.task, "heartbeat")
        agent.token = token
        return True

    def pools(self, sender: "Sender") -> dict[str, Any]:
        """Transport pools of one conductor process."""
        return {"fake": _FakePool(self, sender), "agent": _AgentPool(self, sender),
                "maas": MaasPool(self.clock, lambda ca: maas_region.Adapter(self, sender)),
                "kubernetes": _Kubernetes(self, sender)}

    def exchange(self, sender: "Sender", node: str, what: str, changes: bool,
                 send: Callable[[], Any]) -> Any:
        """Carry out one exchange, noted and disturbed as the test wants it."""
        if self.fault is not None:
            raise self.fault
        if changes:
            sender.point(f"before {what}")
        answer = send()
        if changes:
            self.sent.append(Sent(node, what, sender.incarnation(), self.clock.elapsed()))
            sender.point(f"after {what}")
        return answer


class Sender:
    """Whose pools these are."""

    def incarnation(self) -> str:
        raise NotImplementedError

    def point(self, name: str) -> None:
        """A moment at which this process may die."""
        raise NotImplementedError


class _Kubernetes:
    """A Kubernetes cluster that every machine has joined: pool and transport in one."""

    def __init__(self, world: World, sender: Sender):
        self._world, self._sender = world, sender

    def transport(self, settings: Mapping[str, Any]) -> "_Kubernetes":
        return self

    def exchange(self, request: Any, timeout: float, check: Callable[[], None]) -> dict:
        def send() -> dict:
            check()
            known = self._world.labels.setdefault(request.node, {})
            known.update(request.labels or {})
            return {"labels": known, "owned": sorted(known)}
        return self._world.exchange(self._sender, request.node, "labels",
                                    request.labels is not None, send)


class _FakePool(FakePool):
    def __init__(self, world: World, sender: Sender):
        super().__init__(world.clock)
        self.machines, self.guard = world.pool.machines, world.pool.guard
        self._world, self._sender = world, sender

    def transport(self, settings: Mapping[str, Any]) -> "_Fake":
        return _Fake(self._world, self._sender, super().transport(settings))


class _Fake:
    def __init__(self, world: World, sender: Sender, inner: FakeTransport):
        self._world, self._sender, self._inner = world, sender, inner

    def exchange(self, request: Request, timeout: float, check: Callable[[], None]) -> Any:
        def send() -> Any:
            return self._inner.exchange(request, timeout, check)

        def switch() -> Any:
            return self._world.switch(request.machine, request.args[0], send)
        return self._world.exchange(
            self._sender, request.machine, request.verb, request.verb in CHANGING,
            switch if request.verb == "power.set" else send)


class _AgentPool:
    def __init__(self, world: World, sender: Sender):
        self._world, self._sender = world, sender

    def transport(self, settings: Mapping[str, Any]) -> "_AgentWire":
        """:raises Unreachable: if no agent has told its URL yet"""
        if not settings.get("agent_url"):
            raise exceptions.Unreachable("No ramdisk agent has reported from this node yet.")
        return _AgentWire(self._world, self._sender, settings)

    def close(self) -> None:
        """Nothing is kept open."""


class _AgentWire:
    def __init__(self, world: World, sender: Sender, settings: Mapping[str, Any]):
        self._world, self._sender = world, sender
        self._node = settings["agent_url"].removeprefix(URL)
        self._token = settings["agent_token"]

    def exchange(self, request: Any, timeout: float, check: Callable[[], None]) -> Any:
        name = (request.json or {}).get("name", "list")
        changes = request.method == "POST" and ".get_" not in name

        def send() -> Any:
            agent = self._world.agents.get(self._node)
            check()
            if agent is None or agent.token is None:
                raise exceptions.Unreachable("The ramdisk agent does not answer.")
            if agent.token != self._token:
                raise exceptions.LoginRefused("The ramdisk agent refuses the token.")
            return agent.answer(request.method, request.json)
        return self._world.exchange(self._sender, self._node, name, changes, send)
