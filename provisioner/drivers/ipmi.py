"""Hardware type ``ipmi``: any server whose BMC speaks IPMI 2.0 over LAN.

Requests are single commands of IPMI 2.0; the channel's transport is
:class:`provisioner.drivers.clients.rmcp.RmcpPool`. BMCs acknowledge and do nothing, or do it
seconds later: nothing here takes an acknowledgement for the deed.
"""

from collections.abc import Callable, Sequence

from provisioner import exceptions, states
from provisioner.drivers import base, ipmi_inventory
from provisioner.drivers.boot.ipxe import IpxeBoot
from provisioner.drivers.clients import rmcp_codes, rmcp_settings
from provisioner.drivers.clients.rmcp import Request, RmcpPool
from provisioner.drivers.deploy.direct import DirectDeploy
from provisioner.drivers.inspect.agent import AgentInspect
from provisioner.drivers.inspect.none import NoInspect
from provisioner.drivers.network.noop import NoopNetwork
from provisioner.drivers.network.switch import SwitchNetwork

# Chassis commands (IPMI 2.0 chapter 28).
_CHASSIS = 0x00
_STATUS = Request(_CHASSIS, 0x01)
_CONTROL, _SET_BOOT, _GET_BOOT = 0x02, 0x08, 0x09
_OFF, _ON, _RESET, _DIAGNOSTIC, _SOFT = 0, 1, 3, 4, 5
_OPERATIONS = {states.POWER_OFF: _OFF, states.POWER_ON: _ON, states.REBOOT: _RESET,
               states.SOFT_POWER_OFF: _SOFT}

# System boot options (IPMI 2.0 table 28-14).
_VALID_CLEARING, _BOOT_FLAGS = 3, 5
_KEEP_VALID_AFTER_60_S = 0x08
_FLAGS_VALID, _FLAGS_PERSISTENT, _FLAGS_EFI = 0x80, 0x40, 0x20
_DEVICES = {"pxe": 0x04, "disk": 0x08, "cdrom": 0x14, "bios": 0x18, "safe": 0x0C, "floppy": 0x3C}
_DEVICE_MASK = 0x3C
#: what a sensor says -> what the node's health is, the worst first
_GRADES = (("non-recoverable", "Critical"), ("critical", "Critical"), ("warning", "Warning"))
_BOOT_SETTINGS = (
    base.Setting("ipmi_disable_boot_timeout", "Keep a boot device that was set for more than the "
                 "60 s after which BMCs forget it.", kind="bool", default=True),
    base.Setting("ipmi_force_boot_device", "The BMC forgets a persistent boot device: set it for "
                 "the next boot only, before each power-on.", kind="bool", default=False),
)


class _IpmiInterface(base.Interface):
    """What both interfaces share: the settings that lead to the BMC."""

    transport = "ipmi"
    settings = rmcp_settings.SETTINGS

    def validate(self, node: base.NodeView) -> None:
        rmcp_settings.parse(node.driver_info)
        base.check_settings(self.settings, rmcp_settings.plain(node.driver_info))


class IpmiPower(_IpmiInterface, base.PowerInterface):
    """Power by chassis control (IPMI 2.0 section 28.3)."""

    bulk = True

    def get_power_state(self, channel: base.Channel, node: base.NodeView) -> str:
        return _power(channel.read(_STATUS))

    def set_power_state(self, channel: base.Channel, node: base.NodeView, target: str) -> None:
        """One command. A reset of a machine that is off turns it on: the target is the same.

        A BMC may refuse what already holds; that is no error.
        """
        if target not in _OPERATIONS:
            raise exceptions.Unsupported(f"IPMI has no command for \"{target}\".")
        try:
            channel.send(_control(_OPERATIONS[target]))
        except exceptions.RequestRefused as error:
            if error.where.get("completion_code") != rmcp_codes.NOT_IN_THIS_STATE:
                raise
            self._not_in_this_state(channel, node, target)

    def read_many(self, pool: RmcpPool, nodes: Sequence[base.NodeView],
                  on_result: Callable[[int, str | exceptions.ProvisionerError], None],
                  timeout: float = 10.0) -> None:
        def received(index: int, value: bytes | exceptions.ProvisionerError) -> None:
            if isinstance(value, bytes):
                value = _power(value) if value else _no_data()
            on_result(index, value)
        pool.read_many([node.driver_info for node in nodes], _STATUS, timeout, on_result=received)

    def supported(self) -> tuple[str, ...]:
        return tuple(_OPERATIONS)

    def _not_in_this_state(self, channel: base.Channel, node: base.NodeView,
                           target: str) -> None:
        """The BMC says that it cannot do this now: is it done already?"""
        wanted = states.POWER_TARGETS[target]
        if target == states.REBOOT:
            channel.send(_control(_ON))
        elif self.get_power_state(channel, node) != wanted:
            raise exceptions.RequestRefused(
                f"The BMC refuses \"{target}\" in the present state of the machine.",
                remedy="Look at the machine's front panel and the BMC's event log.",
                completion_code=rmcp_codes.NOT_IN_THIS_STATE)


class IpmiManagement(_IpmiInterface, base.ManagementInterface):
    """Boot device, sensors, identity and NMI (IPMI 2.0 chapters 28, 33 to 35)."""

    settings = rmcp_settings.SETTINGS + _BOOT_SETTINGS
    periodics = (base.PeriodicSpec("sensor_health", 600.0, "get_health"),)

    def set_boot_device(self, channel: base.Channel, node: base.NodeView, device: str,
                        persistent: bool) -> None:
        if device not in _DEVICES:
            raise exceptions.Unsupported(f"IPMI knows no boot device \"{device}\".",
                                         remedy=f"Use one of: {', '.join(_DEVICES)}.")
        values = base.check_settings(_BOOT_SETTINGS, node.driver_info)
        if values["ipmi_disable_boot_timeout"]:
            self._keep_valid(channel)
        flags = _FLAGS_VALID | (_FLAGS_EFI if boot_mode(node) == "uefi" else 0)
        if persistent and not values["ipmi_force_boot_device"]:
            flags |= _FLAGS_PERSISTENT
        channel.send(Request(_CHASSIS, _SET_BOOT,
                             bytes([_BOOT_FLAGS, flags, _DEVICES[device], 0, 0, 0])))

    def get_boot_device(self, channel: base.Channel, node: base.NodeView) -> dict:
        data = channel.read(Request(_CHASSIS, _GET_BOOT, bytes([_BOOT_FLAGS, 0, 0])))
        if len(data) < 4 or not data[2] & _FLAGS_VALID:
            return {"boot_device": None, "persistent": None}
        names = {number: name for name, number in _DEVICES.items()}
        return {"boot_device": names.get(data[3] & _DEVICE_MASK),
                "persistent": bool(data[2] & _FLAGS_PERSISTENT)}

    def supported_boot_devices(self) -> tuple[str, ...]:
        return tuple(_DEVICES)

    def get_sensors(self, channel: base.Channel, node: base.NodeView) -> dict:
        return ipmi_inventory.sensors(channel)

    def get_health(self, channel: base.Channel, node: base.NodeView) -> dict:
        """The worst health of any sensor: ``{"health": "OK" | "Warning" | "Critical"}``."""
        seen = {sensor["health"] for sensor in self.get_sensors(channel, node).values()}
        worst = next((grade for health, grade in _GRADES if health in seen), "OK")
        return {"health": worst}

    def get_identity(self, channel: base.Channel, node: base.NodeView) -> dict:
        return ipmi_inventory.identity(channel)

    def inject_nmi(self, channel: base.Channel, node: base.NodeView) -> None:
        channel.send(_control(_DIAGNOSTIC))

    @staticmethod
    def _keep_valid(channel: base.Channel) -> None:
        """Many BMCs lack this option; those keep the flags for 60 s, and take them all the same."""
        try:
            channel.send(Request(_CHASSIS, _SET_BOOT,
                                 bytes([_VALID_CLEARING, _KEEP_VALID_AFTER_60_S])))
        except (exceptions.RequestRefused, exceptions.Unsupported):
            return


def boot_mode(node: base.NodeView) -> str:
    """``uefi`` or ``bios``, from ``properties["capabilities"]``; ``uefi`` where it says nothing."""
    capabilities = node.properties.get("capabilities") or {}
    if isinstance(capabilities, str):
        pairs = (pair.partition(":") for pair in capabilities.split(","))
        capabilities = {key.strip(): value.strip() for key, _, value in pairs}
    return capabilities.get("boot_mode", "uefi")


def _control(operation: int) -> Request:
    return Request(_CHASSIS, _CONTROL, bytes([operation]))


def _power(status: bytes) -> str:
    """Power state in a Get Chassis Status response (IPMI 2.0 section 28.2)."""
    if not status:
        raise _no_data()
    return states.POWER_ON if status[0] & 1 else states.POWER_OFF


def _no_data() -> exceptions.RequestRefused:
    return exceptions.RequestRefused("The BMC answered a power status request without data.",
                                     remedy="Update the BMC's firmware.")


IpmiHardware = base.HardwareType(
    "ipmi", "Servers with an IPMI 2.0 BMC",
    {"power": {"ipmi": IpmiPower()}, "management": {"ipmi": IpmiManagement()},
     "boot": {"ipxe": IpxeBoot()}, "deploy": {"direct": DirectDeploy()},
     "inspect": {"agent": AgentInspect(), "no-inspect": NoInspect()},
     "network": {"noop": NoopNetwork(), "switch": SwitchNetwork()}})
