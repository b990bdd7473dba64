"""Power as the BMC commands it, when the machine obeys and when it does not."""

import time

import pytest
from pyghmi.ipmi.command import Command

from tests.simulated import fleet


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    args = ["--boot-url", "http://127.0.0.1:1/{mac}", "--fault", "boot_delay=0"]
    with fleet(6, tmp_path_factory.mktemp("fleet"), args=args) as running:
        yield running


@pytest.fixture
def bmc(machines):
    opened = []

    def connect(node):
        opened.append(Command(bmc=node["address"], port=node["bmc_port"], userid=node["user"],
                              password=node["password"]))
        return opened[-1]
    yield connect
    for command in opened:
        command.ipmi_session.logout()


def control(command, code):
    """Completion code of a raw chassis control."""
    return command.raw_command(netfn=0, command=2, data=[code])["code"]


def test_acknowledges_without_doing(machines, bmc):
    node = machines.nodes[0]
    machines.faults(node["name"], ack_without_doing=1)
    command = bmc(node)
    assert control(command, 1) == 0
    assert command.get_power() == {"powerstate": "off"}
    assert control(command, 1) == 0
    assert command.get_power() == {"powerstate": "on"}
    lines = machines.log(node=node["name"], command="chassis_control")
    assert [one["args"].get("ignored") for one in lines] == [True, None]


def test_power_shows_late(machines, bmc):
    node = machines.nodes[1]
    machines.faults(node["name"], power_delay=0.3)
    command, asked = bmc(node), time.monotonic()
    assert control(command, 1) == 0
    assert command.get_power() == {"powerstate": "off"}
    machines.wait(node["name"], power="on")
    assert time.monotonic() - asked >= 0.3


def test_refuses_with_the_code_that_was_set(machines, bmc):
    node = machines.nodes[2]
    machines.faults(node["name"], refuse=0xC0)
    assert control(bmc(node), 1) == 0xC0
    assert machines.machine(node["name"])["power"] == "off"
    assert machines.log(node=node["name"], command="chassis_control")[0]["result"] == "0xc0"


def test_cycle_reset_and_interrupt_need_power(machines, bmc):
    command = bmc(machines.nodes[3])
    assert [control(command, code) for code in (2, 3, 4)] == [0xD5] * 3
    assert [control(command, code) for code in (0, 1, 1, 2, 3, 4, 0, 0)] == [0] * 8
    assert control(command, 9) == 0xCC


def test_reset_begins_another_life(machines, bmc):
    node = machines.nodes[4]
    command = bmc(node)
    for code in (1, 3, 2):
        control(command, code)
    assert machines.wait(node["name"], boots=3, power="on")


def test_soft_off_needs_a_system_that_listens(machines, bmc):
    node = machines.nodes[5]
    command = bmc(node)
    control(command, 1)
    control(command, 5)
    assert machines.wait(node["name"], power="on")["booted"] is None
    control(command, 0)
    with open(machines.machine(node["name"])["disk"]["path"], "r+b") as file:
        file.write(b"boot")
    command.set_bootdev("hd")
    control(command, 1)
    machines.wait(node["name"], booted="disk")
    control(command, 5)
    machines.wait(node["name"], power="off", booted=None)
