import pytest

from provisioner import exceptions, states
from provisioner.drivers import base
from provisioner.drivers.manual import ManualManagement

NODE = base.NodeView("0" * 8, "node-1", {})
POWER = ManualManagement.interface("power", None)
MANAGEMENT = ManualManagement.interface("management", None)


def test_power_validates_but_neither_reads_nor_acts():
    POWER.validate(NODE)
    for act in (lambda: POWER.get_power_state(None, NODE),
                lambda: POWER.set_power_state(None, NODE, states.POWER_ON)):
        with pytest.raises(exceptions.Unsupported) as caught:
            act()
        assert caught.value.remedy
    assert POWER.supported() == ()


def test_a_boot_device_is_taken_and_never_told():
    MANAGEMENT.set_boot_device(None, NODE, "pxe", True)
    assert MANAGEMENT.get_boot_device(None, NODE) == {"boot_device": None, "persistent": None}
