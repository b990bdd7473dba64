"""``node ...`` against a served API."""

import json

import pytest

from provisioner.db import events, nodes
from provisioner_api import routes
from provisioner_api.app import create_app


@pytest.fixture
def site_api(site_api):
    """With the Bare Metal API, and three nodes."""
    site_api.app = create_app(site_api.services, routes.TABLES)
    with site_api.database.writer() as tx:
        for number in range(1, 4):
            uuid = nodes.create(tx, {"name": f"node-00{number}", "driver": "fake-hardware",
                                     "driver_info": {"ipmi_password": {"$sealed": "x"}}})
            events.append(tx, events.Event("test", "It was plugged in.", node=uuid))
        nodes.update_engine(tx, uuid, {"provision_state": "active", "power_state": "power on"})
    return site_api


def test_nodes_are_listed_by_state(run):
    rows = json.loads(run("node", "list", "-f", "json")[1])
    assert [row["Name"] for row in rows] == ["node-001", "node-002", "node-003"]
    status, out = run("node", "list", "--provision-state", "active", "-f", "value", "-c", "Name",
                      "-c", "Power")
    assert (status, out.strip()) == (0, "node-003 power on")


def test_all_pages_are_listed(site_api, run):
    site_api.conf.set_override("max_limit", 2, "api")
    assert len(json.loads(run("node", "list", "-f", "json")[1])) == 3


def test_node_is_shown_without_its_secrets(run):
    status, out = run("node", "show", "node-001", "-f", "json")
    shown = json.loads(out)
    assert (status, shown["provision_state"]) == (0, "enroll")
    assert shown["driver_info"] == {"ipmi_password": "******"}
    assert "links" not in shown


def test_node_is_explained(run):
    status, out = run("node", "explain", "node-003")
    assert status == 0
    assert "Nothing is going on: the node is active." in out
    assert "It was plugged in." in out
    assert "None" not in out


def test_unknown_node_is_an_error(run, capsys):
    assert run("node", "show", "nobody")[0] == 1
    assert "nobody could not be found" in capsys.readouterr().err
