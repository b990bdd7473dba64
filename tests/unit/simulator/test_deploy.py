"""The whole way of a machine: network boot, agent, image, power off, boot from disk."""

import base64
import gzip
import hashlib

from provisioner.simulator.images import DEMO_SHA256, DEMO_SIZE
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


def boot_agent(api, fleet, node, extra=""):
    api.boot_agent(node, fleet.images, extra)
    fleet.control("POST", f"/machines/{node['name']}/power", {"power": "on"})
    return api.wait_beat(node)


def test_deploys_and_boots_from_disk(api, booting):
    node = booting.nodes[0]
    beat = boot_agent(api, booting, node)
    assert api.lookups[-1] == {"mac": node["mac"], "node_uuid": None, "version": "1.62"}
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
