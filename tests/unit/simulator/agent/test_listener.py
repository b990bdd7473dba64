"""The agent's interface as a conductor uses it."""

import pytest

from tests.unit.simulator.fake_api import TOKEN, call, command


@pytest.fixture
def beat(api, booting):
    node = booting.nodes[0]
    api.boot_agent(node, booting.images)
    booting.control("POST", f"/machines/{node['name']}/power", {"power": "on"})
    return api.wait_beat(node)


def commands_url(beat, token=TOKEN):
    return f"{beat['callback_url']}/v1/commands/?agent_token={token}"


@pytest.mark.parametrize("token", ["", "wrong", "x" * 43])
def test_needs_the_token(beat, token):
    assert call("GET", f"{beat['callback_url']}/v1/commands/")[0] == 401
    assert call("GET", commands_url(beat, token))[0] == 401
    assert command(beat, "standby.power_off", token=token)[0] == 401


@pytest.mark.parametrize("kind", ["deploy", "clean", "service"])
def test_lists_steps(beat, kind):
    status, answer = command(beat, f"{kind}.get_{kind}_steps", {"node": {}, "ports": []},
                             wait=True)
    assert (status, answer["command_status"]) == (200, "SUCCEEDED")
    result = answer["command_result"]
    assert result["hardware_manager_version"] == {"generic": "1.1"}
    steps = result[f"{kind}_steps"]["GenericHardwareManager"]
    assert all(set(one) == {"step", "interface", "priority", "reboot_requested", "abortable",
                            "argsinfo"} for one in steps)


def test_shows_commands_in_order(beat):
    first = command(beat, "standby.sync", wait=True)[1]
    second = command(beat, "standby.get_partition_uuids", wait=True)[1]
    listed = call("GET", commands_url(beat))[1]["commands"]
    assert listed == [first, second]
    shown = call("GET", f"{beat['callback_url']}/v1/commands/{first['id']}?agent_token={TOKEN}")
    assert shown == (200, first)
    assert first["command_name"] == "sync"


def test_clean_step_erases(api, booting, beat):
    name = booting.nodes[0]["name"]
    command(beat, "standby.prepare_image", {"image_info": {
        "id": "k", "urls": [f"{booting.images}/deploy.kernel"], "os_hash_algo": "sha256",
        "os_hash_value": "0" * 64}}, wait=True)
    assert booting.machine(name)["disk"]["bootable"]
    step = {"step": "erase_devices_metadata", "interface": "deploy"}
    answer = command(beat, "clean.execute_clean_step",
                     {"step": step, "clean_version": {"generic": "1.1"}}, wait=True)[1]
    assert answer["command_status"] == "SUCCEEDED"
    assert answer["command_result"] == {"clean_result": None, "clean_step": step}
    assert not booting.machine(name)["disk"]["bootable"]


def test_another_hardware_manager_version_is_told(beat):
    step = {"step": "erase_devices", "interface": "deploy"}
    answer = command(beat, "clean.execute_clean_step",
                     {"step": step, "clean_version": {"generic": "1.0"}}, wait=True)[1]
    assert answer["command_status"] == "CLEAN_VERSION_MISMATCH"


def test_unknown_things_are_refused(beat):
    assert command(beat, "standby.explode")[0] == 404
    assert call("POST", commands_url(beat), ["no", "command"])[0] == 400
    assert call("GET", f"{beat['callback_url']}/v2/commands")[0] == 404
    assert call("GET", f"{beat['callback_url']}/v1/commands/none?agent_token={TOKEN}")[0] == 404
    answer = command(beat, "deploy.execute_deploy_step", {"step": {"step": "dance"}}, wait=True)[1]
    assert answer["command_error"]["type"] == "HardwareManagerMethodNotFound"


def test_one_command_at_a_time(api, booting, beat):
    url = f"{api.url}/slow"
    info = {"id": "slow", "urls": [url], "os_hash_algo": "sha256", "os_hash_value": "0" * 64}
    started = command(beat, "standby.prepare_image", {"image_info": info})[1]
    assert started["command_status"] == "RUNNING"
    status, answer = command(beat, "standby.sync")
    assert (status, answer["type"]) == (409, "AgentIsBusy")


def test_reboot_boots_again(api, booting, beat):
    name = booting.nodes[0]["name"]
    assert command(beat, "standby.run_image")[1]["command_status"] == "SUCCEEDED"
    assert booting.wait(name, boots=2, booted="agent")


def test_log_names_commands_but_no_secrets(booting, beat):
    command(beat, "standby.sync", wait=True)
    command(beat, "deploy.execute_deploy_step",
            {"step": {"step": "write_image", "args": {"configdrive": "c2VjcmV0"}}}, wait=True)
    lines = booting.log(part="agent")
    executed = [one for one in lines if one["command"] == "deploy.execute_deploy_step"]
    assert (executed[0]["changes"], executed[0]["args"]["step"]) == (True, "write_image")
    assert executed[0]["from"] == "127.0.0.1"
    assert not [one for one in lines if one["command"] == "standby.sync" and one["changes"]]
    assert TOKEN not in str(lines)
    assert "c2VjcmV0" not in str(lines)
