"""Secrets are sealed in rows and on the bus, masked in answers."""

import json

import sqlalchemy as sa

from provisioner import secrets
from provisioner.db import models

PLAIN = "hunter2"


def everything(api):
    """All that the database holds, as text."""
    with api.database.reader() as tx:
        return "".join(str(row) for table in models.metadata.sorted_tables
                       for row in tx.all(sa.select(table)))


def test_driver_info_is_sealed_and_masked(api):
    node = api.node(name="n", driver_info={
        "fake_passphrase": PLAIN, "ipmi_password": PLAIN, "fake_address": "a",
        "nested": {"token": PLAIN}})
    row = api.row(node)
    assert secrets.is_sealed(row.driver_info["fake_passphrase"])
    assert api.box.open(row.driver_info)["nested"]["token"] == PLAIN
    assert PLAIN not in everything(api)
    for path in ("/v1/nodes/n", "/v1/nodes/detail", "/v1/nodes?fields=driver_info"):
        assert PLAIN not in api.ask("GET", path).text
        assert "$sealed" not in api.ask("GET", path).text


def test_a_patch_seals_what_is_new_and_keeps_the_rest(api):
    node = api.node(name="n", driver_info={"fake_passphrase": "one"})
    before = api.row(node).driver_info["fake_passphrase"]
    answer = api.ask("PATCH", "/v1/nodes/n", json=[
        {"op": "add", "path": "/driver_info/ipmi_password", "value": PLAIN},
        {"op": "add", "path": "/instance_info/image_url", "value": f"http://u:{PLAIN}@h/i"}])
    assert answer.status_code == 200, answer.text
    row = api.row(node)
    assert row.driver_info["fake_passphrase"] == before
    assert api.box.open(row.driver_info)["ipmi_password"] == PLAIN
    assert PLAIN not in everything(api) and PLAIN not in answer.text


def test_a_config_drive_never_crosses_the_bus_in_clear(api):
    node = api.node(name="n")
    for drive in ({"meta_data": {"pw": PLAIN}}, "http://host/drive?x=" + PLAIN):
        api.change(node, provision_state="available", target_provision_state=None, task=None)
        answer = api.ask("PUT", "/v1/nodes/n/states/provision",
                         json={"target": "active", "configdrive": drive})
        assert answer.status_code == 202, answer.text
        sealed = api.conductor.requests[-1]["args"]["configdrive"]
        opened = api.box.open(sealed)
        assert (json.loads(opened) if isinstance(drive, dict) else opened) == drive
    assert PLAIN not in str(api.conductor.requests) and PLAIN not in everything(api)


def test_agents_see_no_secrets(api):
    node = api.node(name="n", driver_info={"fake_passphrase": PLAIN})
    api.change(node, provision_state="deploying", target_provision_state="active",
               instance_info=api.box.seal({"image_url": PLAIN}),
               driver_internal_info={"agent_secret_token": PLAIN})
    answer = api.ask("GET", f"/v1/lookup?node_uuid={node}", version="1.62")
    assert answer.status_code == 200 and PLAIN not in answer.text
    assert answer.json["node"]["driver_internal_info"] == {"agent_secret_token": "******"}
