"""A site among whose machines each has another fault: clear errors, nothing locked, all mended.

One deployment meets all the faults at once. It must end with what can be deployed deployed, and
say of each other node which step failed, and why, in words that name the machine's part. When the
faults are gone, one retry does what had failed and nothing else.
"""

import re

import pytest

from tests import deployment
from tests.machine_room import machine_room

#: bytes of the image
SIZE = 8 << 20
#: machine -> faults, step that fails, code of its error, what its message names
BROKEN = {
    "node-003": ({"mute": True}, "power.set", "Unreachable", "BMC at 127[.].* does not answer"),
    "node-004": ({"ack_without_doing": -1}, "power.set", "HardwareTimeout",
                 'asked for "power o.*still reports'),
    "node-005": ({"bad_checksum": True}, "agent.image", "RequestRefused",
                 "sha256 is [0-9a-f]{64}, expected [0-9a-f]{64}"),
    "node-006": ({"agent_dies_at": 1 << 20}, "agent.image", "Unreachable",
                 "agent at 127[.].*did not answer"),
    "node-007": ({"boot_delay": 600}, "agent.wait", "HardwareTimeout",
                 "No ramdisk agent called within 6 s"),
    "node-008": ({"disk_fail": True}, "agent.image", "RequestRefused", "writing to /dev/sda"),
    "node-009": ({"refuse": 0xC0}, "power.set", "RequestRefused", "busy"),
}
SOUND = ("node-001", "node-002")
MENDED = {"mute": False, "ack_without_doing": 0, "bad_checksum": False, "agent_dies_at": None,
          "boot_delay": 0.5, "disk_fail": False, "refuse": 0, "loss": 0.0}


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    with machine_room(tmp_path_factory.mktemp("room"), 9, power_timeout=3, agent_timeout=6,
                      command_timeout=20, step_attempts=2) as made:
        yield made


@pytest.fixture(scope="module")
def failed(room):
    """The deployment's task, after every machine's fault has had its effect."""
    text, _ = deployment.site_of(room.fleet)
    design = room.client.create_design(text)
    for action in ("prepare_site", "verify_nodes", "prepare_nodes"):
        room.client.run(action, design)
    room.fleet.faults("node-002", loss=0.2)
    for name, (faults, *_) in BROKEN.items():
        room.fleet.faults(name, **faults)
    return room.client.wait(room.client.start("deploy_nodes", design, "deploy"), 90)


def test_the_result_names_every_node(room, failed):
    assert failed["state"] == "failed"
    result = failed["result"]
    assert result["status"] == "partial_success"
    assert result["successes"] == list(SOUND)
    assert result["failures"] == sorted(BROKEN)
    assert failed["error"]["code"] == "NodesFailed" and failed["error"]["remedy"]
    assert "7 of 9 nodes failed" in failed["error"]["message"]
    room.at_rest()


@pytest.mark.parametrize("name", BROKEN)
def test_each_failure_is_clear(room, failed, name):
    _, step, code, names = BROKEN[name]
    child, = [one for one in failed["children"] if one["node_name"] == name]
    assert (child["state"], child["error"]["step"], child["error"]["code"]) == (
        "failed", step, code), child["error"]
    assert re.search(names, child["error"]["message"]), child["error"]
    assert child["error"]["remedy"].endswith(".")
    message, = [one for one in failed["result"]["messages"] if one["context"] == name]
    assert step in message["message"] and child["error"]["message"] in message["message"]
    node = room.node(name)
    assert node["provision_state"] == "deploy failed"
    assert node["last_error"] == child["error"]["message"]
    assert (node["reservation"], node["target_power_state"]) == (None, None)
    why = room.ask("GET", f"/api/v1.1/nodes/{name}/explain").json()
    assert step in why["why"] and why["remedy"]


@pytest.mark.parametrize("name", SOUND)
def test_the_others_are_deployed(room, failed, name):
    node = room.node(name)
    assert (node["provision_state"], node["last_error"]) == ("active", None)
    disk = room.fleet.control("GET", f"/machines/{name}/disk?bytes={SIZE}")
    assert disk["sha256"] == room.digest


def test_mended_a_retry_does_only_what_failed(room, failed):
    for name in BROKEN:
        room.fleet.faults(name, **MENDED)
    before = {name: len(room.fleet.log(node=name, changes=True)) for name in SOUND}
    asked = room.ask("POST", f"/api/v1.1/tasks/{failed['uuid']}/retry", json={})
    assert asked.status_code == 202, asked.text
    ended = room.client.wait(failed["uuid"], 60)
    assert ended["state"] == "succeeded", ended["error"]
    assert {one["node_name"] for one in ended["children"] if one["retry"] == 1} == set(BROKEN)
    assert before == {name: len(room.fleet.log(node=name, changes=True)) for name in SOUND}
    deployment.assert_deployed(room.fleet, room.client, room.digest)
    room.at_rest()
