"""Hardware types by entry point, and the connection pools that their interfaces name."""

from collections.abc import Iterable

from stevedore import named

from provisioner import exceptions
from provisioner.clock import Clock
from provisioner.drivers.base import HardwareType, TransportPool
from provisioner.drivers.clients.agent import AgentPool
from provisioner.drivers.clients.fake import FakePool
from provisioner.drivers.clients.kubernetes import KubernetesPool
from provisioner.drivers.clients.maas import MaasPool
from provisioner.drivers.clients.rmcp import RmcpPool
from provisioner.drivers.clients.switch import SwitchPool

NAMESPACE = "provisioner.hardware_types"


def load(names: Iterable[str]) -> list[HardwareType]:
    """The hardware types of these names.

    :raises Misconfigured: if one is not installed, cannot be loaded, or breaks the contract
    """
    wanted = list(names)
    failures: dict[str, Exception] = {}

    def failed(manager, entry_point, error) -> None:
        failures[entry_point.name] = error
    found = named.NamedExtensionManager(NAMESPACE, wanted, invoke_on_load=False,
                                        on_load_failure_callback=failed)
    by_name = {extension.name: extension.plugin for extension in found}
    for name in wanted:
        if name not in by_name:
            reason = f": {failures[name]}" if name in failures else ""
            raise exceptions.Misconfigured(
                f"Hardware type {name} cannot be loaded{reason}.",
                remedy="Install it, or take it out of enabled_hardware_types.")
        _check(name, by_name[name])
    return [by_name[name] for name in wanted]


def _check(name: str, plugin) -> None:
    if not isinstance(plugin, HardwareType):
        raise exceptions.Misconfigured(
            f"Entry point {name} is a {type(plugin).__name__}, not a HardwareType.",
            remedy="Point it at an instance of provisioner.drivers.base.HardwareType.")


def pools(clock: Clock, switches: str | None = None) -> dict[str, TransportPool]:
    """One pool for each kind of transport, by the name that interfaces call it.

    :param switches: path of the file that names the switches
    """
    return {"ipmi": RmcpPool(clock), "agent": AgentPool(clock), "maas": MaasPool(clock),
            "fake": FakePool(clock), "kubernetes": KubernetesPool(),
            "switch": SwitchPool(switches)}
