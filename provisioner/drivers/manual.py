"""Hardware type ``manual-management``: machines that people switch on and off.

Nothing reaches the machine until its ramdisk runs. A task that needs a power change fails with an
error that says so, rather than wait for something that nobody was asked to do.
"""

from provisioner import exceptions
from provisioner.drivers import base
from provisioner.drivers.boot.ipxe import IpxeBoot
from provisioner.drivers.deploy.direct import DirectDeploy
from provisioner.drivers.inspect.agent import AgentInspect
from provisioner.drivers.inspect.none import NoInspect
from provisioner.drivers.network.noop import NoopNetwork


class ManualPower(base.PowerInterface):
    """Neither reads nor changes power."""

    def get_power_state(self, channel: base.Channel, node: base.NodeView) -> str:
        raise _by_hand()

    def set_power_state(self, channel: base.Channel, node: base.NodeView, target: str) -> None:
        raise _by_hand()

    def supported(self) -> tuple[str, ...]:
        return ()


class NoopManagement(base.ManagementInterface):
    """Takes every boot device and sets none: firmware or people choose it."""

    def set_boot_device(self, channel: base.Channel, node: base.NodeView, device: str,
                        persistent: bool) -> None:
        return

    def get_boot_device(self, channel: base.Channel, node: base.NodeView) -> dict:
        return {"boot_device": None, "persistent": None}


def _by_hand() -> exceptions.Unsupported:
    return exceptions.Unsupported("The power of this machine is managed by hand.",
                                  remedy="Switch it yourself, or give the node another driver.")


ManualManagement = base.HardwareType(
    "manual-management", "Machines that people switch on and off",
    {"power": {"manual": ManualPower()}, "management": {"noop": NoopManagement()},
     "boot": {"ipxe": IpxeBoot()}, "deploy": {"direct": DirectDeploy()},
     "inspect": {"agent": AgentInspect(), "no-inspect": NoInspect()},
     "network": {"noop": NoopNetwork()}})
