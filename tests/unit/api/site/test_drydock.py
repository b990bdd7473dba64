"""``/api/v1.0`` as Drydock's clients use it."""

import json

import pytest

from provisioner.db import build_data, nodes, ports, tasks
from provisioner_api.app import create_app
from provisioner_api.site import routes
from tests.unit.api.site.harness import EXAMPLE
from tests.unit.api.site.test_tasks import FILTER, add_child

BASE = "/api/v1.0"


@pytest.fixture
def href(tmp_path):
    """A reference to the example, as the service may read it."""
    (tmp_path / "site.yaml").write_text(EXAMPLE.read_text())
    return f"file://{tmp_path}/site.yaml"


def created(api, href, action="verify_site", **more):
    answer = api.http.post(f"{BASE}/tasks", json={"action": action, "design_ref": href, **more})
    assert answer.status_code == 201, answer.text
    return answer


def test_roots_are_open(site_api):
    assert site_api.http.get("/versions").json["v1.0"] == {
        "path": "/api/v1.0", "status": "stable"}
    health = site_api.http.get(f"{BASE}/health")
    assert (health.status_code, health.data) == (204, b"")


def test_extended_health_tells_of_conductors(site_api):
    assert site_api.http.get(f"{BASE}/health/extended").json["status"] == "Success"
    site_api.bury()
    answer = site_api.http.get(f"{BASE}/health/extended")
    assert (answer.status_code, answer.json["status"]) == (503, "Failure")
    assert answer.json["details"]["errorCount"] == 1


def test_created_task_is_queued_and_found(site_api, href):
    answer = created(site_api, href, "deploy_nodes", node_filter=FILTER)
    task = answer.json
    assert answer.headers["Location"].endswith(f"/api/v1.0/tasks/{task['task_id']}")
    assert {key: task[key] for key in ("kind", "apiVersion", "action", "status", "design_ref",
                                       "node_filter", "parent_task_id", "subtask_id_list")} == {
        "kind": "Task", "apiVersion": "v1", "action": "deploy_nodes", "status": "queued",
        "design_ref": href, "node_filter": FILTER, "parent_task_id": None,
        "subtask_id_list": []}
    assert task["result"]["status"] == "incomplete"
    request = site_api.endpoint.requests[-1]
    assert (request["design_ref"], request["design"]) == (href, None)
    shown = site_api.http.get(f"{BASE}/tasks/{task['task_id']}").json
    assert shown["task_id"] == task["task_id"]


def test_stored_design_is_a_reference_too(site_api):
    digest = site_api.store()
    task = created(site_api, f"provisioner:{digest[:10]}").json
    assert task["design_ref"] == f"provisioner:{digest}"
    assert site_api.endpoint.requests[-1]["design"] == digest


@pytest.mark.parametrize("body", [
    {}, {"action": "verify_site"}, {"action": "fly", "design_ref": "x"},
    {"action": "verify_site", "design_ref": ""}, {"action": "bootaction_report",
                                                  "design_ref": "x"},
    {"action": "verify_site", "design_ref": "provisioner:00000000"}])
def test_wrong_requests_are_drydocks_errors(site_api, body):
    answer = site_api.http.post(f"{BASE}/tasks", json=body)
    assert answer.status_code == 400
    assert (answer.json["type"], answer.json["retry"]) == ("error", False)
    assert answer.json["message"]


def test_type_with_a_charset_is_taken(site_api, href):
    answer = site_api.http.post(
        f"{BASE}/tasks", data=json.dumps({"action": "verify_site", "design_ref": href}),
        headers={"Content-Type": "application/json; charset=utf-8"})
    assert answer.status_code == 201


@pytest.mark.parametrize(("values", "status", "result"), [
    ({"state": tasks.RUNNING}, "running", "incomplete"),
    ({"state": tasks.WAITING}, "running", "incomplete"),
    ({"state": tasks.WAITING, "cancel": True}, "terminating", "incomplete"),
    ({"state": tasks.CANCELLED}, "terminated", "failure"),
    ({"state": tasks.SUCCEEDED}, "complete", "success"),
    ({"state": tasks.PARKED}, "complete", "failure"),
    ({"state": tasks.FAILED, "result": {"status": "partial_success", "successes": ["a"],
                                        "failures": ["b"], "messages": []}},
     "complete", "partial_success")])
def test_states_are_mapped(site_api, href, values, status, result):
    uuid = created(site_api, href).json["task_id"]
    site_api.change(uuid, **values)
    task = site_api.http.get(f"{BASE}/tasks/{uuid}").json
    assert (task["status"], task["result"]["status"]) == (status, result)


def test_layers_errors_and_build_data(site_api, href):
    top = created(site_api, href, "deploy_nodes").json["task_id"]
    good, bad = (add_child(site_api, top, name) for name in ("node-001", "node-002"))
    site_api.change(good, state=tasks.SUCCEEDED)
    site_api.change(bad, state=tasks.FAILED, error={"code": "Unreachable", "message": "No power.",
                                                    "remedy": "Plug it in."})
    with site_api.database.writer() as tx:
        build_data.add(tx, build_data.Record("node-001", "lshw", "text/xml", "<list/>", good))

    def get(**query):
        return site_api.http.get(f"{BASE}/tasks/{top}", query_string=query).json
    assert get()["subtask_id_list"] == [good, bad]
    assert set(get(layers=1)) == {"init_task_id", top}
    whole = get(layers=-1, builddata="true", subtaskerrors="true")
    assert set(whole) == {"init_task_id", "subtask_errors", top, good, bad}
    assert whole["init_task_id"] == top
    assert whole[good]["build_data"][0]["data_element"] == "<list/>"
    assert whole[good]["result"]["successes"] == ["node-001"]
    assert set(whole["subtask_errors"]) == {bad}
    error = whole["subtask_errors"][bad]
    assert (error["task_id"], error["details"]["errorCount"]) == (bad, 1)
    assert error["details"]["messageList"][0]["context"] == "node-002"
    assert get(subtaskerrors="true")["task_id"] == top
    found = {task["task_id"] for task in site_api.http.get(f"{BASE}/tasks").json}
    assert found == {top, good, bad}


def test_build_data_by_task_and_node(site_api, href):
    top = created(site_api, href).json["task_id"]
    with site_api.database.writer() as tx:
        for generator, text in (("lshw", "old"), ("lshw", "new"), ("lldp", "x")):
            build_data.add(tx, build_data.Record("node-001", generator, "text/plain", text, top))
    of_task = site_api.http.get(f"{BASE}/tasks/{top}/builddata").json
    assert [record["data_element"] for record in of_task] == ["old", "new", "x"]
    path = f"{BASE}/nodes/node-001/builddata"
    assert len(site_api.http.get(path).json) == 3
    latest = site_api.http.get(path, query_string={"latest": "true"}).json
    assert [record["data_element"] for record in latest] == ["new", "x"]
    absent = site_api.http.get(f"{BASE}/nodes/nobody/builddata")
    assert (absent.status_code, absent.data) == (404, b"")


@pytest.mark.parametrize("uuid", ["x", "00000000-0000-0000-0000-000000000000"])
def test_unknown_task_is_drydocks_404(site_api, uuid):
    answer = site_api.http.get(f"{BASE}/tasks/{uuid}")
    assert (answer.status_code, answer.json["type"]) == (404, "error")


def test_delete_cancels(site_api, href):
    uuid = created(site_api, href).json["task_id"]
    assert site_api.http.delete(f"{BASE}/tasks/{uuid}").status_code == 202
    site_api.change(uuid, state=tasks.SUCCEEDED)
    assert site_api.http.delete(f"{BASE}/tasks/{uuid}").status_code == 409


def test_valid_design_has_an_info_for_each_rule(site_api, href):
    answer = site_api.http.post(f"{BASE}/validatedesign", json={
        "rel": "design", "href": href, "type": "application/x-yaml"})
    body = answer.json
    assert (answer.status_code, body["status"], body["code"]) == (200, "Success", 200)
    assert body["details"]["errorCount"] == 0
    levels = {message["level"] for message in body["details"]["messageList"]}
    assert "Info" in levels and "Error" not in levels


def test_invalid_design_is_400_with_messages(site_api, href, tmp_path):
    (tmp_path / "site.yaml").write_text(EXAMPLE.read_text().replace("127.77.0.2", "1.2.3.4"))
    answer = site_api.http.post(f"{BASE}/validatedesign", json={"href": href})
    body = answer.json
    errors = [message for message in body["details"]["messageList"] if message["error"]]
    assert (answer.status_code, body["status"]) == (400, "Failure")
    assert len(errors) == body["details"]["errorCount"] > 0
    assert set(errors[0]) == {"kind", "name", "message", "error", "level", "diagnostic", "ts",
                              "documents"}


@pytest.mark.parametrize(("path", "body"), [
    ("validatedesign", {}), ("validatedesign", {"href": "file:///etc/hostname"}),
    ("nodefilter", {"node_filter": None}), ("validatedesign", {"href": "gopher://x"})])
def test_bad_references_are_400(site_api, path, body):
    answer = site_api.http.post(f"{BASE}/{path}", json=body)
    assert (answer.status_code, answer.json["type"]) == (400, "error")


def test_node_filter_gives_names(site_api, href):
    def names(wanted):
        return site_api.http.post(f"{BASE}/nodefilter", json={
            "design_ref": href, "node_filter": wanted}).json
    assert names(FILTER) == ["node-001", "node-002"]
    assert len(names(None)) == 12


def test_designs_are_stored_and_listed(site_api, href):
    digest = site_api.http.post(f"{BASE}/designs", json={"href": href}).json["digest"]
    assert site_api.http.get(f"{BASE}/designs").json == [digest]
    assert site_api.http.get(f"{BASE}/designs/{digest}").json["summary"]["nodes"] == 12


def test_nodes_are_listed_without_asking_machines(site_api):
    with site_api.database.writer() as tx:
        uuid = nodes.create(tx, {
            "name": "node-001", "driver": "ipmi", "power_state": "power on",
            "properties": {"memory_mb": 1024, "cpus": 4},
            "driver_info": {"ipmi_address": "127.77.0.2", "ipmi_password": {"$sealed": "x"}}})
        ports.create(tx, {"node_uuid": uuid, "address": "52:54:00:77:00:01"})
    assert site_api.http.get(f"{BASE}/nodes").json == [{
        "hostname": "node-001", "memory": 1024, "cpu_count": 4, "status_name": "enroll",
        "boot_mac": "52:54:00:77:00:01", "power_state": "on", "power_address": "127.77.0.2",
        "boot_ip": None}]


@pytest.fixture
def limited(site_api, tmp_path):
    """The service with a policy that lets nobody destroy, and nobody read build data."""
    path = tmp_path / "policy.yaml"
    path.write_text('"physical_provisioner:destroy_nodes": "!"\n'
                    '"physical_provisioner:read_build_data": "!"\n')
    conf = site_api.services.conf
    conf.set_override("policy_file", str(path), "oslo_policy")
    site_api.app = create_app(site_api.services, routes.TABLES)
    site_api.http = site_api.app.test_client()
    yield site_api
    conf.clear_override("policy_file", "oslo_policy")


def test_rules_have_drydocks_names_and_each_action_its_own(limited, href):
    created(limited, href, "deploy_nodes")
    refused = limited.http.post(f"{BASE}/tasks", json={
        "action": "destroy_nodes", "design_ref": href})
    assert (refused.status_code, refused.json["type"]) == (403, "error")
    assert "physical_provisioner:destroy_nodes" in refused.json["message"]
    assert limited.http.get(f"{BASE}/nodes/node-001/builddata").status_code == 403
    assert limited.http.get(f"{BASE}/nodes").status_code == 200


def test_details_of_boot_actions_are_messages_with_their_extra(site_api, href):
    uuid = created(site_api, href).json["task_id"]
    site_api.change(uuid, state=tasks.SUCCEEDED, result={"status": "success", "messages": [
        {"message": "half", "error": False, "context": "01H", "context_type": "bootaction",
         "extra": {"percent": 50}}]})
    (message,) = site_api.http.get(f"{BASE}/tasks/{uuid}").json["result"]["details"][
        "messageList"]
    assert (message["context_type"], message["context"]) == ("bootaction", "01H")
    assert json.loads(message["extra"]) == {"percent": 50}
