"""The whole way of a machine: network boot, agent, image, power off, boot from disk."""

import base64
import gzip
import hashlib
import socket
import urllib.parse

import pytest

from provisioner.simulator.images import DEMO_IMAGE, DEMO_SHA256, DEMO_SIZE, content
from tests.simulated import fleet
from tests.unit.simulator.fake_api import TOKEN, call, command


def image_info(fleet, **changes):
    return {"id": "demo", "urls": [f"{fleet.images}/demo-os.raw"], "disk_format": "raw",
            "checksum": None, "os_hash_algo": "sha256", "os_hash_value": DEMO_SHA256, **changes}


def write_step(info, configdrive=None):
    step = {"step": "write_image", "interface": "deploy",
            "args": {"image_info": info, "configdrive": configdrive}}
    return {"step": step, "node": {}, "ports": [], "deploy_version": {"generic": "1.1"}}


def finished(api, beat):
    """The last command of the agent, once it no longer runs."""
    def last():
        commands = call("GET", f"{beat['callback_url']}/v1/commands/?agent_token={TOKEN}")[1]
        newest = commands["commands"][-1]
        return newest if newest["command_status"] != "RUNNING" else None
    return api.wait(last, "command to end")


def agent_port(beat):
    return urllib.parse.urlsplit(beat["callback_url"]).port


def boot_agent(api, fleet, node, extra=""):
    api.boot_agent(node, fleet.images, extra)
    fleet.control("POST", f"/machines/{node['name']}/power", {"power": "on"})
    return api.wait_beat(node)


def test_deploys_and_boots_from_disk(api, booting):
    node = booting.nodes[0]
    beat = boot_agent(api, booting, node)
    assert api.lookups_of(node["mac"])[-1] == {
        "mac": node["mac"], "node_uuid": None, "version": "1.62"}
    assert beat["agent_token"] == TOKEN
    assert booting.machine(node["name"])["booted"] == "agent"

    configdrive = base64.b64encode(gzip.compress(b"user data" * 100)).decode()
    status, started = command(beat, "deploy.execute_deploy_step",
                              write_step(image_info(booting), configdrive))
    assert (status, started["command_name"]) == (200, "execute_deploy_step")
    ended = finished(api, beat)
    assert ended["command_status"] == "SUCCEEDED"
    assert ended["command_result"]["deploy_step"]["step"] == "write_image"
    drive = ended["command_result"]["deploy_result"]["configdrive"]
    assert drive["sha256"] == hashlib.sha256(b"user data" * 100).hexdigest()
    disk = booting.control("GET", f"/machines/{node['name']}/disk?bytes={DEMO_SIZE}")
    assert disk == {"sha256": DEMO_SHA256, "bytes": DEMO_SIZE}

    assert command(beat, "standby.sync", wait=True)[1]["command_status"] == "SUCCEEDED"
    assert command(beat, "standby.power_off")[1]["command_status"] == "SUCCEEDED"
    booting.wait(node["name"], power="off", booted=None)
    api.boot_disk(node)
    booting.control("POST", f"/machines/{node['name']}/power", {"power": "on"})
    assert booting.wait(node["name"], booted="disk")["boots"] == 2


def test_reports_hardware_before_lookup(api, booting):
    node = booting.nodes[0]
    boot_agent(api, booting, node,
               f"ipa-inspection-callback-url={api.url}/v1/continue_inspection")
    inventory = api.inspections[-1]["inventory"]
    assert inventory["interfaces"][0]["mac_address"] == node["mac"]
    assert inventory["bmc_address"] == node["address"]
    assert inventory["memory"]["physical_mb"] == 65536
    assert inventory["disks"][0]["size"] == 16 << 20
    assert api.lookups_of(node["mac"])[0]["node_uuid"] == "uuid-inspected"


def test_power_cut_kills_the_agent_in_the_middle_of_writing(api, booting):
    node = booting.nodes[0]
    beat = boot_agent(api, booting, node)
    booting.faults(node["name"], agent_dies_at=3 << 20)
    command(beat, "deploy.execute_deploy_step", write_step(image_info(booting)))
    api.wait(lambda: booting.machine(node["name"])["agent"]["written"] == 3 << 20, "3 MiB written")
    booting.control("POST", f"/machines/{node['name']}/power", {"power": "off"})
    machine = booting.machine(node["name"])
    assert (machine["power"], machine["booted"]) == ("off", None)
    partial = content(DEMO_IMAGE, DEMO_SIZE)[:3 << 20].ljust(DEMO_SIZE, b"\0")
    disk = booting.control("GET", f"/machines/{node['name']}/disk?bytes={DEMO_SIZE}")
    assert disk["sha256"] == hashlib.sha256(partial).hexdigest()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((node["address"], agent_port(beat)), 5)


def test_agent_that_died_stays_silent_until_the_next_boot(api, booting):
    node = booting.nodes[0]
    beat = boot_agent(api, booting, node)
    booting.faults(node["name"], agent_dies_at=1 << 20)
    command(beat, "deploy.execute_deploy_step", write_step(image_info(booting)))
    api.wait(lambda: booting.machine(node["name"])["agent"]["hung"], "agent to hang")
    with pytest.raises(TimeoutError):
        call("GET", f"{beat['callback_url']}/v1/commands/?agent_token={TOKEN}", timeout=0.3)
    assert booting.machine(node["name"])["power"] == "on"
    assert booting.machine(node["name"])["faults"]["agent_dies_at"] is None

    before = len(api.beats_of(node))
    booting.control("POST", f"/machines/{node['name']}/power", {"power": "reset"})
    beat = api.wait_beat(node, before + 1)
    command(beat, "deploy.execute_deploy_step", write_step(image_info(booting)))
    assert finished(api, beat)["command_status"] == "SUCCEEDED"


def test_mute_agent_neither_beats_nor_answers_until_it_recovers(api, booting):
    node = booting.nodes[0]
    beat = boot_agent(api, booting, node)
    booting.faults(node["name"], agent_mute=True)
    with pytest.raises(TimeoutError):
        call("GET", f"{beat['callback_url']}/v1/status", timeout=0.3)
    before = len(api.beats_of(node))
    booting.faults(node["name"], agent_mute=False)
    api.wait_beat(node, before + 1)
    assert call("GET", f"{beat['callback_url']}/v1/status")[0] == 200


def test_power_cut_leaves_a_waiting_client_without_an_answer(api, booting):
    node = booting.nodes[0]
    beat = boot_agent(api, booting, node)
    booting.faults(node["name"], agent_mute=True)
    with socket.create_connection((node["address"], agent_port(beat)), 10) as waiting:
        waiting.sendall(b"GET /v1/status HTTP/1.1\r\nHost: agent\r\n\r\n")
        with pytest.raises(TimeoutError):
            waiting.settimeout(0.2)
            waiting.recv(1)
        booting.control("POST", f"/machines/{node['name']}/power", {"power": "off"})
        waiting.settimeout(10)
        try:
            answer = waiting.recv(100)
        except ConnectionResetError:
            answer = b""
    assert answer == b""


@pytest.mark.parametrize(("fault", "error"), [
    ({"bad_checksum": True}, "ImageChecksumError"), ({"disk_fail": True}, "ImageWriteError")])
def test_image_that_does_not_arrive(api, booting, fault, error):
    node = booting.nodes[0]
    beat = boot_agent(api, booting, node)
    booting.faults(node["name"], **fault)
    command(beat, "deploy.execute_deploy_step", write_step(image_info(booting)))
    ended = finished(api, beat)
    assert (ended["command_status"], ended["command_error"]["type"]) == ("FAILED", error)
    booting.faults(node["name"], **dict.fromkeys(fault, False))
    command(beat, "standby.prepare_image", {"image_info": image_info(booting)})
    assert finished(api, beat)["command_status"] == "SUCCEEDED"


@pytest.mark.parametrize(("changes", "error"), [
    ({"os_hash_value": "0" * 64}, "ImageChecksumError"),
    ({"os_hash_value": None}, "InvalidCommandParamsError"),
    ({"disk_format": "qcow2"}, "InvalidCommandParamsError"),
    ({"urls": []}, "InvalidCommandParamsError"),
    ({"urls": [1]}, "InvalidCommandParamsError"),
    ({"urls": ["http://127.0.0.1:1/none"]}, "ImageDownloadError"),
    ({"urls": ["not a url"]}, "ImageDownloadError")])
def test_image_that_cannot_be_written(api, booting, changes, error):
    beat = boot_agent(api, booting, booting.nodes[0])
    ended = command(beat, "deploy.execute_deploy_step",
                    write_step(image_info(booting, **changes)), wait=True)[1]
    assert (ended["command_status"], ended["command_error"]["type"]) == ("FAILED", error)


def test_wrong_mac_is_not_found(api, booting):
    node = booting.nodes[0]
    booting.faults(node["name"], wrong_mac=True)
    other = "52:54:00:ff" + node["mac"][11:]
    api.boot_agent({**node, "mac": other}, booting.images)
    api.macs.clear()
    booting.control("POST", f"/machines/{node['name']}/power", {"power": "on"})
    api.wait(lambda: api.lookups_of(other), "lookup")
    assert not api.beats_of(node)


def test_token_given_away_before_makes_the_agent_give_up(api, booting):
    node = booting.nodes[0]
    api.boot_agent(node, booting.images)
    api.given.add(node["mac"])
    booting.control("POST", f"/machines/{node['name']}/power", {"power": "on"})
    api.wait(lambda: booting.log(command="gave_up"), "agent to give up")
    assert not api.beats_of(node)


def test_heartbeat_is_repeated_when_refused(api, booting):
    api.refuse_beats = [409, 503, 500]
    boot_agent(api, booting, booting.nodes[0])
    assert not api.refuse_beats


def test_heartbeat_follows_the_end_of_a_command(api, tmp_path):
    args = ["--boot-url", api.url + "/boot/{mac}.ipxe", "--fault", "boot_delay=0",
            "--heartbeat", "3600", "--disk-size", "16M"]
    api.heartbeat_timeout = 3600
    with fleet(1, tmp_path, args=args) as running:
        beat = boot_agent(api, running, running.nodes[0])
        command(beat, "clean.execute_clean_step",
                {"step": {"step": "erase_devices", "interface": "deploy"}})
        assert api.wait_beat(running.nodes[0], 2)


@pytest.mark.parametrize("configdrive", ["ä", {"meta_data": {}}, "http://127.0.0.1:1/drive",
                                         base64.b64encode(b"\x1f\x8bbad").decode(),
                                         base64.b64encode(bytes(9 << 20)).decode()])
def test_config_drive_that_cannot_be_written(api, booting, configdrive):
    beat = boot_agent(api, booting, booting.nodes[0])
    ended = command(beat, "deploy.execute_deploy_step",
                    write_step(image_info(booting), configdrive), wait=True)[1]
    assert ended["command_status"] == "FAILED"
    assert ended["command_error"]["type"].startswith("ConfigDrive")
