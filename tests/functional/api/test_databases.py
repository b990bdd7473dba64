"""The same answers on every database: what depends on its types, order, case and limits."""

import json

import pytest

from tests.api_service import ApiService

NODE = "4f0c8c1e-3d59-4f52-8b8a-2d0f1b7f6a10"
LONG = ("x" * 70_000, "\U0001f600" * 255, "\u202e", 10 ** 30, "'; --")


@pytest.fixture
def service(bus, database_url):
    with ApiService(bus, database_url) as made:
        yield made


def fault(answer):
    return json.loads(answer.json["error_message"])


def test_pages_follow_every_order(service):
    wanted = {service.node(name=f"n{number}", owner=[None, "a", "b"][number % 3])
              for number in range(7)}
    for query in ("", "sort_key=owner", "sort_key=owner&sort_dir=desc", "sort_key=created_at",
                  "sort_key=maintenance&sort_dir=desc", "sort_key=updated_at"):
        path, found = f"/v1/nodes?limit=2&{query}", []
        while path:
            body = service.ask("GET", path).json
            found += [node["uuid"] for node in body["nodes"]]
            path = body.get("next")
        assert (len(found), set(found)) == (7, wanted), query


def test_what_is_taken_is_named(service):
    node = service.node(name="n1", uuid=NODE, instance_uuid=NODE)
    for field, value in (("name", "n1"), ("uuid", NODE), ("instance_uuid", NODE)):
        answer = service.ask("POST", "/v1/nodes", json={"driver": "fake-hardware", field: value})
        assert (answer.status_code, fault(answer)["code"]) == (409, "Duplicate")
        assert f"same {field} " in fault(answer)["faultstring"], answer.text
    port = {"node_uuid": node, "address": "52:54:00:aa:00:01"}
    assert service.ask("POST", "/v1/ports", json=port).status_code == 201
    answer = service.ask("POST", "/v1/ports", json=port)
    assert answer.status_code == 409 and "same address " in fault(answer)["faultstring"]


@pytest.mark.parametrize("path", ["/name", "/owner", "/description", "/extra/a", "/shard",
                                  "/instance_name", "/resource_class", "/retired_reason",
                                  "/conductor_group", "/driver_info/a", "/network_interface"])
def test_texts_fit_or_are_refused(service, path):
    service.node(name="n1", uuid=NODE)
    for value in LONG:
        answer = service.ask("PATCH", f"/v1/nodes/{NODE}",
                             json=[{"op": "add", "path": path, "value": value}])
        assert answer.status_code in (200, 400), (path, answer.text[:500])
        if answer.status_code == 200:
            assert service.ask("GET", f"/v1/nodes/{NODE}").json == answer.json


def test_a_life_of_an_agent(service):
    node = service.node(name="n1")
    service.change(node, provision_state="wait call-back", target_provision_state="active")
    task = service.task(node)
    path = f"/v1/lookup?node_uuid={node}"
    token = service.ask("GET", path, version="1.62").json["config"]["agent_token"]
    assert service.ask("GET", path, version="1.62").json["config"]["agent_token"] == "******"
    for _ in range(2):
        answer = service.ask("POST", f"/v1/heartbeat/{node}", json={
            "callback_url": "http://10.0.0.1:9999", "agent_version": "1", "agent_token": token,
            "agent_verify_ca": "x" * 20_000})
        assert answer.status_code == 202, answer.text
    assert service.conductor.hinted.wait(10) and task in service.conductor.hints


def test_verbs_states_history_and_figures(service):
    service.node(name="n1")
    sent = {"json": {"target": "manage"}, "headers": {"Idempotency-Key": "k"}}
    first, again = (service.ask("PUT", "/v1/nodes/n1/states/provision", **sent) for _ in "12")
    assert (first.status_code, again.status_code) == (202, 202), again.text
    assert first.headers["X-Provisioner-Task"] == again.headers["X-Provisioner-Task"]
    assert service.ask("PUT", "/v1/nodes/n1/maintenance", json={"reason": "x"}).status_code == 202
    history = service.ask("GET", "/v1/nodes/n1/history?limit=1").json["history"]
    assert history[0]["event"] == "Maintenance set: x"
    assert history[0]["created_at"].endswith("+00:00")
    assert service.ask("GET", "/v1/conductors").json["conductors"][0]["alive"] is True
    assert 'provisioner_tasks{state="runnable"} 1.0' in service.ask("GET", "/metrics").text


def test_traits_and_deletion(service):
    service.node(name="n1")
    assert service.ask("PUT", "/v1/nodes/n1/traits/CUSTOM_A").status_code == 204
    assert service.ask("PUT", "/v1/nodes/n1/traits/CUSTOM_B").status_code == 204
    shown = service.ask("GET", "/v1/nodes/detail").json["nodes"]
    assert [node["traits"] for node in shown] == [["CUSTOM_A", "CUSTOM_B"]]
    assert service.ask("DELETE", "/v1/nodes/n1").status_code == 204
    assert service.ask("GET", "/v1/nodes").json == {"nodes": []}
