"""Every verb of the Bare Metal API on simulated machines, and requests that come in between."""

import pytest

from tests.machine_room import machine_room

ERASE = {"interface": "deploy", "step": "erase_devices_metadata"}


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    with machine_room(tmp_path_factory.mktemp("room"), 2, power_timeout=5,
                      agent_timeout=60) as made:
        yield made


def _power(room, name, target, **more):
    """Ask for it; the machine's own power and boot once nothing is under way."""
    answer = room.ask("PUT", f"/v1/nodes/{name}/states/power", json={"target": target, **more})
    assert answer.status_code == 202, answer.text
    node = room.settled(name)
    assert (node["last_error"], node["target_power_state"]) == (None, None)
    assert node["power_state"] == f"power {room.fleet.machine(name)['power']}"
    return node["power_state"]


def _provision(room, name, target, **more):
    return room.ask("PUT", f"/v1/nodes/{name}/states/provision", json={"target": target, **more})


def test_inspect_clean_adopt_rebuild(room):
    name = "node-001"
    room.enrol(name)
    room.to(name, "manage", "manageable")
    node = room.to(name, "inspect", "manageable")
    assert node["properties"]["cpu_arch"] == "x86_64"
    found = room.ask("GET", f"/v1/nodes/{name}/inventory").json()["inventory"]
    assert room.machine(name)["mac"] in [one["mac_address"] for one in found["interfaces"]]
    room.to(name, "clean", "manageable", clean_steps=[ERASE])
    node = room.to(name, "clean", "clean failed", clean_steps=[{**ERASE, "step": "dance"}])
    assert (node["fault"], node["maintenance"]) == ("clean failure", True)
    assert "dance" in node["last_error"]
    room.at_rest()
    node = room.to(name, "manage", "manageable")
    assert (node["fault"], node["maintenance"]) == (None, False)
    room.patch(name, instance_info=room.instance_info())
    room.to(name, "adopt", "active")
    room.to(name, "rebuild", "active")
    room.fleet.wait(name, booted="disk")
    assert _power(room, name, "rebooting") == "power on"
    room.fleet.wait(name, booted="disk")
    assert _power(room, name, "soft power off", timeout=20) == "power off"
    assert _power(room, name, "power on") == "power on"
    room.fleet.wait(name, booted="disk")
    assert _power(room, name, "soft rebooting", timeout=20) == "power on"
    room.patch(name, protected=True)
    assert _provision(room, name, "deleted").status_code == 403
    assert room.ask("DELETE", f"/v1/nodes/{name}").status_code == 403
    room.patch(name, protected=False)
    assert room.ask("DELETE", f"/v1/nodes/{name}").status_code == 409
    room.to(name, "deleted", "available")
    assert room.ask("DELETE", f"/v1/nodes/{name}").status_code == 204
    room.at_rest()


def test_requests_in_mid_deploy(room, eventually):
    name = "node-002"
    room.enrol(name)
    room.patch(name, automated_clean=False)
    room.to(name, "manage", "manageable")
    room.to(name, "provide", "available")

    def to_the_wait():
        room.patch(name, instance_info=room.instance_info())
        room.verb(name, "active")
        eventually(lambda: room.node(name)["provision_state"] == "wait call-back", 20)

    room.fleet.faults(name, boot_delay=600)
    to_the_wait()
    path = f"/v1/nodes/{name}"
    for method, rest, body in (
            ("PUT", "/states/power", {"target": "power off"}),
            ("PUT", "/states/provision", {"target": "active"}),
            ("PATCH", "", [{"op": "add", "path": "/extra/x", "value": 1}]), ("DELETE", "", None)):
        refused = room.ask(method, path + rest, json=body)
        assert refused.status_code == 409, (rest, refused.text)
    device = room.ask("GET", f"{path}/management/boot_device")
    assert device.status_code == 200, device.text
    room.verb(name, "abort")
    assert room.settled(name)["provision_state"] == "deploy failed"
    room.at_rest()
    to_the_wait()
    node = room.to(name, "deleted", "available")
    assert (node["instance_info"], node["last_error"]) == ({}, None)
    room.fleet.wait(name, power="off")
    room.at_rest()
