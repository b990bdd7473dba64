"""Hardware type ``fake-hardware``: machines in memory, for tests and for trying the service out.

Every interface does what a real one does, on :class:`provisioner.drivers.clients.fake.FakePool`;
the real interfaces of the ramdisk can be mixed in by name.
"""

from provisioner import exceptions, states
from provisioner.drivers import base
from provisioner.drivers.boot.ipxe import IpxeBoot
from provisioner.drivers.clients import fake
from provisioner.drivers.clients.fake import Request
from provisioner.drivers.deploy.direct import DirectDeploy
from provisioner.drivers.inspect.agent import AgentInspect
from provisioner.drivers.inspect.none import NoInspect
from provisioner.drivers.network.noop import NoopNetwork
from provisioner.drivers.network.switch import SwitchNetwork

_CLEAN_STEP = {"interface": "deploy", "step": "erase_devices_metadata", "priority": 10}
_WRITE_IMAGE = {"interface": "deploy", "step": "write_image"}


class _FakeInterface(base.Interface):
    """What all of them share: settings that make machines late and wrong."""

    transport = "fake"
    settings = fake.SETTINGS

    def validate(self, node: base.NodeView) -> None:
        fake.parse(node.driver_info)


class FakePower(_FakeInterface, base.PowerInterface):
    """Power that changes after ``fake_power_delay`` seconds."""

    def get_power_state(self, channel: base.Channel, node: base.NodeView) -> str:
        return channel.read(Request(node.uuid, "power.get"))

    def set_power_state(self, channel: base.Channel, node: base.NodeView, target: str) -> None:
        if target not in self.supported():
            raise exceptions.Unsupported(f"A fake machine has no \"{target}\".")
        channel.send(Request(node.uuid, "power.set", (target,)))

    def supported(self) -> tuple[str, ...]:
        return (states.POWER_ON, states.POWER_OFF, states.REBOOT, states.SOFT_POWER_OFF)


class FakeManagement(_FakeInterface, base.ManagementInterface):
    """A boot device that is remembered, sensors that never move."""

    def set_boot_device(self, channel: base.Channel, node: base.NodeView, device: str,
                        persistent: bool) -> None:
        channel.send(Request(node.uuid, "management.set_boot_device", (device, persistent)))

    def get_boot_device(self, channel: base.Channel, node: base.NodeView) -> dict:
        return channel.read(Request(node.uuid, "management.get_boot_device"))

    def supported_boot_devices(self) -> tuple[str, ...]:
        return states.BOOT_DEVICES

    def get_sensors(self, channel: base.Channel, node: base.NodeView) -> dict:
        channel.read(Request(node.uuid, "management.get_sensors"))
        return {"Inlet Temp": {"value": 21.0, "units": "C", "health": "ok"}}

    def get_identity(self, channel: base.Channel, node: base.NodeView) -> dict:
        channel.read(Request(node.uuid, "management.get_identity"))
        return {"guid": node.uuid, "manufacturer": "Fake", "product": "Machine",
                "serial": node.uuid[:8]}

    def inject_nmi(self, channel: base.Channel, node: base.NodeView) -> None:
        channel.send(Request(node.uuid, "management.inject_nmi"))


class FakeBoot(base.BootInterface):
    """Scripts that go straight to the disk: there is no firmware to fetch them."""

    def ramdisk_script(self, node: base.NodeView, boot: base.RamdiskBoot) -> str:
        return "#!ipxe\nexit\n"

    def local_script(self, node: base.NodeView) -> str:
        return "#!ipxe\nexit\n"


class FakeDeploy(_FakeInterface, base.DeployInterface):
    """Images that are on the disk after ``fake_deploy_delay`` seconds."""

    needs_agent = False

    def get_steps(self, channel: base.Channel, node: base.NodeView, what: str) -> list[dict]:
        channel.read(Request(node.uuid, "deploy.get_steps"))
        return [dict(_CLEAN_STEP)] if what == "clean" else []

    def start_step(self, channel: base.Channel, node: base.NodeView, what: str,
                   step: dict) -> None:
        channel.send(Request(node.uuid, "deploy.start", (f"execute_{what}_step", step)))

    def start_image(self, channel: base.Channel, node: base.NodeView) -> None:
        self.start_step(channel, node, "deploy", _WRITE_IMAGE)

    def command(self, channel: base.Channel, node: base.NodeView, name: str,
                step: dict | None = None) -> dict | None:
        return channel.read(Request(node.uuid, "deploy.command", (name, step)))

    def power_off(self, channel: base.Channel, node: base.NodeView) -> None:
        channel.send(Request(node.uuid, "power.set", (states.POWER_OFF,)))


class FakeInspect(_FakeInterface, base.InspectInterface):
    """An inventory that is the same for every machine."""

    def inventory(self, channel: base.Channel, node: base.NodeView) -> dict:
        channel.read(Request(node.uuid, "inspect.inventory"))
        interfaces = [{"name": f"eth{index}", "mac_address": port.address}
                      for index, port in enumerate(node.ports)]
        return {"cpu": {"count": 8, "architecture": "x86_64"}, "interfaces": interfaces,
                "memory": {"physical_mb": 16384, "total": 16384 << 20},
                "disks": [{"name": "/dev/sda", "size": 100 << 30}]}


class FakeNetwork(_FakeInterface, base.NetworkInterface):
    """Switch ports that remember their mode."""

    def interrogate(self, channel: base.Channel, node: base.NodeView,
                    port: base.PortView) -> dict:
        return {"mode": channel.read(Request(node.uuid, "network.interrogate", (port.address,)))}

    def set_mode(self, channel: base.Channel, node: base.NodeView, port: base.PortView,
                 mode: str) -> None:
        channel.send(Request(node.uuid, "network.set_mode", (port.address, mode)))


FakeHardware = base.HardwareType(
    "fake-hardware", "Machines in memory, for tests and demonstrations",
    {"power": {"fake": FakePower()}, "management": {"fake": FakeManagement()},
     "boot": {"fake": FakeBoot(), "ipxe": IpxeBoot()},
     "deploy": {"fake": FakeDeploy(), "direct": DirectDeploy()},
     "inspect": {"fake": FakeInspect(), "agent": AgentInspect(), "no-inspect": NoInspect()},
     "network": {"fake": FakeNetwork(), "noop": NoopNetwork(), "switch": SwitchNetwork()}})
