"""Calls that a conductor makes while the client waits."""

import pytest

from provisioner import exceptions

BOOT = "/v1/nodes/n/management/boot_device"


@pytest.fixture
def node(api):
    return api.node(name="n")


def test_boot_device(api, node):
    assert api.ask("PUT", BOOT, json={"boot_device": "pxe", "persistent": True}).status_code == 204
    assert api.conductor.calls == [
        ("management", "set_boot_device", {"device": "pxe", "persistent": True})]
    assert api.ask("GET", BOOT).json == {"boot_device": "pxe", "persistent": False}
    assert api.ask("GET", f"{BOOT}/supported").json == {"supported_boot_devices": ["pxe", "disk"]}


def test_nmi(api, node):
    path = "/v1/nodes/n/management/inject_nmi"
    assert api.ask("PUT", path, version="1.28", json={}).status_code == 404
    assert api.ask("PUT", path, json={}).status_code == 204
    assert api.conductor.calls == [("management", "inject_nmi", {})]


@pytest.mark.parametrize("error, status", [
    (exceptions.NodeBusy("busy"), 409), (exceptions.Unsupported("cannot"), 400),
    (exceptions.Unreachable("gone"), 502), (exceptions.HardwareTimeout("late"), 504)])
def test_errors_by_cause(api, node, error, status):
    api.conductor.refuse = error
    answer = api.ask("PUT", BOOT, json={"boot_device": "pxe"})
    assert answer.status_code == status, answer.text
    assert error.message in answer.text


def test_validate(api, node):
    wanted = {"power": {"result": True}, "firmware": {"result": False, "reason": "Not supported."},
              "boot": {"result": False, "reason": "deploy_kernel is missing."}}
    for path in ("/v1/nodes/n/validate", "/v1/nodes/validate?node=n"):
        answer = api.ask("GET", path)
        assert (answer.status_code, answer.json) == (200, wanted)
    assert "firmware" not in api.ask("GET", "/v1/nodes/n/validate", version="1.85").json
