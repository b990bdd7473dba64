"""Unmodified clients of the Bare Metal API against a listening service."""

import json
import os
import pathlib
import subprocess
import sys

import bcrypt
import openstack
import pytest
from ironicclient import client as ironic
from ironicclient import exc

from tests.api_service import ApiService

MAC = "52:54:00:aa:00:01"


@pytest.fixture
def cli(api):
    """python-ironicclient, as its command line makes it."""
    made = ironic.get_client(1, endpoint=api.serve(), os_ironic_api_version="latest",
                             max_retries=0)
    made.negotiate_api_version()
    return made


@pytest.fixture
def sdk(api):
    return openstack.connect(auth_type="none", auth={"endpoint": api.serve()},
                             baremetal_status_code_retries=0).baremetal


def test_ironicclient_works_on_nodes(api, cli):
    node = cli.node.create(driver="fake-hardware", name="n1", properties={"cpus": 4},
                           driver_info={"fake_passphrase": "x"}, resource_class="big")
    assert (node.provision_state, node.driver_info) == ("enroll", {"fake_passphrase": "******"})
    assert [one.uuid for one in cli.node.list()] == [node.uuid]
    assert [one.resource_class for one in cli.node.list(detail=True)] == ["big"]
    assert [one.name for one in cli.node.list(fields=["name"], resource_class="big")] == ["n1"]
    assert cli.node.list(maintenance=True) == []
    assert cli.node.get("n1", fields=["uuid"]).uuid == node.uuid
    patched = cli.node.update("n1", [{"op": "add", "path": "/extra/rack", "value": 7},
                                     {"op": "remove", "path": "/resource_class"}])
    assert (patched.extra, patched.resource_class) == ({"rack": 7}, None)
    cli.node.add_trait("n1", "CUSTOM_FAST")
    assert cli.node.get_traits("n1") == ["CUSTOM_FAST"]
    cli.node.set_maintenance("n1", True, maint_reason="fan")
    assert cli.node.get("n1").maintenance_reason == "fan"
    cli.node.set_maintenance("n1", False)
    assert cli.node.vif_list("n1") == []
    assert [entry["event"] for entry in cli.node.get_history_list("n1")] == [
        "Maintenance set: fan", "Maintenance cleared"]
    cli.node.delete("n1")
    with pytest.raises(exc.NotFound, match="could not be found"):
        cli.node.get("n1")


def test_ironicclient_lists_to_the_end(api, cli):
    wanted = [api.node(name=f"n{number}") for number in range(5)]
    assert [node.uuid for node in cli.node.list(limit=0)] == wanted
    assert [node.uuid for node in cli.node.list(limit=3)] == wanted[:3]


def test_ironicclient_asks_for_verbs(api, cli):
    node = api.node(name="n1")
    cli.node.set_provision_state("n1", "manage")
    assert cli.node.states("n1").target_provision_state == "manageable"
    with pytest.raises(exc.Conflict):
        cli.node.set_power_state("n1", "on")
    api.change(node, task=None)
    cli.node.set_power_state("n1", "off", soft=True, timeout=9)
    assert [request["args"] for request in api.conductor.requests][-1] == {
        "target": "soft power off", "timeout": 9}
    api.change(node, task=None, provision_state="available", target_provision_state=None)
    cli.node.set_provision_state("n1", "active", configdrive={"meta_data": {"name": "x"}})
    assert set(api.conductor.requests[-1]["args"]) == {"configdrive"}
    with pytest.raises(exc.BadRequest, match="possible: "):
        api.change(node, task=None, provision_state="enroll", target_provision_state=None)
        cli.node.set_provision_state("n1", "active")


def test_ironicclient_works_on_ports_and_drivers(api, cli):
    node = api.node(name="n1")
    port = cli.port.create(node_uuid=node, address=MAC)
    assert [one.uuid for one in cli.port.list(node="n1")] == [port.uuid]
    assert cli.port.get_by_address(MAC).node_uuid == node
    assert [one.address for one in cli.node.list_ports("n1")] == [MAC]
    cli.port.update(port.uuid, [{"op": "replace", "path": "/pxe_enabled", "value": False}])
    assert cli.port.get(port.uuid).pxe_enabled is False
    with pytest.raises(exc.Conflict):
        cli.port.create(node_uuid=node, address=MAC)
    cli.port.delete(port.uuid)
    assert [driver.name for driver in cli.driver.list()] == ["fake-hardware", "manual-management"]
    assert cli.driver.get("fake-hardware").default_power_interface == "fake"
    assert "fake_address" in cli.driver.properties("fake-hardware")
    assert [one.hostname for one in cli.conductor.list()] == [api.hostname]
    assert cli.conductor.get(api.hostname).alive is True


def openstack_cli(url, *words):
    """``openstack baremetal`` as a person types it; its JSON."""
    environment = {**os.environ, "OS_AUTH_TYPE": "none", "OS_ENDPOINT": url}
    program = pathlib.Path(sys.executable).with_name("openstack")
    done = subprocess.run([program, "baremetal", *words, "-f", "json"], env=environment,
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_newer_command_line_comes_down_to_our_version(api):
    """It asks for the version it knows best, and is told by headers what there is."""
    url = api.serve()
    created = openstack_cli(url, "node", "create", "--driver", "fake-hardware", "--name", "n1")
    assert created["provision_state"] == "enroll"
    assert [node["name"] for node in openstack_cli(url, "node", "list")] == ["n1"]


def test_openstacksdk_works_on_nodes(api, sdk):
    node = sdk.create_node(driver="fake-hardware", name="n1", driver_info={"ipmi_password": "x"})
    assert node.provision_state == "enroll" and node.driver_info == {"ipmi_password": "******"}
    assert sdk.get_node("n1", fields=["name"]).name == "n1"
    assert sdk.find_node("nobody") is None
    assert [one.id for one in sdk.nodes(details=True, limit=1)] == [node.id]
    assert sdk.update_node(node, extra={"a": 1}).extra == {"a": 1}
    patched = sdk.patch_node("n1", [{"op": "add", "path": "/name", "value": "n2"}])
    assert patched.name == "n2"
    assert sdk.set_node_maintenance(node, reason="fan").is_maintenance
    sdk.unset_node_maintenance(node)
    sdk.add_node_trait(node, "CUSTOM_FAST")
    assert sdk.get_node(node).traits == ["CUSTOM_FAST"]
    assert sdk.set_node_provision_state(node, "manage").target_provision_state == "manageable"
    port = sdk.create_port(node_uuid=node.id, address=MAC)
    assert [one.id for one in sdk.ports(address=MAC)] == [port.id]
    sdk.delete_port(port)
    assert [driver.name for driver in sdk.drivers(details=True)] == [
        "fake-hardware", "manual-management"]
    assert sdk.detach_vif_from_node(node, "x") is True
    api.change(node.id, task=None, provision_state="available", target_provision_state=None)
    sdk.delete_node(node)
    assert list(sdk.nodes()) == []


@pytest.mark.parametrize("suffix", ["", "/v1", "/v1/"])
def test_openstacksdk_with_a_password(bus, tmp_path, suffix):
    """With this authentication it does not look for versions first, and omits ``/v1``."""
    users = tmp_path / "htpasswd"
    users.write_text(f"ann:{bcrypt.hashpw(b'pear', bcrypt.gensalt(rounds=4)).decode()}\n")
    with ApiService(bus, tmp_path, auth_strategy="http_basic",
                    http_basic_auth_user_file=str(users)) as service:
        auth = {"endpoint": service.serve() + suffix, "username": "ann", "password": "pear"}
        sdk = openstack.connect(auth_type="http_basic", auth=auth).baremetal
        sdk.create_node(driver="fake-hardware", name="n1")
        assert [node.name for node in sdk.nodes()] == ["n1"]
