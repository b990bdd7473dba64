"""Tasks over HTTP: accepted once for each key, shown with steps and children."""

import pytest

from provisioner.db import events, nodes, signals, tasks
from provisioner.steps import DONE, STARTED, StepSpec

BASE = "/api/v1.1/tasks"
FILTER = {"filter_set_type": "intersection", "filter_set": [
    {"filter_type": "union", "node_names": ["node-001", "node-002"]}]}


def add_child(api, parent, name, node=None):
    new = tasks.NewTask("deploy", [StepSpec(step) for step in ("a", "b", "c")], parent=parent,
                        root=parent, node_name=name, node=node, site="small")
    return api.database.write(lambda tx: tasks.insert(tx, new))


def test_request_crosses_the_bus_whole(site_api):
    digest = site_api.store()
    answer = site_api.http.post(BASE, json={
        "action": "deploy_nodes", "site": "small", "design": digest[:10],
        "node_filter": FILTER, "args": {"max_parallel": 2}})
    request = site_api.endpoint.requests[-1]
    assert answer.status_code == 202
    assert answer.headers["Location"].endswith(f"{BASE}/{answer.json['uuid']}")
    assert {key: request[key] for key in ("action", "site", "design", "node_filter", "args")} == {
        "action": "deploy_nodes", "site": "small", "design": digest, "node_filter": FILTER,
        "args": {"max_parallel": 2}}
    assert request["hardware_type"] is None
    assert request["not_after"] > answer.json["created_at"][:19]


def test_same_key_is_the_same_task_and_another_body_is_refused(site_api):
    digest = site_api.store()
    body = {"action": "verify_site", "design": digest}
    headers = {"Idempotency-Key": "one"}
    first = site_api.http.post(BASE, json=body, headers=headers)
    again = site_api.http.post(BASE, json=body, headers=headers)
    other = site_api.http.post(BASE, json={**body, "action": "prepare_site"}, headers=headers)
    assert first.json["uuid"] == again.json["uuid"]
    assert (other.status_code, other.json["error"]["code"]) == (422, "IdempotencyKeyReused")
    assert len(site_api.http.get(BASE).json["tasks"]) == 1


def test_without_a_key_every_request_is_a_task(site_api):
    digest = site_api.store()
    assert site_api.task(digest) != site_api.task(digest)


def test_same_key_is_found_when_no_conductor_is_left(site_api):
    digest = site_api.store()
    body, headers = {"action": "verify_site", "design": digest}, {"Idempotency-Key": "one"}
    first = site_api.http.post(BASE, json=body, headers=headers)
    site_api.bury()
    assert site_api.http.post(BASE, json=body, headers=headers).json["uuid"] == first.json["uuid"]
    refused = site_api.http.post(BASE, json=body)
    assert (refused.status_code, refused.json["error"]["code"]) == (503, "Unavailable")
    assert int(refused.headers["Retry-After"]) > 0


@pytest.mark.parametrize(("body", "field"), [
    ({}, None), ({"action": "fly"}, "action"), ({"action": "verify_site", "site": "../x"}, "site"),
    ({"action": "verify_site", "nonsense": 1}, None),
    ({"action": "verify_site", "node_filter": []}, "node_filter"),
    ({"action": "verify_site", "args": {"$sealed": "x"}}, None),
])
def test_wrong_bodies_are_refused_by_name(site_api, body, field):
    answer = site_api.http.post(BASE, json=body)
    assert answer.status_code == 400
    assert answer.json["error"]["where"].get("field") == field
    assert site_api.endpoint.requests == []


@pytest.mark.parametrize("text", ["", "[1]", "{", "null", "\"a\"", "{\"action\": NaN}"])
def test_bodies_that_are_no_object_are_refused(site_api, text):
    answer = site_api.http.post(BASE, data=text, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400


def test_filter_must_be_right_and_select_something(site_api):
    digest = site_api.store()
    nothing = {"filter_set_type": "union",
               "filter_set": [{"filter_type": "union", "node_names": ["nobody"]}]}
    for wrong in (nothing, {"filter_set": 3}, {"nodes": ["node-001"]}):
        answer = site_api.http.post(BASE, json={
            "action": "deploy_nodes", "design": digest, "node_filter": wrong})
        assert (answer.status_code, answer.json["error"]["code"]) == (400, "InvalidRequest")
        assert answer.json["error"]["remedy"]


def test_design_of_the_site_is_used_when_none_is_named(site_api):
    digest = site_api.store()
    body = {"action": "verify_site", "site": "small"}
    refused = site_api.http.post(BASE, json=body)
    assert "small has no design" in refused.json["error"]["message"]
    site_api.lock("small", digest, site_api.task(digest))
    assert site_api.http.post(BASE, json=body).json["design"] == digest


def test_reference_is_left_to_the_conductor(site_api):
    body = {"action": "verify_site", "design_ref": "http://designs.example/site.yaml"}
    assert site_api.http.post(BASE, json=body).json["design_ref"] == body["design_ref"]
    both = site_api.http.post(BASE, json={**body, "design": site_api.store()})
    assert both.status_code == 400


def test_task_is_shown_with_steps_and_children(site_api):
    parent = site_api.task(site_api.store())
    first, second = (add_child(site_api, parent, name) for name in ("node-001", "node-002"))
    with site_api.database.writer() as tx:
        positions = [row.position for row in tasks.steps_of(tx, first)]
        tasks.update_step(tx, first, positions[0], state=DONE, attempt=1)
        tasks.update_step(tx, first, positions[1], state=STARTED, attempt=2, started_at=tx.now())
        tasks.update(tx, first, state=tasks.WAITING, wait_for="agent", deadline=tx.now(60))
        tasks.update(tx, second, state=tasks.FAILED, error={"code": "Unreachable"})
    body = site_api.http.get(f"{BASE}/{parent}").json
    assert [step["name"] for step in body["steps"]] == ["site.pin_design", "site.run"]
    one, two = body["children"]
    assert one["step"] == {"name": "b", "position": 2, "total": 3, "state": "started"}
    assert (one["waiting_for"], one["state"]) == ("agent", "waiting")
    assert one["deadline"].endswith("+00:00")
    assert (two["state"], two["error"]["code"]) == ("failed", "Unreachable")


def test_list_shows_the_top_and_filters(site_api):
    digest = site_api.store()
    parent = site_api.task(digest, site="small")
    other = site_api.task(digest, "prepare_site", site="large")
    node = site_api.database.write(lambda tx: nodes.create(
        tx, {"name": "node-001", "driver": "fake-hardware"}))
    child = add_child(site_api, parent, "node-001", node)
    site_api.change(other, state=tasks.FAILED)

    def found(**query):
        return [task["uuid"] for task in site_api.http.get(BASE, query_string=query).json["tasks"]]
    assert found() == [other, parent]
    assert found(all="true") == [child, other, parent]
    assert found(site="small") == [parent]
    assert found(state="failed,parked") == [other]
    assert found(action="prepare_site") == [other]
    assert found(node="node-001") == found(node=node) == [child]
    first = site_api.http.get(BASE, query_string={"limit": 1, "all": "true"}).json
    second = site_api.http.get(first["next"]).json
    assert [first["tasks"][0]["uuid"], second["tasks"][0]["uuid"]] == [child, other]


@pytest.mark.parametrize("query", [{"state": "nonsense"}, {"all": "maybe"}, {"marker": "x"},
                                   {"node": "nobody"}])
def test_wrong_filters_are_refused(site_api, query):
    assert site_api.http.get(BASE, query_string=query).status_code in (400, 404)


@pytest.mark.parametrize("uuid", ["x", "0" * 36, "00000000-0000-0000-0000-000000000000"])
def test_unknown_task_is_404(site_api, uuid):
    for answer in (site_api.http.get(f"{BASE}/{uuid}"),
                   site_api.http.post(f"{BASE}/{uuid}/cancel"),
                   site_api.http.post(f"{BASE}/{uuid}/retry")):
        assert (answer.status_code, answer.json["error"]["code"]) == (404, "NotFound")


def test_cancel_is_a_signal_and_a_hint(site_api):
    task = site_api.task(site_api.store())
    answer = site_api.http.post(f"{BASE}/{task}/cancel", json={"reason": "wrong site"})
    assert (answer.status_code, answer.json["uuid"]) == (202, task)
    with site_api.database.reader() as tx:
        sent = signals.of(tx, task)
    assert [(row.kind, row.data) for row in sent] == [("cancel", {"reason": "wrong site"})]
    assert site_api.endpoint.hinted.wait(10)
    assert site_api.endpoint.hints == [task]


def test_ended_task_cannot_be_cancelled_and_a_cancelled_one_can(site_api):
    task = site_api.task(site_api.store())
    site_api.change(task, state=tasks.SUCCEEDED)
    assert site_api.http.post(f"{BASE}/{task}/cancel").status_code == 409
    site_api.change(task, state=tasks.CANCELLED)
    assert site_api.http.post(f"{BASE}/{task}/cancel").status_code == 202


@pytest.mark.parametrize(("state", "status"), [
    (tasks.FAILED, 202), (tasks.PARKED, 202), (tasks.CANCELLED, 202), (tasks.RUNNING, 409),
    (tasks.SUCCEEDED, 409)])
def test_retry_needs_an_end_and_a_failure(site_api, state, status):
    task = site_api.task(site_api.store(), site="small")
    site_api.change(task, state=state)
    assert site_api.http.post(f"{BASE}/{task}/retry").status_code == status
    request = site_api.endpoint.requests[-1]
    if status == 202:
        assert (request["action"], request["args"]["task"], request["site"]) == (
            "retry", task, "small")


def test_decisions_are_for_parked_tasks_and_need_a_reason(site_api):
    digest = site_api.store()
    node = site_api.database.write(lambda tx: nodes.create(
        tx, {"name": "node-001", "driver": "fake-hardware"}))
    task = add_child(site_api, site_api.task(digest), "node-001", node)
    assert site_api.http.post(f"{BASE}/{task}/resume", json={"reason": "x"}).status_code == 409
    site_api.change(task, state=tasks.PARKED)
    assert site_api.http.post(f"{BASE}/{task}/skip", json={}).status_code == 400
    assert site_api.http.post(f"{BASE}/{task}/fly", json={"reason": "x"}).status_code == 404
    answer = site_api.http.post(f"{BASE}/{task}/skip", json={"reason": "flashed by hand"})
    request = site_api.endpoint.requests[-1]
    assert answer.status_code == 202
    assert (request["action"], request["node"], request["hardware_type"]) == (
        "skip", node, "fake-hardware")
    assert request["args"] == {"task": task, "reason": "flashed by hand"}


def test_decision_sent_twice_under_one_key_is_one(site_api):
    task = site_api.task(site_api.store())
    site_api.change(task, state=tasks.PARKED)
    headers = {"Idempotency-Key": "decided"}
    first = site_api.http.post(f"{BASE}/{task}/resume", json={"reason": "x"}, headers=headers)
    site_api.change(task, state=tasks.RUNNING)
    again = site_api.http.post(f"{BASE}/{task}/resume", json={"reason": "x"}, headers=headers)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json["uuid"] == again.json["uuid"]


def test_events_of_a_site_task_include_those_of_its_children(site_api):
    parent = site_api.task(site_api.store())
    child = add_child(site_api, parent, "node-001")
    with site_api.database.writer() as tx:
        for task in (parent, child):
            events.append(tx, events.Event("task", f"of {task}", task=task,
                                           data={"password": "x"}))
    body = site_api.http.get(f"{BASE}/{parent}/events").json
    assert [event["task"] for event in body["events"]] == [parent, child]
    assert body["events"][0]["data"] == {"password": "******"}
    rest = site_api.http.get(f"{BASE}/{parent}/events",
                             query_string={"after": body["events"][0]["id"]}).json
    assert [event["task"] for event in rest["events"]] == [child]
    assert rest["after"] == body["after"]
