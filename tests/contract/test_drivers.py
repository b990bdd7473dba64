"""Each hardware type against the contract; a new one adds its rig here."""

import pytest

from provisioner import exceptions, states
from provisioner.clock import Clock
from provisioner.drivers import base
from provisioner.drivers.clients.fake import FakePool
from provisioner.drivers.clients.maas import MaasPool
from provisioner.drivers.clients.rmcp import RmcpPool
from provisioner.drivers.fake import FakeHardware
from provisioner.drivers.ipmi import IpmiHardware
from provisioner.drivers.maas import MaasHardware
from provisioner.drivers.manual import ManualManagement
from provisioner.simulator.maas import machine as maas_machine
from provisioner.simulator.maas.machine import Power
from provisioner.simulator.maas.plant import hardware as machine_of
from provisioner.simulator.maas.region import Region
from tests import maas, simulated
from tests.contract.drivers import HardwareTypeContract, ManagementContract, PowerContract, Rig

_NAMES = {states.POWER_ON: "on", states.POWER_OFF: "off"}


class TestHardwareTypes(HardwareTypeContract):
    @pytest.fixture(params=[FakeHardware, IpmiHardware, MaasHardware, ManualManagement],
                    ids=lambda hardware: hardware.name)
    def hardware(self, request):
        return request.param


class FakeRig(Rig):
    hardware = FakeHardware

    def __init__(self):
        self.pool = FakePool(Clock())
        self.settings = {}

    @property
    def node(self):
        return base.NodeView("0a" * 16, "node-1", self.settings)

    def power(self):
        return self.interface("power").get_power_state(self._healthy(), self.node)

    def set_power(self, state):
        self.interface("power").set_power_state(self._healthy(), self.node, state)

    def refuse_power(self):
        self.settings["fake_fail"] = "power.set"

    def disappear(self):
        self.settings.update(fake_error="Unreachable", fake_fail=(
            "power.set,power.get,management.get_boot_device,management.get_sensors,"
            "management.get_identity"))

    def delay_power(self):
        self.settings["fake_power_delay"] = 3600

    def _healthy(self):
        settings, self.settings = self.settings, {}
        channel = self.channel()
        self.settings = settings
        return channel


class TestFake(PowerContract, ManagementContract):
    @pytest.fixture
    def rig(self):
        return FakeRig()


class IpmiRig(Rig):
    hardware = IpmiHardware

    def __init__(self, fleet, node, pool):
        self.fleet, self.name, self.pool = fleet, node["name"], pool
        self.node = base.NodeView("0b" * 16, node["name"], {
            "ipmi_address": node["address"], "ipmi_port": node["bmc_port"],
            "ipmi_username": node["user"], "ipmi_password": node["password"]})

    def power(self):
        return {name: state for state, name in _NAMES.items()}[
            self.fleet.machine(self.name)["power"]]

    def set_power(self, state):
        self.fleet.control("POST", f"/machines/{self.name}/power", {"power": _NAMES[state]})

    def refuse_power(self):
        self.fleet.faults(self.name, refuse=0xCC)

    def disappear(self):
        self.fleet.faults(self.name, mute=True)

    def delay_power(self):
        self.fleet.faults(self.name, power_delay=3600)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    with simulated.fleet(60, tmp_path_factory.mktemp("fleet")) as running:
        yield running


@pytest.fixture(scope="module")
def unused(fleet):
    """Machines that no test has touched."""
    return iter(fleet.nodes)


class TestIpmi(PowerContract, ManagementContract):
    @pytest.fixture
    def rig(self, fleet, unused):
        pool = RmcpPool(Clock(), pause=0.1)
        yield IpmiRig(fleet, next(unused), pool)
        pool.close()

    def test_a_bmc_that_acknowledges_and_does_nothing_is_read_as_it_is(self, rig, fleet):
        fleet.faults(rig.name, ack_without_doing=1)
        power = rig.interface("power")
        power.set_power_state(rig.channel(), rig.node, states.POWER_ON)
        assert power.get_power_state(rig.channel(), rig.node) == states.POWER_OFF
        power.set_power_state(rig.channel(), rig.node, states.POWER_ON)
        assert power.get_power_state(rig.channel(), rig.node) == states.POWER_ON

    def test_one_session_serves_all_interfaces(self, rig, fleet):
        management = rig.interface("management")
        rig.interface("power").get_power_state(rig.channel(), rig.node)
        management.get_sensors(rig.channel(), rig.node)
        management.get_identity(rig.channel(), rig.node)
        assert fleet.machine(rig.name)["sessions_max"] == 1

    def test_a_boot_device_for_uefi_says_so_to_the_firmware(self, rig, fleet):
        rig.interface("management").set_boot_device(rig.channel(), rig.node, "disk", False)
        machine = fleet.machine(rig.name)
        assert (machine["boot_device"], machine["boot_efi"]) == ("disk", True)


class MaasRig(Rig):
    """A deployed machine of a region: only those are powered on by it."""

    hardware = MaasHardware

    def __init__(self, served, pool):
        self.served, self.pool = served, pool
        plant = served.region.plant[0]
        self.machine = served.region.add_machine(plant.name, [plant.mac], Power(
            "ipmi", {"power_address": plant.bmc}, "off"))
        self.machine.life.status, self.machine.owner = maas_machine.DEPLOYED, "admin"
        self.node = base.NodeView("0d" * 16, plant.name, {
            "maas_url": served.url, "maas_api_key": served.api_key,
            "maas_system_id": self.machine.system_id})

    def power(self):
        return states.POWER_ON if self.machine.hardware.power else states.POWER_OFF

    def set_power(self, state):
        self.machine.hardware.power = state == states.POWER_ON
        self.machine.power.state = "on" if self.machine.hardware.power else "off"

    def refuse_power(self):
        self.machine.locked = True

    def disappear(self):
        self.served.region.faults.mute = True

    def delay_power(self):
        self.machine.faults.power_delay = 3600


class TestMaas(PowerContract):
    @pytest.fixture
    def rig(self):
        pool = MaasPool(Clock())
        with maas.serving(Region([machine_of(1)])) as served:
            yield MaasRig(served, pool)
            pool.close()

    def test_identity_is_told_by_the_region(self, rig):
        identity = rig.interface("management").get_identity(rig.channel(), rig.node)
        assert identity["guid"] == rig.machine.system_id

    def test_a_reset_that_shows_late_is_asked_for_again(self, rig):
        """Off and on again: while the first is under way the region refuses the second."""
        rig.set_power(states.POWER_ON)
        rig.delay_power()
        power = rig.interface("power")
        with pytest.raises(exceptions.Unreachable):
            power.set_power_state(rig.channel(), rig.node, states.REBOOT)
        rig.machine.power.busy_until = 0
        power.set_power_state(rig.channel(), rig.node, states.REBOOT)
        assert rig.power() == states.POWER_ON


class TestManual:
    def test_nothing_is_reported_and_nothing_is_done(self):
        power = ManualManagement.interface("power", None)
        node = base.NodeView("0c" * 16, "node-1", {})
        power.validate(node)
        with pytest.raises(exceptions.Unsupported):
            power.get_power_state(None, node)
        for target in states.POWER_TARGETS:
            with pytest.raises(exceptions.Unsupported):
                power.set_power_state(None, node, target)
