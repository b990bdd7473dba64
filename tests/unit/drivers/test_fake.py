import pytest

from provisioner import exceptions, states
from provisioner.clock import Clock
from provisioner.drivers import base
from provisioner.drivers.clients.fake import FakePool
from provisioner.drivers.fake import FakeHardware
from tests.unit.drivers.channels import DirectChannel

PORT = base.PortView("52:54:00:00:00:01")


class HandClock(Clock):
    def __init__(self):
        super().__init__(seed=1)
        self.now = 0.0

    def elapsed(self):
        return self.now


class Machine:
    def __init__(self, pool, uuid="uuid-1", **driver_info):
        self.pool, self.uuid, self.driver_info = pool, uuid, driver_info

    def do(self, kind, method, *args):
        node = base.NodeView(self.uuid, None, self.driver_info, ports=(PORT,))
        channel = DirectChannel(self.pool.transport(self.driver_info))
        return getattr(FakeHardware.interface(kind, "fake"), method)(channel, node, *args)


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def pool(clock):
    return FakePool(clock)


def test_a_power_change_shows_after_the_delay(pool, clock):
    machine = Machine(pool, fake_power_delay=5)
    machine.do("power", "set_power_state", states.POWER_ON)
    assert machine.do("power", "get_power_state") == states.POWER_OFF
    clock.now = 5.0
    assert machine.do("power", "get_power_state") == states.POWER_ON


def test_machines_do_not_share_their_state(pool):
    Machine(pool, "uuid-1").do("power", "set_power_state", states.POWER_ON)
    assert Machine(pool, "uuid-2").do("power", "get_power_state") == states.POWER_OFF


def test_a_verb_fails_as_often_as_told(pool):
    machine = Machine(pool, fake_fail="power.get:2, management.inject_nmi")
    for _ in range(2):
        with pytest.raises(exceptions.RequestRefused):
            machine.do("power", "get_power_state")
    assert machine.do("power", "get_power_state") == states.POWER_OFF
    for _ in range(4):
        with pytest.raises(exceptions.RequestRefused):
            machine.do("management", "inject_nmi")


@pytest.mark.parametrize("code", ["Unreachable", "LoginRefused", "Unsupported",
                                  "HardwareTimeout"])
def test_the_error_can_be_chosen(pool, code):
    with pytest.raises(exceptions.HardwareError) as caught:
        Machine(pool, fake_fail="power.get", fake_error=code).do("power", "get_power_state")
    assert caught.value.code == code


@pytest.mark.parametrize("settings, name", [
    ({"fake_power_delay": "soon"}, "fake_power_delay"), ({"fake_deploy_delay": -1},
                                                         "fake_deploy_delay"),
    ({"fake_fail": "power.get:often"}, "fake_fail"), ({"fake_error": "Oops"}, "fake_error"),
    ({"fake_fail": "power.gte"}, "fake_fail")])
def test_wrong_settings_are_named(settings, name):
    with pytest.raises(exceptions.InvalidSetting) as caught:
        FakeHardware.interface("power", None).validate(base.NodeView("uuid-1", None, settings))
    assert caught.value.where["setting"] == name


def test_an_image_takes_its_time(pool, clock):
    machine = Machine(pool, fake_deploy_delay=10)
    image = ("execute_deploy_step", {"interface": "deploy", "step": "write_image"})
    assert machine.do("deploy", "command", *image) is None
    machine.do("deploy", "start_image")
    assert machine.do("deploy", "command", *image)["state"] == "running"
    with pytest.raises(exceptions.RequestRefused) as caught:
        machine.do("deploy", "start_step", "clean", {"interface": "deploy", "step": "erase"})
    assert caught.value.where["busy"] is True
    clock.now = 10.0
    assert machine.do("deploy", "command", *image)["state"] == "succeeded"


def test_cleaning_steps_are_offered_and_run(pool):
    machine = Machine(pool)
    assert machine.do("deploy", "get_steps", "deploy") == []
    step, = machine.do("deploy", "get_steps", "clean")
    machine.do("deploy", "start_step", "clean", step)
    assert machine.do("deploy", "command", "execute_clean_step", step)["state"] == "succeeded"


def test_deploy_can_power_its_machine_off(pool):
    machine = Machine(pool)
    machine.do("power", "set_power_state", states.POWER_ON)
    machine.do("deploy", "power_off")
    assert machine.do("power", "get_power_state") == states.POWER_OFF


def test_a_boot_device_for_once_is_used_up_by_power_on(pool):
    machine = Machine(pool)
    machine.do("management", "set_boot_device", "pxe", False)
    machine.do("power", "set_power_state", states.POWER_ON)
    assert machine.do("management", "get_boot_device")["boot_device"] is None


def test_the_inventory_lists_the_ports(pool):
    inventory = Machine(pool).do("inspect", "inventory")
    assert inventory["interfaces"] == [{"name": "eth0", "mac_address": PORT.address}]


def test_ports_remember_their_mode(pool):
    machine = Machine(pool)
    assert machine.do("network", "interrogate", PORT) == {"mode": None}
    machine.do("network", "set_mode", PORT, "production")
    assert machine.do("network", "interrogate", PORT) == {"mode": "production"}


def test_without_a_lease_nothing_changes(pool):
    def lost():
        raise exceptions.LeaseLost("")
    node = base.NodeView("uuid-1", None, {})
    with pytest.raises(exceptions.LeaseLost):
        FakeHardware.interface("power", None).set_power_state(
            DirectChannel(pool.transport({}), lost), node, states.POWER_ON)
    assert Machine(pool).do("power", "get_power_state") == states.POWER_OFF
