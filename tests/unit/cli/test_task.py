"""``task ...`` against a served API."""

import datetime
import json

import pytest

from provisioner.cli import watch
from provisioner.db import tasks
from tests.unit.api.site.test_tasks import FILTER, add_child
from tests.unit.cli.conftest import Output


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(watch, "INTERVAL", 0.02)


def test_created_task_is_listed_and_shown(run, site_api):
    digest = site_api.store()
    status, uuid = run("task", "create", "deploy_nodes", "--site", "small", "--design",
                       digest[:8], "--node", "node-001", "--node", "node-002",
                       "--max-parallel", "2", "--arg", "note=by hand", "-f", "value", "-c", "uuid")
    request = site_api.endpoint.requests[-1]
    assert status == 0
    assert request["node_filter"] == FILTER
    assert request["args"] == {"max_parallel": 2, "note": "by hand"}
    rows = json.loads(run("task", "list", "--state", "runnable", "-f", "json")[1])
    assert [(row["UUID"], row["Site"]) for row in rows] == [(uuid.strip(), "small")]
    add_child(site_api, uuid.strip(), "node-001")
    shown = json.loads(run("task", "show", uuid.strip(), "-f", "json")[1])
    assert shown["created_at"][-6] in "+-"
    assert shown["nodes"][0]["step"] == {"name": "a", "position": 1, "total": 3,
                                         "state": "pending"}
    assert "node-001 runnable" in run("task", "show", uuid.strip())[1]


@pytest.mark.parametrize("words", [("--node-filter", "{"), ("--arg", "x"),
                                   ("--node-filter", "{}", "--node", "a")])
def test_wrong_options_are_explained(run, capsys, words):
    assert run("task", "create", "verify_site", *words)[0] == 1
    assert "To do: " in capsys.readouterr().err


@pytest.mark.parametrize(("values", "status"), [
    ({"state": tasks.SUCCEEDED}, 0), ({"state": tasks.CANCELLED}, 1),
    ({"state": tasks.SUCCEEDED, "result": {"failures": ["node-001"]}}, 1),
    ({"state": tasks.FAILED, "error": {"code": "X", "message": "No power.",
                                       "remedy": "Plug it in."}}, 1)])
def test_watch_ends_with_the_task(run, site_api, quick, values, status):
    uuid = site_api.task(site_api.store(), site="small")
    add_child(site_api, uuid, "node-001")
    found, out = run("task", "watch", uuid, stdout=Output(
        lambda: site_api.change(uuid, **values)))
    assert found == status
    assert "node-001 deploy: runnable 1/3 a" in out
    assert f"verify_site {values['state']} after" in out.splitlines()[-1]
    assert ("To do: Plug it in." in out) == ("error" in values)
    assert "\x1b" not in out


def test_terminal_is_redrawn_in_place(run, site_api, quick):
    uuid = site_api.task(site_api.store(), site="small")
    add_child(site_api, uuid, "node-001")
    found, out = run("task", "watch", uuid, stdout=Output(
        lambda: site_api.change(uuid, state=tasks.SUCCEEDED), terminal=True))
    assert found == 0
    assert out.count("\x1b[3A") == 2
    assert out.rpartition("\x1b[J")[2].startswith("node-001  runnable")


def test_created_task_is_watched(run, site_api, quick):
    digest = site_api.store()

    def end():
        with site_api.database.reader() as tx:
            (row,) = tasks.find(tx, tasks.TaskFilter())
        site_api.change(row.uuid, state=tasks.SUCCEEDED)
    status, out = run("task", "create", "verify_site", "--design", digest, "--watch",
                      stdout=Output(end))
    assert (status, "verify_site succeeded" in out) == (0, True)


def test_cancel_retry_and_decisions(run, site_api):
    uuid = site_api.task(site_api.store())
    assert run("task", "cancel", uuid, "--reason", "wrong")[0] == 0
    site_api.change(uuid, state=tasks.PARKED)
    for decision in ("resume", "skip", "fail"):
        assert run("task", decision, uuid, "--reason", "seen")[0] == 0
        assert site_api.endpoint.requests[-1]["action"] == decision
    site_api.change(uuid, state=tasks.FAILED)
    assert run("task", "retry", uuid)[0] == 0
    assert site_api.endpoint.requests[-1]["args"]["task"] == uuid


def child(number, state, **more):
    return {"uuid": str(number), "node": None, "node_name": f"node-{number:03}",
            "action": "deploy", "state": state, "step": None, "retry": 0, "waiting_for": None,
            "error": None, "started_at": None, "finished_at": None, **more}


def whole(children):
    return {"uuid": "u", "action": "deploy_nodes", "site": "small", "state": "running",
            "steps": [], "children": children, "started_at": "2026-01-01T00:00:00+00:00",
            "finished_at": None, "error": None, "result": None}


def test_what_matters_is_shown_when_not_all_fits():
    now = datetime.datetime.fromisoformat("2026-01-01T01:02:03+00:00")
    task = whole([child(number, "succeeded") for number in range(100)] + [
        child(100, "failed", error={"message": "no disk"})])
    rows = watch.frame(task, now, 10)
    text = "\n".join(row for _, row in rows)
    assert len(rows) <= 10
    assert "no disk" in text and "1:02:03" in text
    assert rows[-1][1] == "... and 94 more nodes"


def test_a_node_is_as_old_as_its_first_child_of_the_same_try():
    began, later = "2026-01-01T00:00:00+00:00", "2026-01-01T00:05:00+00:00"
    first = child(1, "succeeded", started_at=began)
    second = child(1, "running", started_at=later)
    assert watch.newest([first, second])[0]["started_at"] == began
    assert watch.newest([first, {**second, "retry": 1}])[0]["started_at"] == later


def test_a_retried_node_is_one_line():
    children = watch.newest([child(1, "failed"), child(2, "succeeded"), child(1, "succeeded")])
    assert [(item["node_name"], item["state"]) for item in children] == [
        ("node-001", "succeeded"), ("node-002", "succeeded")]
    assert watch.counted(children) == "2 nodes: 2 succeeded"
