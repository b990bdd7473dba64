"""Agents: the token, heartbeats that wake the task, boot scripts."""

import pytest

from provisioner.db import agents, boot_scripts, signals, tasks

URL = "http://10.0.0.7:9999"


@pytest.fixture
def agent(api):
    """A node that waits for its agent: (uuid, task, token)."""
    node = api.node(name="n")
    api.change(node, provision_state="wait call-back", target_provision_state="active")
    task = api.task(node)
    token = api.ask("GET", f"/v1/lookup?node_uuid={node}", version="1.62").json[
        "config"]["agent_token"]
    return node, task, token


def beat(api, node, token, **more):
    return api.ask("POST", f"/v1/heartbeat/{node}", version="1.68", json={
        "callback_url": URL, "agent_version": "9", "agent_token": token, **more})


def row(api, task):
    with api.database.reader() as tx:
        return tasks.get(tx, task)


def test_the_token_rests_sealed(api, agent):
    node, _, token = agent
    with api.database.reader() as tx:
        kept = agents.get(tx, node).token
    assert kept != token and api.box.open_text(kept) == token


def test_a_heartbeat_is_recorded_and_wakes_the_task(api, agent):
    node, task, token = agent
    before = row(api, task)
    answer = beat(api, node, token, agent_verify_ca="PEM")
    assert (answer.status_code, answer.data) == (202, b"")
    with api.database.reader() as tx:
        found = agents.get(tx, node)
    assert (found.url, found.version, found.verify_ca) == (URL, "9", "PEM")
    assert found.last_heartbeat is not None
    after = row(api, task)
    assert after.wake == before.wake + 1 and after.state == tasks.RUNNABLE
    assert api.conductor.hinted.wait(10) and api.conductor.hints == [task]


def test_a_wrong_token_wakes_nobody(api, agent):
    node, task, token = agent
    for wrong in ("", token[:-1], token + "x", "******", None):
        assert beat(api, node, wrong).status_code == 400
    assert row(api, task).wake == 0


def test_another_machine_cannot_take_over(api, agent):
    node, task, token = agent
    assert beat(api, node, token).status_code == 202
    answer = beat(api, node, token, callback_url="http://10.0.0.8:9999")
    assert answer.status_code == 400 and "callback_url" in answer.text


def test_a_new_boot_gets_a_new_token(api, agent):
    node, _, token = agent
    with api.database.writer() as tx:
        agents.reset(tx, node)
    assert beat(api, node, token).status_code == 400
    new = api.ask("GET", f"/v1/lookup?node_uuid={node}", version="1.62").json["config"]
    assert new["agent_token"] not in (token, "******")
    assert beat(api, node, new["agent_token"]).status_code == 202


def test_heartbeats_in_other_states_change_nothing(api, agent):
    node, task, token = agent
    api.change(node, provision_state="active", target_provision_state=None)
    assert beat(api, node, token).status_code == 202
    assert row(api, task).wake == 0


def test_a_heartbeat_after_the_task_has_ended(api, agent):
    node, task, token = agent
    with api.database.writer() as tx:
        tasks.update(tx, task, state=tasks.SUCCEEDED)
    assert beat(api, node, token).status_code == 202
    assert row(api, task).wake == 0 and not api.conductor.hints


def test_inspection_data_wakes_the_task(api):
    node = api.node(name="n")
    api.change(node, provision_state="inspect wait", target_provision_state="manageable")
    task = api.task(node)
    assert api.ask("POST", "/v1/ports", json={
        "node_uuid": node, "address": "52:54:00:00:00:01"}).status_code == 201
    answer = api.ask("POST", "/v1/continue_inspection", version=None, json={
        "inventory": {"interfaces": [{"mac_address": "52:54:00:00:00:01"}]}})
    assert (answer.status_code, answer.json) == (202, {"uuid": node})
    with api.database.reader() as tx:
        assert [signal.kind for signal in signals.of(tx, task)] == ["inventory"]


@pytest.mark.parametrize("name", ["52-54-00-AA-00-01", "52:54:00:aa:00:01"])
def test_boot_scripts(api, name):
    with api.database.writer() as tx:
        boot_scripts.put(tx, "node", ["52:54:00:aa:00:01"], "#!ipxe\nexit\n")
    answer = api.ask("GET", f"/boot/{name}.ipxe", version=None)
    assert (answer.status_code, answer.text) == (200, "#!ipxe\nexit\n")
    assert answer.content_type == "text/plain; charset=utf-8"
