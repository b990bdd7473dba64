"""Hardware type ``maas``: machines that a MAAS region commissions, deploys and powers.

Requests go to the region's REST API 2.0; the channel's transport is
:class:`provisioner.drivers.clients.maas.MaasPool`. The region, not this program, decides what a
machine boots, and a machine's own BMC may be used beside it for power.
"""

import collections
from collections.abc import Callable, Sequence

from provisioner import exceptions, states
from provisioner.drivers import base
from provisioner.drivers.clients.maas import MaasPool, Watch
from provisioner.drivers.inspect.none import NoInspect
from provisioner.drivers.ipmi import IpmiManagement, IpmiPower
from provisioner.drivers.maas_deploy import MaasDeploy
from provisioner.drivers.maas_inspect import MaasInspect
from provisioner.drivers.maas_machine import (
    LIST_TIMEOUT,
    MaasInterface,
    find,
    handle,
    known_id,
)
from provisioner.drivers.network.noop import NoopNetwork

_STATES = {"on": states.POWER_ON, "off": states.POWER_OFF}
_IDENTITY = {"manufacturer": "system_vendor", "product": "system_product",
             "serial": "system_serial"}


class MaasPower(MaasInterface, base.PowerInterface):
    """Power through the region, which asks the BMC. It powers on only what is allocated."""

    bulk = True

    def get_power_state(self, channel: base.Channel, node: base.NodeView) -> str:
        return _state(handle(channel, node).query("query_power_state", LIST_TIMEOUT)["state"])

    def set_power_state(self, channel: base.Channel, node: base.NodeView, target: str) -> None:
        """MAAS has no reset: a machine that is on is powered off and on.

        Where the first of the two shows late the region refuses the second for now; asking again
        finds the machine off, and powers it on.
        """
        machine = handle(channel, node)
        if target in (states.POWER_OFF, states.SOFT_POWER_OFF):
            machine.operate("power_off",
                            stop_mode="soft" if target == states.SOFT_POWER_OFF else "hard")
            return
        if target not in (states.POWER_ON, states.REBOOT):
            raise exceptions.Unsupported(f"MAAS has no operation for \"{target}\".")
        if target == states.REBOOT and self.get_power_state(channel, node) == states.POWER_ON:
            machine.operate("power_off", stop_mode="hard")
        machine.operate("power_on")

    def supported(self) -> tuple[str, ...]:
        return (states.POWER_ON, states.POWER_OFF, states.REBOOT, states.SOFT_POWER_OFF)

    def read_many(self, pool: MaasPool, nodes: Sequence[base.NodeView],
                  on_result: Callable[[int, str | exceptions.ProvisionerError], None],
                  timeout: float = 10.0) -> None:
        """What each region last knew: one list request for all its machines."""
        groups = collections.defaultdict(list)
        for index, node in enumerate(nodes):
            try:
                transport = pool.transport(
                    base.check_settings(self.settings, node.driver_info))
                groups[transport].append((index, self._id(transport, node)))
            except exceptions.ProvisionerError as error:
                on_result(index, error)
        for transport, members in groups.items():
            self._read_region(transport, members, on_result)

    @staticmethod
    def _id(transport: base.Transport, node: base.NodeView) -> str:
        own = known_id(node)
        if own is None:
            own = (find(_Reader(transport), node) or {}).get("system_id")
        if own is None:
            raise _unknown()
        return own

    @staticmethod
    def _read_region(transport: base.Transport, members: list[tuple[int, str]],
                     on_result: Callable) -> None:
        ids = tuple(dict.fromkeys(own for _, own in members))
        try:
            records = transport.exchange(Watch(ids), LIST_TIMEOUT, lambda: None)
        except exceptions.HardwareError as error:
            for index, _ in members:
                on_result(index, error)
            return
        for index, own in members:
            on_result(index, _reading(records.get(own)))


class _Reader:
    """A channel that only reads, for what is read without one machine's channel."""

    def __init__(self, transport: base.Transport):
        self._transport = transport

    def read(self, request, timeout: float = 10.0):
        return self._transport.exchange(request, timeout, lambda: None)


def _unknown() -> exceptions.Unreachable:
    return exceptions.Unreachable("MAAS does not know this machine's power state.",
                                  remedy="Check the machine and its power type in MAAS.")


def _state(told: str) -> str:
    """:raises Unreachable: MAAS cannot tell"""
    if told not in _STATES:
        raise _unknown()
    return _STATES[told]


def _reading(record: dict | None) -> str | exceptions.ProvisionerError:
    return _STATES.get((record or {}).get("power_state")) or _unknown()


class MaasManagement(MaasInterface, base.ManagementInterface):
    """MAAS machines always boot from the network; the region sends them on to their disk."""

    def set_boot_device(self, channel: base.Channel, node: base.NodeView, device: str,
                        persistent: bool) -> None:
        if device not in ("pxe", "disk"):
            raise exceptions.Unsupported(f"MAAS does not boot machines from \"{device}\".")

    def get_boot_device(self, channel: base.Channel, node: base.NodeView) -> dict:
        return {"boot_device": None, "persistent": None}

    def get_identity(self, channel: base.Channel, node: base.NodeView) -> dict:
        record = handle(channel, node).require()
        info = record.get("hardware_info") or {}
        return {"guid": record["system_id"],
                **{name: info.get(key) or "Unknown" for name, key in _IDENTITY.items()}}


class MaasBoot(base.BootInterface):
    """The region serves what its machines boot: nothing is rendered here."""

    def ramdisk_script(self, node: base.NodeView, boot: base.RamdiskBoot) -> str:
        raise exceptions.Unsupported("MAAS boots its machines itself: they run no deploy ramdisk.")

    def local_script(self, node: base.NodeView) -> str:
        return "#!ipxe\nexit\n"


MaasHardware = base.HardwareType(
    "maas", "Machines of a MAAS region",
    {"power": {"maas": MaasPower(), "ipmi": IpmiPower()},
     "management": {"maas": MaasManagement(), "ipmi": IpmiManagement()},
     "boot": {"maas": MaasBoot()}, "deploy": {"maas": MaasDeploy()},
     "inspect": {"maas": MaasInspect(), "no-inspect": NoInspect()},
     "network": {"noop": NoopNetwork()}})
