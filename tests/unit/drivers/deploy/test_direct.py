import pytest

from provisioner import exceptions
from provisioner.clock import Clock
from provisioner.drivers import base
from provisioner.drivers.clients.agent import AgentPool
from provisioner.drivers.deploy import direct
from tests.unit.drivers import agents
from tests.unit.drivers.channels import DirectChannel

SHA256 = "ab" * 32
INSTANCE = {"image_source": "http://images/os.raw", "image_checksum": SHA256,
            "configdrive": "H4sI"}
DEPLOY = direct.DirectDeploy()


@pytest.fixture
def agent():
    with agents.agent() as running:
        yield running


@pytest.fixture
def channel(agent):
    return DirectChannel(AgentPool(Clock()).transport(agent.settings))


def node(**instance_info):
    return base.NodeView("uuid-1", "node-1", {"ipmi_password": "hidden"}, {"cpus": 4},
                         {**INSTANCE, **instance_info}, (base.PortView("52:54:00:00:00:01"),))


def succeeded(name, result):
    return 200, {"id": "1", "command_name": name, "command_status": "SUCCEEDED",
                 "command_error": None, "command_result": result}


def test_steps_of_all_hardware_managers_carry_their_version(agent, channel):
    erase = {"step": "erase_devices", "interface": "deploy", "priority": 10}
    check = {"step": "check", "interface": "deploy", "priority": 5}
    agent.answers = [succeeded("get_clean_steps", {
        "clean_steps": {"A": [erase], "B": [check]}, "hardware_manager_version": {"A": "1.1"}})]
    version = {"A": "1.1"}
    assert DEPLOY.get_steps(channel, node(), "clean") == [{**erase, "version": version},
                                                          {**check, "version": version}]
    method, path, query, body = agent.requests[0]
    assert (method, path, query) == ("POST", "/v1/commands/", {"wait": "true"})
    assert body["name"] == "clean.get_clean_steps"


def test_failing_to_tell_steps_is_a_refusal(agent, channel):
    agent.answers = [(200, {"command_name": "get_clean_steps", "command_status": "FAILED",
                            "command_error": {"message": "no disk"}})]
    with pytest.raises(exceptions.RequestRefused, match="no disk"):
        DEPLOY.get_steps(channel, node(), "clean")


def test_a_step_is_started_with_the_version_it_came_with(agent, channel):
    agent.answers = [(200, {"command_status": "RUNNING"})]
    step = {"interface": "deploy", "step": "erase_devices", "version": {"A": "1.1"}}
    DEPLOY.start_step(channel, node(), "clean", step)
    _, _, query, body = agent.requests[0]
    assert query == {"wait": "false"} and body["name"] == "clean.execute_clean_step"
    assert body["params"]["clean_version"] == {"A": "1.1"}
    assert body["params"]["step"] == {"interface": "deploy", "step": "erase_devices"}


def test_the_image_step_tells_all_about_the_image_and_nothing_of_the_bmc(agent, channel):
    agent.answers = [(200, {"command_status": "RUNNING"})]
    DEPLOY.start_image(channel, node())
    body = agent.requests[0][3]
    step = body["params"]["step"]
    assert body["name"] == "deploy.execute_deploy_step"
    assert (step["interface"], step["step"]) == ("deploy", "write_image")
    assert step["args"]["configdrive"] == "H4sI"
    assert step["args"]["image_info"] == {
        "id": "http://images/os.raw", "urls": ["http://images/os.raw"], "disk_format": "raw",
        "container_format": "bare", "stream_raw_images": True, "node_uuid": "uuid-1",
        "checksum": SHA256, "os_hash_algo": "sha256", "os_hash_value": SHA256}
    assert "hidden" not in str(body)
    assert body["params"]["ports"][0]["address"] == "52:54:00:00:00:01"


@pytest.mark.parametrize("info, expected", [
    ({"image_checksum": "http://images/SHA256SUMS"}, {"checksum": "http://images/SHA256SUMS"}),
    ({"image_checksum": "ab" * 64}, {"checksum": "ab" * 64, "os_hash_algo": "sha512",
                                     "os_hash_value": "ab" * 64}),
    ({"image_checksum": None, "image_os_hash_algo": "sha3_256", "image_os_hash_value": "cd"},
     {"os_hash_algo": "sha3_256", "os_hash_value": "cd"})])
def test_checksums_in_each_form(info, expected):
    found = direct.image_info(node(**info))
    assert {key: found[key] for key in found if key == "checksum" or "hash" in key} == expected


@pytest.mark.parametrize("info, name", [
    ({"image_source": None}, "image_source"), ({"image_source": "my-image"}, "image_source"),
    ({"image_source": "file:///etc/shadow"}, "image_source"),
    ({"image_checksum": None}, "image_checksum"),
    ({"image_os_hash_algo": "sha256"}, "image_os_hash_algo"),
    ({"configdrive": {"meta_data": {}}}, "configdrive")])
def test_an_image_that_cannot_be_written_is_refused_before_sending(agent, channel, info, name):
    with pytest.raises(exceptions.InvalidSetting) as caught:
        DEPLOY.start_image(channel, node(**info))
    assert caught.value.where["setting"] == name and agent.requests == []


@pytest.mark.parametrize("missing", ["image_source", "image_checksum"])
def test_validation_needs_an_image(missing):
    DEPLOY.validate(node())
    with pytest.raises(exceptions.InvalidSetting, match=missing):
        DEPLOY.validate(node(**{missing: None}))


def ran(status, step="write_image", error=None, name="execute_deploy_step"):
    return {"id": "1", "command_name": name, "command_status": status, "command_error": error,
            "command_params": {"step": {"interface": "deploy", "step": step}},
            "command_result": {"step": step}}


@pytest.mark.parametrize("status, error, state, text", [
    ("RUNNING", None, "running", None), ("SUCCEEDED", None, "succeeded", None),
    ("FAILED", {"type": "ImageChecksumError", "message": "bad", "details": "sum"}, "failed",
     "bad: sum"),
    ("CLEAN_VERSION_MISMATCH", None, "failed", "ended as CLEAN_VERSION_MISMATCH")])
def test_the_state_of_a_command(agent, channel, status, error, state, text):
    agent.answers = [(200, {"commands": [ran(status, error=error)]})]
    found = DEPLOY.command(channel, node(), "execute_deploy_step", direct.WRITE_IMAGE)
    assert (found["state"], found["error"]) == (state, text)


def test_the_newest_command_of_that_name_and_step_counts(agent, channel):
    commands = [ran("FAILED"), ran("SUCCEEDED"), ran("RUNNING", "other"),
                ran("FAILED", name="sync")]
    agent.answers = [(200, {"commands": commands})] * 3
    assert DEPLOY.command(channel, node(), "execute_deploy_step", direct.WRITE_IMAGE)[
        "state"] == "succeeded"
    assert DEPLOY.command(channel, node(), "execute_deploy_step")["state"] == "running"
    assert DEPLOY.command(channel, node(), "execute_deploy_step",
                          {"interface": "deploy", "step": "unknown"}) is None


def test_power_off_flushes_first(agent, channel):
    agent.answers = [succeeded("sync", None), (200, {})]
    DEPLOY.power_off(channel, node())
    assert [request[3]["name"] for request in agent.requests] == ["standby.sync",
                                                                 "standby.power_off"]


def test_a_machine_that_goes_off_without_a_word_did_what_was_asked(agent, channel):
    agent.answers = [succeeded("sync", None), (None, None)]
    DEPLOY.power_off(channel, node())
    assert len(agent.requests) == 2
