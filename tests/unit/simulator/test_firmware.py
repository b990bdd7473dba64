"""What a machine boots, and what it does when there is nothing to boot."""

import pytest
from pyghmi.ipmi.command import Command

from tests.simulated import fleet


def power(fleet, node, wanted="on"):
    fleet.control("POST", f"/machines/{node['name']}/power", {"power": wanted})


def set_boot_device(node, device, **options):
    command = Command(bmc=node["address"], port=node["bmc_port"], userid=node["user"],
                      password=node["password"])
    command.set_bootdev(device, **options)
    command.ipmi_session.logout()


def fill_disk(fleet, node):
    with open(fleet.machine(node["name"])["disk"]["path"], "r+b") as file:
        file.write(b"boot")


def booted(fleet, node):
    return fleet.wait(node["name"], booted="disk")


def test_exit_boots_the_disk(api, booting):
    node = booting.nodes[0]
    fill_disk(booting, node)
    api.boot_disk(node)
    power(booting, node)
    assert booted(booting, node)["firmware"] == "booted_disk"


def test_exit_with_a_blank_disk_boots_nothing(api, booting):
    node = booting.nodes[0]
    api.boot_disk(node)
    power(booting, node)
    assert booting.wait(node["name"], firmware="no_boot_device")["booted"] is None


def test_asks_again_until_there_is_a_script(api, booting):
    node = booting.nodes[0]
    power(booting, node)
    api.wait(lambda: booting.log(command="fetch_script", result=404), "a refused request")
    api.boot_agent(node, booting.images)
    assert api.wait_beat(node)


@pytest.fixture(scope="module")
def without_network(tmp_path_factory):
    """Machines whose boot script never comes."""
    args = ["--boot-url", "http://127.0.0.1:1/{mac}", "--boot-timeout", "0",
            "--fault", "boot_delay=0"]
    with fleet(3, tmp_path_factory.mktemp("fleet"), args=args) as running:
        yield running


def test_default_order_ends_at_the_disk(without_network):
    blank, full, _ = without_network.nodes
    fill_disk(without_network, full)
    for node, stage in ((blank, "no_boot_device"), (full, "booted_disk")):
        power(without_network, node)
        assert without_network.wait(node["name"], firmware=stage)


def test_network_only_does_not_end_at_the_disk(without_network):
    node = without_network.nodes[2]
    fill_disk(without_network, node)
    set_boot_device(node, "network", persist=True)
    power(without_network, node)
    assert without_network.wait(node["name"], firmware="no_boot_device")


def test_disk_once_then_network(api, booting):
    node = booting.nodes[0]
    fill_disk(booting, node)
    api.boot_agent(node, booting.images)
    set_boot_device(node, "hd")
    power(booting, node)
    assert booted(booting, node)["boot_device"] == "default"
    assert not booting.log(command="fetch_script")
    power(booting, node, "cycle")
    assert booting.wait(node["name"], booted="agent")


def test_disk_always(api, booting):
    node = booting.nodes[0]
    fill_disk(booting, node)
    set_boot_device(node, "hd", persist=True)
    for boots in (1, 2):
        power(booting, node, "on" if boots == 1 else "reset")
        assert booting.wait(node["name"], boots=boots, booted="disk")["boot_persistent"]


def test_script_without_kernel_url_that_answers_is_repeated(api, booting):
    node = booting.nodes[0]
    api.boot_agent(node, booting.images + "/missing")
    power(booting, node)
    api.wait(lambda: booting.log(command="fetch", result=404), "a failed download")
    assert booting.machine(node["name"])["booted"] is None


def test_anything_but_a_script_boots_nothing(api, booting):
    node = booting.nodes[0]
    api.scripts[node["mac"].replace(":", "-")] = "<html>not found</html>"
    power(booting, node)
    assert booting.wait(node["name"], firmware="no_boot_device")
    assert booting.log(command="bad_script")


def test_slow_boot_takes_its_time(api, booting):
    node = booting.nodes[0]
    booting.faults(node["name"], boot_delay=0.4)
    api.boot_agent(node, booting.images)
    power(booting, node)
    api.wait_beat(node)
    fetched, up = booting.log(command="fetch")[-1], booting.log(command="booted_agent")[0]
    assert up["boottime"] - fetched["boottime"] >= 0.4
