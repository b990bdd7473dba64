"""What operators have already: ``openstack baremetal`` and openstacksdk, against real processes.

The service is a standalone process, the machines are simulated ones with an IPMI BMC each; the
command line is run as a person runs it.
"""

import base64
import gzip
import importlib.metadata
import json
import os
import pathlib
import subprocess
import sys

import openstack
import pytest

from tests.conftest import left_out
from tests.machine_room import machine_room

CLIENT = pathlib.Path(sys.executable).with_name("openstack")
PATIENCE = 120


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    with machine_room(tmp_path_factory.mktemp("room"), 4) as made:
        yield made


class CommandLine:
    """``openstack`` with no Keystone: only an endpoint."""

    def __init__(self, url: str):
        self._environment = {**os.environ, "OS_AUTH_TYPE": "none", "OS_ENDPOINT": url,
                             "PYTHONWARNINGS": "ignore"}

    def run(self, *words: str) -> subprocess.CompletedProcess:
        return subprocess.run([CLIENT, *words], env=self._environment, capture_output=True,
                              text=True, timeout=PATIENCE)

    def do(self, *words: str) -> str:
        """Its output, if it says that it succeeded."""
        done = self.run(*words)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    def show(self, *words: str):
        """Its JSON."""
        return json.loads(self.do(*words, "-f", "json"))


@pytest.fixture(scope="module")
def cli(room):
    return CommandLine(room.url)


def _enrol(cli, room, name):
    info = [word for key, value in room.driver_info(name).items()
            for word in ("--driver-info", f"{key}={value}")]
    node = cli.show("baremetal", "node", "create", "--driver", "ipmi", "--name", name, *info)
    assert (node["provision_state"], node["driver_info"]["ipmi_password"]) == ("enroll", "******")
    port = cli.show("baremetal", "port", "create", room.machine(name)["mac"], "--node",
                    node["uuid"])
    assert port["node_uuid"] == node["uuid"]
    return node["uuid"]


def test_a_node_from_create_to_delete(room, cli):
    name = "node-001"
    uuid = _enrol(cli, room, name)
    cli.do("baremetal", "node", "manage", name, "--wait", str(PATIENCE))
    cli.do("baremetal", "node", "provide", name, "--wait", str(PATIENCE))
    info = [word for key, value in room.instance_info().items()
            for word in ("--instance-info", f"{key}={value}")]
    cli.do("baremetal", "node", "set", name, *info)
    cli.do("baremetal", "node", "deploy", name, "--wait", str(PATIENCE))
    disk = room.fleet.control("GET", f"/machines/{name}/disk?bytes={8 << 20}")
    assert disk["sha256"] == room.digest
    room.fleet.wait(name, power="on", booted="disk")
    cli.do("baremetal", "node", "power", "off", name)
    assert room.settled(name)["power_state"] == "power off"
    assert room.fleet.machine(name)["power"] == "off"
    cli.do("baremetal", "node", "power", "on", name)
    assert room.settled(name)["power_state"] == "power on"
    room.fleet.wait(name, power="on", booted="disk")
    device = cli.show("baremetal", "node", "boot", "device", "show", name)
    assert device == {"boot_device": "disk", "persistent": True}
    cli.do("baremetal", "node", "undeploy", name, "--wait", str(PATIENCE))
    node = cli.show("baremetal", "node", "show", name)
    assert (node["provision_state"], node["instance_info"]) == ("available", {})
    history = cli.show("baremetal", "node", "history", "list", name)
    assert "Task deploy succeeded" in [entry["event"] for entry in history]
    assert uuid in cli.do("baremetal", "node", "delete", uuid)
    assert "could not be found" in cli.run("baremetal", "node", "show", name).stderr
    room.at_rest()


def test_what_can_be_asked_and_set(room, cli):
    name = "node-002"
    uuid = room.enrol(name)
    listed = cli.show("baremetal", "node", "list")
    assert {"uuid": uuid, "name": name}.items() <= next(
        row for row in listed if row["name"] == name).items()
    checked = {row["Interface"]: row for row in cli.show("baremetal", "node", "validate", name)}
    assert all(checked[kind]["Result"] is True for kind in ("power", "management", "boot"))
    assert [row["address"] for row in cli.show("baremetal", "port", "list", "--node", uuid)] == [
        room.machine(name)["mac"]]
    assert "ipmi" in [row["name"] for row in cli.show("baremetal", "driver", "list")]
    conductor, = cli.show("baremetal", "conductor", "list")
    assert (conductor["hostname"], conductor["alive"]) == ("standalone", True)
    cli.do("baremetal", "node", "add", "trait", name, "CUSTOM_FAST")
    assert cli.show("baremetal", "node", "trait", "list", name) == [{"traits": "CUSTOM_FAST"}]
    cli.do("baremetal", "node", "maintenance", "set", name, "--reason", "fan")
    shown = cli.show("baremetal", "node", "show", name, "--fields", "maintenance",
                     "maintenance_reason", "traits")
    assert shown == {"maintenance": True, "maintenance_reason": "fan", "traits": ["CUSTOM_FAST"]}
    cli.do("baremetal", "node", "maintenance", "unset", name)
    assert [entry["event"] for entry in cli.show("baremetal", "node", "history", "list", name)
            ] == ["Maintenance set: fan", "Maintenance cleared"]


def test_a_refusal_says_why(room, cli):
    room.enrol("node-004")
    refused = cli.run("baremetal", "node", "deploy", "node-004")
    assert refused.returncode == 1
    assert "enroll" in refused.stderr and "possible: " in refused.stderr


def test_our_plug_in_speaks_through_openstack(room, cli):
    if not importlib.metadata.entry_points(group="openstack.cli.extension", name="provisioner"):
        left_out("the program's entry points are not installed (pip install -e . does)")
    assert isinstance(cli.show("provisioner", "task", "list"), list)
    assert cli.run("provisioner", "task", "show", "nothing").returncode == 1


def test_openstacksdk_deploys(room):
    sdk = openstack.connect(auth_type="none", auth={"endpoint": room.url}).baremetal
    name = "node-003"
    node = sdk.create_node(driver="ipmi", name=name, driver_info=room.driver_info(name))
    sdk.create_port(node_uuid=node.id, address=room.machine(name)["mac"])
    assert [port.address for port in sdk.ports(node=node.id)] == [room.machine(name)["mac"]]
    sdk.set_node_provision_state(node, "manage", wait=True, timeout=PATIENCE)
    sdk.set_node_provision_state(node, "provide")
    sdk.wait_for_nodes_provision_state([node], "available", timeout=PATIENCE)
    sdk.update_node(node, instance_info=room.instance_info())
    report = sdk.validate_node(node, required=("boot", "deploy", "power"))
    assert report["management"].result is True
    drive = b"a config drive " * 1000
    sdk.set_node_provision_state(node, "active",
                                 config_drive=base64.b64encode(gzip.compress(drive)).decode())
    done, = sdk.wait_for_nodes_provision_state([node], "active", timeout=PATIENCE)
    assert done.power_state == "power on"
    assert room.end_of_disk(name).startswith(drive)
    assert sdk.get_node(node).instance_info["configdrive"] == "******"
    sdk.set_node_provision_state(node, "deleted", wait=True, timeout=PATIENCE)
    sdk.delete_node(node)
    assert sdk.find_node(name) is None
