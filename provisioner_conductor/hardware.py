"""From a node's row to calls of its drivers: secrets are opened here and nowhere else."""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from provisioner import exceptions
from provisioner.drivers.base import (
    HardwareType,
    Interface,
    NodeView,
    PortView,
    TransportPool,
    check_settings,
)
from provisioner.secrets import Box
from provisioner_conductor.channel import Guard, GuardedChannel, NoChannel


def port_view(port: sa.Row) -> PortView:
    return PortView(port.address, port.pxe_enabled, port.local_link_connection,
                    port.physical_network)


class Machine:
    """One node's drivers, with channels that ``guard`` watches.

    :ivar view: what drivers see of the node, secrets opened
    """

    def __init__(self, hardware: "Hardware", node: sa.Row, view: NodeView, guard: Guard,
                 agent: Mapping[str, Any]):
        self._hardware = hardware
        self._node = node
        self._guard = guard
        self._agent = agent
        self.view = view

    def interface(self, kind: str) -> Interface:
        """The node's interface of that kind. :raises InvalidSetting:"""
        return self._hardware.interface(self._node, kind)

    def has(self, kind: str) -> bool:
        return self._hardware.type(self._node.driver).default(kind) is not None

    def call(self, kind: str, method: str, *args: Any, **named: Any) -> Any:
        """``interface.method(channel, view, *args, **named)``.

        :raises HardwareError: :raises LeaseLost:
        """
        interface = self.interface(kind)
        return getattr(interface, method)(self._channel(interface), self.view, *args, **named)

    def channel(self, transport: str, settings: Mapping[str, Any]) -> GuardedChannel:
        """A guarded way to something that is not the machine, on this node's behalf."""
        return GuardedChannel(self._hardware.pools[transport].transport(settings), self._guard)

    def _channel(self, interface: Interface):
        if interface.transport is None:
            return NoChannel()
        if interface.transport == "agent":
            settings = self._agent
        else:
            settings = check_settings(interface.settings, self.view.driver_info)
        pool = self._hardware.pools[interface.transport]
        return GuardedChannel(pool.transport(settings), self._guard)


class Hardware:
    """The hardware types of this conductor and the connections they use.

    :param pools: transport pools by the name that interfaces call them
    """

    def __init__(self, types: Iterable[HardwareType], pools: Mapping[str, TransportPool],
                 box: Box):
        self.types = {hardware_type.name: hardware_type for hardware_type in types}
        self.pools = pools
        self._box = box

    def type(self, name: str) -> HardwareType:
        """:raises InvalidSetting: if this conductor does not serve it"""
        if name not in self.types:
            raise exceptions.InvalidSetting(f"This conductor does not serve driver {name}.",
                                            remedy=f"Use one of: {', '.join(self.types)}.")
        return self.types[name]

    def interface(self, node: sa.Row, kind: str) -> Interface:
        return self.type(node.driver).interface(kind, getattr(node, f"{kind}_interface"))

    def seal(self, driver: str, info: Mapping[str, Any]) -> dict[str, Any]:
        """``driver_info`` with its secrets sealed, by name and by what the driver declares."""
        secret = [setting.name for setting in self.type(driver).settings().values()
                  if setting.secret]
        return self._box.seal(info, secret)

    def seal_text(self, plain: str) -> str:
        """A text that holds secrets, as it may rest in a row."""
        return self._box.seal_text(plain)

    def open_text(self, sealed: str) -> str:
        return self._box.open_text(sealed)

    def open(self, info: Mapping[str, Any]) -> dict[str, Any]:
        """``driver_info`` in plain. Never to be logged or stored."""
        return self._box.open(info)

    def view(self, node: sa.Row, ports: Iterable[sa.Row]) -> NodeView:
        """What drivers see of a node, secrets opened. Never to be logged or stored."""
        return NodeView(
            uuid=node.uuid, name=node.name, driver_info=self._box.open(node.driver_info),
            properties=node.properties, instance_info=self._box.open(node.instance_info),
            ports=tuple(port_view(port) for port in ports))

    def machine(self, node: sa.Row, ports: Iterable[sa.Row], agent: sa.Row | None,
                guard: Guard) -> Machine:
        known: dict[str, Any] = {"agent_url": None, "agent_token": None, "agent_verify_ca": None}
        if agent is not None:
            known = {"agent_url": agent.url, "agent_verify_ca": agent.verify_ca,
                     "agent_token": self._box.open_text(agent.token) if agent.token else None}
        return Machine(self, node, self.view(node, ports), guard, known)

    def validate(self, node: sa.Row, ports: Iterable[sa.Row], kinds: Iterable[str]) -> None:
        """Check settings of these kinds of interface without hardware. :raises InvalidSetting:"""
        view = self.view(node, ports)
        for kind in kinds:
            self.interface(node, kind).validate(view)

    def report(self, node: sa.Row, ports: Iterable[sa.Row]) -> dict[str, dict]:
        """``{kind: {"result": bool, "reason": str | None}}`` of every kind the type has."""
        view = self.view(node, ports)
        answers = {}
        for kind in self.type(node.driver).interfaces:
            try:
                self.interface(node, kind).validate(view)
                answers[kind] = {"result": True, "reason": None}
            except exceptions.Invalid as error:
                answers[kind] = {"result": False, "reason": error.message}
        return answers

    def offers(self) -> dict[str, dict]:
        """What to register: per hardware type its interfaces and settings, as plain data."""
        return {name: {
            "interfaces": {kind: list(named) for kind, named in type_.interfaces.items()},
            "settings": {setting.name: {
                "help": setting.help, "required": setting.required, "secret": setting.secret,
                "kind": setting.kind, "default": setting.default,
                "choices": list(setting.choices)} for setting in type_.settings().values()},
        } for name, type_ in self.types.items()}

    def close(self) -> None:
        for pool in self.pools.values():
            pool.close()
