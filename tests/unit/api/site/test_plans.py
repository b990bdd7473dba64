"""``/api/v1.1/plans``: made by a conductor, read and applied here."""

import pytest

from provisioner import exceptions
from provisioner.db import plans

BASE = "/api/v1.1/plans"


def make(api, digest, **more):
    return api.http.post(BASE, json={"site": "north", "design": digest, **more})


def test_a_plan_is_made_listed_shown_and_deleted(site_api):
    digest = site_api.store()
    answer = make(site_api, digest[:10])
    body = answer.json
    assert answer.status_code == 201
    assert answer.headers["Location"].endswith(f"{BASE}/{body['uuid']}")
    assert (body["site"], body["design"], body["task"]) == ("north", digest, None)
    assert body["actions"] == ["prepare_site", "prepare_nodes", "deploy_nodes"]
    assert body["plan"]["version"] == 1 and body["plan"]["totals"]["create"] == 12
    listed = site_api.http.get(BASE).json
    assert [item["uuid"] for item in listed["plans"]] == [body["uuid"]]
    assert "plan" not in listed["plans"][0] and "next" not in listed
    assert site_api.http.get(f"{BASE}/{body['uuid']}").json == body
    assert site_api.http.delete(f"{BASE}/{body['uuid']}").status_code == 204
    answer = site_api.http.get(f"{BASE}/{body['uuid']}")
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "NotFound")


def test_a_plan_to_look_at_is_not_kept(site_api):
    answer = make(site_api, site_api.store(), save=False, action="deploy_nodes")
    assert (answer.status_code, answer.json["uuid"]) == (200, None)
    assert answer.json["actions"] == ["deploy_nodes"]
    assert site_api.http.get(BASE).json["plans"] == []


def test_pages_and_sites(site_api):
    digest = site_api.store()
    made = [make(site_api, digest, site=site).json["uuid"] for site in ("a", "b", "a")]
    first = site_api.http.get(f"{BASE}?limit=2").json
    assert [item["uuid"] for item in first["plans"]] == [made[2], made[1]]
    second = site_api.http.get(first["next"]).json
    assert [item["uuid"] for item in second["plans"]] == [made[0]]
    assert [item["uuid"] for item in site_api.http.get(f"{BASE}?site=a").json["plans"]] == [
        made[2], made[0]]


def test_without_a_design_it_is_the_one_of_the_site(site_api):
    digest = site_api.store()
    assert make(site_api, None).status_code == 400
    site_api.lock("north", digest, None)
    assert make(site_api, None).json["design"] == digest


@pytest.mark.parametrize("body", [
    {"action": "fly"}, {"action": "verify_nodes"}, {"actions": []}, {"site": "a/b"},
    {"action": "deploy_nodes", "actions": ["deploy_nodes"]}, {"save": "yes"}, {"more": 1},
    {"actions": ["deploy_nodes", "deploy_nodes"]}, {"node_filter": {"filter_set": []}},
    {"node_filter": {"filter_set": [{"node_names": ["nobody"]}]}}])
def test_nonsense_is_refused_before_a_conductor_is_asked(site_api, body):
    digest = site_api.store()
    answer = site_api.http.post(BASE, json={"design": digest, **body})
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "InvalidRequest")
    assert site_api.endpoint.requests == []


def test_the_same_key_is_the_same_plan(site_api):
    digest = site_api.store()
    key = {"Idempotency-Key": "one"}
    body = {"site": "north", "design": digest}
    first, second = (site_api.http.post(BASE, json=body, headers=key).json for _ in range(2))
    other = site_api.http.post(BASE, json=body).json
    assert first["uuid"] == second["uuid"] != other["uuid"]


def test_applying_asks_a_conductor_for_the_task(site_api):
    digest = site_api.store()
    uuid = make(site_api, digest).json["uuid"]
    key = {"Idempotency-Key": "apply"}
    answer = site_api.http.post(f"{BASE}/{uuid}/apply", headers=key)
    assert (answer.status_code, answer.json["action"]) == (202, "apply_plan")
    assert site_api.endpoint.requests[-1]["args"] == {"plan": uuid}
    again = site_api.http.post(f"{BASE}/{uuid}/apply", headers=key)
    assert again.json["uuid"] == answer.json["uuid"]


def test_a_stale_plan_is_a_conflict_that_says_what_moved(site_api, monkeypatch):
    uuid = make(site_api, site_api.store()).json["uuid"]
    moved = ["node node-001: power_state power on -> power off"]
    error = exceptions.PlanStale("The site has moved.", plan=uuid, moved=moved)
    monkeypatch.setattr(site_api.endpoint, "accept",
                        lambda context, request: {"error": error.as_dict()})
    answer = site_api.http.post(f"{BASE}/{uuid}/apply")
    found = answer.json["error"]
    assert (answer.status_code, found["code"], found["where"]["moved"]) == (
        409, "PlanStale", moved)
    assert found["remedy"]


def test_a_saved_plan_keeps_its_design(site_api):
    digest = site_api.store()
    uuid = make(site_api, digest).json["uuid"]
    assert site_api.http.delete(f"/api/v1.1/designs/{digest}").status_code == 409
    site_api.http.delete(f"{BASE}/{uuid}")
    assert site_api.http.delete(f"/api/v1.1/designs/{digest}").status_code == 204


def test_no_conductor_is_503(site_api):
    digest = site_api.store()
    site_api.bury()
    answer = make(site_api, digest)
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "Unavailable")
    with site_api.database.reader() as tx:
        assert plans.find(tx, 10) == []
