"""``plan ...`` against a served API."""

import json

import pytest

from provisioner import exceptions
from provisioner.cli import main
from provisioner.db import plans
from tests.unit.api.site.harness import EXAMPLE


@pytest.fixture
def digest(run):
    return run("design", "create", str(EXAMPLE), "-f", "value", "-c", "digest")[1].strip()


def saved(run, digest):
    status, out = run("plan", "--design", digest, "--save", "-f", "json")
    assert status == 2
    return json.loads(out)["uuid"]


def test_something_to_do_is_two(run, digest):
    status, out = run("plan", "--site", "north", "--design", digest[:8])
    assert status == 2
    assert f"Plan for site north, design {digest[:12]}: prepare_site, prepare_nodes" in out
    assert "  + node node-001" in out and "12 to create" in out
    assert "plan apply" not in out


def test_nothing_to_do_is_zero_and_trouble_is_one(run, digest, site_api):
    uuid = saved(run, digest)

    def change(**values):
        with site_api.database.writer() as tx:
            document = plans.get(tx, uuid).document
            document = {**document, **values, "totals": {**document["totals"],
                                                         **values.get("totals", {})}}
            tx.execute(plans.plans.update().values(document=document))
    change(nodes=[], changes=[], empty=True)
    status, out = run("plan", "show", uuid)
    assert (status, "Nothing to do" in out) == (0, True)
    change(totals={"blocked": 1})
    assert run("plan", "show", uuid)[0] == 1


def test_plans_are_saved_listed_shown_and_deleted(run, digest):
    uuid = saved(run, digest)
    rows = json.loads(run("plan", "list", "-f", "json")[1])
    assert [(row["UUID"], row["Create"], row["Task"]) for row in rows] == [(uuid, 12, "")]
    assert f"provisioner plan apply {uuid}" in run("plan", "show", uuid)[1]
    assert run("plan", "delete", uuid)[0] == 0
    assert json.loads(run("plan", "list", "-f", "json")[1]) == []


def test_nodes_and_actions_are_handed_on(run, digest, site_api):
    assert run("plan", "--design", digest, "--action", "prepare_site", "--action",
               "prepare_nodes", "--node", "node-001")[0] == 2
    asked = site_api.endpoint.requests[-1]
    assert asked["actions"] == ["prepare_site", "prepare_nodes"]
    assert asked["node_filter"]["filter_set"][0]["node_names"] == ["node-001"]
    assert asked["save"] is False


def test_applying_shows_the_task(run, digest):
    status, out = run("plan", "apply", saved(run, digest), "-f", "json")
    assert (status, json.loads(out)["action"]) == (0, "apply_plan")


def test_a_stale_plan_is_one_line_that_says_what_moved(run, digest, site_api, monkeypatch, capsys):
    uuid = saved(run, digest)
    error = exceptions.PlanStale("The site has moved: node a is gone.", moved=["node a: is gone"])
    monkeypatch.setattr(site_api.endpoint, "accept",
                        lambda context, request: {"error": error.as_dict()})
    assert run("plan", "apply", uuid)[0] == 1
    err = capsys.readouterr().err
    assert "node a is gone" in err and "To do: Make a new plan with 'provisioner plan" in err


def test_errors_are_one(run, capsys):
    assert run("plan", "--site", "unknown")[0] == 1
    assert "has no design yet" in capsys.readouterr().err
    assert run("plan", "show", "nothing")[0] == 1


@pytest.mark.parametrize("words", [("plan", "--action", "fly"), ("plan", "show"),
                                   ("design", "diff", "one")])
def test_misuse_is_no_answer(words, capsys):
    assert main.main(list(words)) == 1
    assert "error: " in capsys.readouterr().err
