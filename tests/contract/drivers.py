"""What every driver promises, as test classes; a driver's test supplies a rig.

A rig is a machine of that kind under the test's control: it knows the truth about the machine by
another way than the driver, and can make it late, silent or refusing::

    class TestRedfish(PowerContract, ManagementContract):
        @pytest.fixture
        def rig(self): ...
"""

import abc
import contextlib
import json

import pytest

from provisioner import exceptions, states
from provisioner.drivers import base

KINDS = {"power": base.PowerInterface, "management": base.ManagementInterface,
         "boot": base.BootInterface, "deploy": base.DeployInterface,
         "inspect": base.InspectInterface, "network": base.NetworkInterface}


class Rig(abc.ABC):
    """One machine and the driver that is to manage it."""

    hardware: base.HardwareType
    node: base.NodeView
    pool: base.TransportPool

    @abc.abstractmethod
    def power(self) -> str:
        """The machine's power state, not asked through the driver."""

    @abc.abstractmethod
    def set_power(self, state: str) -> None:
        """Bring the machine there, not through the driver, and wait until it is."""

    @abc.abstractmethod
    def refuse_power(self) -> None:
        """From now on the machine refuses every power change."""

    @abc.abstractmethod
    def disappear(self) -> None:
        """From now on nobody answers."""

    @abc.abstractmethod
    def delay_power(self) -> None:
        """From now on a power change shows only long after it was accepted."""

    def interface(self, kind: str):
        return self.hardware.interface(kind, None)

    def channel(self, check=lambda: None, timeout=None) -> "Channel":
        return Channel(self.pool.transport(self.node.driver_info), check, timeout)


class Channel:
    """A channel as the engine's: reads pass, sends are guarded by ``check``."""

    def __init__(self, transport, check, timeout):
        self._transport, self._check, self._timeout = transport, check, timeout
        self.sends = 0

    def read(self, request, timeout=10.0):
        return self._transport.exchange(request, self._timeout or timeout, lambda: None)

    def send(self, request, timeout=10.0):
        self.sends += 1
        return self._transport.exchange(request, self._timeout or timeout, self._check)


def lease_lost():
    raise exceptions.LeaseLost("")


class HardwareTypeContract:
    """What can be told of a hardware type without a machine. Needs a fixture ``hardware``."""

    def test_its_interfaces_are_of_the_kind_they_are_listed_under(self, hardware):
        assert set(hardware.interfaces) == set(KINDS)
        for kind, named in hardware.interfaces.items():
            for interface in named.values():
                assert isinstance(interface, KINDS[kind]) and interface.kind == kind

    def test_every_setting_is_explained(self, hardware):
        for setting in hardware.settings().values():
            assert setting.help.endswith("."), setting.name
            assert setting.kind in ("str", "int", "bool", "host", "port", "url", "choice")
            assert not (setting.required and setting.default is not None)

    def test_settings_that_look_secret_are(self, hardware):
        words = ("password", "key", "token", "secret")
        for setting in hardware.settings().values():
            if any(word in setting.name.rsplit("_", 1)[-1] for word in words):
                assert setting.secret, setting.name

    def test_one_setting_means_the_same_to_every_interface(self, hardware):
        known = hardware.settings()
        for named in hardware.interfaces.values():
            for interface in named.values():
                for setting in interface.settings:
                    assert setting == known[setting.name]

    def test_validation_names_each_required_setting(self, hardware):
        node = base.NodeView("0" * 8, "node-1", {}, instance_info={
            "image_source": "http://images.invalid/os", "image_checksum": "a" * 64})
        for named in hardware.interfaces.values():
            for interface in named.values():
                required = [one.name for one in interface.settings if one.required]
                with contextlib.ExitStack() as stack:
                    if required:
                        caught = stack.enter_context(pytest.raises(exceptions.InvalidSetting))
                    interface.validate(node)
                if required:
                    assert caught.value.where["setting"] in required and caught.value.remedy

    def test_an_unknown_interface_is_refused_with_the_known_ones(self, hardware):
        with pytest.raises(exceptions.InvalidSetting) as caught:
            hardware.interface("power", "no-such")
        assert hardware.default("power") in caught.value.remedy


class PowerContract:
    """Power of one machine. Needs a fixture ``rig``, and the one called ``eventually``."""

    @pytest.fixture
    def power(self, rig):
        return rig.interface("power")

    @pytest.mark.parametrize("state", [states.POWER_ON, states.POWER_OFF])
    def test_the_state_is_read_without_sending(self, rig, power, state):
        rig.set_power(state)
        channel = rig.channel()
        assert power.get_power_state(channel, rig.node) == state
        assert channel.sends == 0

    @pytest.mark.parametrize("target", [states.POWER_ON, states.POWER_OFF, states.REBOOT])
    @pytest.mark.parametrize("before", [states.POWER_ON, states.POWER_OFF])
    def test_verbs_are_absolute_and_can_be_repeated(self, rig, power, eventually, before, target):
        rig.set_power(before)
        for _ in range(2):
            power.set_power_state(rig.channel(), rig.node, target)
            eventually(lambda: rig.power() == states.POWER_TARGETS[target])

    def test_every_supported_target_is_accepted(self, rig, power):
        """A soft power off may still come to nothing: that is up to the operating system."""
        assert {states.POWER_ON, states.POWER_OFF, states.REBOOT} <= set(power.supported())
        for target in power.supported():
            rig.set_power(states.POWER_ON)
            channel = rig.channel()
            power.set_power_state(channel, rig.node, target)
            assert channel.sends > 0

    def test_an_unknown_target_is_unsupported(self, rig, power):
        unknown = set(states.POWER_TARGETS) - set(power.supported())
        for target in unknown:
            channel = rig.channel()
            with pytest.raises(exceptions.Unsupported):
                power.set_power_state(channel, rig.node, target)
            assert channel.sends == 0

    def test_it_does_not_wait_for_a_late_machine(self, rig, power):
        rig.set_power(states.POWER_OFF)
        rig.delay_power()
        power.set_power_state(rig.channel(), rig.node, states.POWER_ON)
        assert power.get_power_state(rig.channel(), rig.node) == states.POWER_OFF

    def test_a_refusal_says_so(self, rig, power):
        rig.set_power(states.POWER_OFF)
        rig.refuse_power()
        with pytest.raises(exceptions.RequestRefused) as caught:
            power.set_power_state(rig.channel(), rig.node, states.POWER_ON)
        assert caught.value.message and rig.power() == states.POWER_OFF

    def test_silence_is_unreachable(self, rig, power):
        rig.disappear()
        for act in (lambda channel: power.get_power_state(channel, rig.node),
                    lambda channel: power.set_power_state(channel, rig.node, states.POWER_ON)):
            with pytest.raises(exceptions.Unreachable):
                act(rig.channel(timeout=0.3))

    def test_without_a_lease_nothing_is_changed(self, rig, power):
        rig.set_power(states.POWER_OFF)
        channel = rig.channel(check=lease_lost)
        with pytest.raises(exceptions.LeaseLost):
            power.set_power_state(channel, rig.node, states.POWER_ON)
        assert rig.power() == states.POWER_OFF
        assert power.get_power_state(channel, rig.node) == states.POWER_OFF

    def test_each_change_is_checked(self, rig, power):
        checks = []
        channel = rig.channel(check=lambda: checks.append(1))
        power.set_power_state(channel, rig.node, states.POWER_ON)
        assert len(checks) >= channel.sends > 0

    def test_a_bulk_read_is_offered_or_refused(self, rig, power):
        found = {}
        if power.bulk:
            rig.set_power(states.POWER_ON)
            power.read_many(rig.pool, [rig.node] * 2, found.__setitem__)
            assert found == {0: states.POWER_ON, 1: states.POWER_ON}
        else:
            with pytest.raises(exceptions.Unsupported):
                power.read_many(rig.pool, [rig.node], found.__setitem__)


class ManagementContract:
    """Boot device, sensors and identity of one machine. Needs a fixture ``rig``."""

    @pytest.fixture
    def management(self, rig):
        return rig.interface("management")

    @pytest.mark.parametrize("persistent", [False, True])
    def test_every_supported_boot_device_can_be_set_and_read_back(self, rig, management,
                                                                  persistent):
        devices = management.supported_boot_devices()
        assert {"pxe", "disk"} <= set(devices) <= set(states.BOOT_DEVICES)
        for device in devices:
            for _ in range(2):
                management.set_boot_device(rig.channel(), rig.node, device, persistent)
            channel = rig.channel()
            assert management.get_boot_device(channel, rig.node) == {
                "boot_device": device, "persistent": persistent}
            assert channel.sends == 0

    def test_an_unknown_boot_device_is_unsupported(self, rig, management):
        for device in set(states.BOOT_DEVICES) - set(management.supported_boot_devices()):
            channel = rig.channel()
            with pytest.raises(exceptions.Unsupported):
                management.set_boot_device(channel, rig.node, device, False)
            assert channel.sends == 0

    def test_without_a_lease_the_boot_device_stays(self, rig, management):
        management.set_boot_device(rig.channel(), rig.node, "pxe", True)
        with pytest.raises(exceptions.LeaseLost):
            management.set_boot_device(rig.channel(check=lease_lost), rig.node, "disk", True)
        assert management.get_boot_device(rig.channel(), rig.node)["boot_device"] == "pxe"

    def test_silence_is_unreachable(self, rig, management):
        rig.disappear()
        for act in (management.get_boot_device, management.get_sensors, management.get_identity):
            with pytest.raises(exceptions.Unreachable):
                act(rig.channel(timeout=0.3), rig.node)

    def test_sensors_are_plain_data_with_units_and_health(self, rig, management):
        channel = rig.channel()
        sensors = management.get_sensors(channel, rig.node)
        assert sensors and channel.sends == 0 and json.loads(json.dumps(sensors)) == sensors
        for sensor in sensors.values():
            assert set(sensor) == {"value", "units", "health"}

    def test_identity_is_plain_data_that_identifies(self, rig, management):
        channel = rig.channel()
        identity = management.get_identity(channel, rig.node)
        assert channel.sends == 0
        assert all(isinstance(value, str) and value for value in identity.values())
        assert {"guid", "manufacturer", "product", "serial"} <= set(identity)
