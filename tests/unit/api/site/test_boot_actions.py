"""What deployed nodes ask for themselves: archives, reports, what the design says of them."""

import gzip
import hashlib
import io
import tarfile

import pytest

from provisioner.db import boot_actions, nodes, signals, tasks
from tests.boot_actions_site import NODE, site_with_actions

BASE = "/api/v1.0/bootactions"
KEY = bytes(range(32))
AUTH = {"X-Bootaction-Key": KEY.hex()}
OTHER = {"X-Bootaction-Key": "f" * 64}
JOIN, MOTD = "01H0000000000000000000000J", "01H0000000000000000000000M"


@pytest.fixture
def node(site_api):
    """A deployed node with two boot actions; the uuid of its task, which waits for them."""
    digest = site_api.store(site_with_actions().documents)
    with site_api.database.writer() as tx:
        uuid = nodes.create(tx, {"name": NODE, "driver": "fake-hardware"})
        task = tasks.insert(tx, tasks.NewTask(action="report", steps=[], node=uuid))
        tasks.update(tx, task, state=tasks.WAITING)
        nodes.update_engine(tx, uuid, {"task": task})
    begin(site_api, uuid, digest, task)
    return uuid


def begin(api, uuid, digest, task, lifetime=600.0):
    new = boot_actions.Deployment(uuid, NODE, task, digest, KEY, lifetime)
    with api.database.writer() as tx:
        boot_actions.begin(tx, new, [boot_actions.NewAction(JOIN, "join", True),
                                     boot_actions.NewAction(MOTD, "motd", False)])


def members(answer):
    with tarfile.open(fileobj=io.BytesIO(answer.data), mode="r:gz") as tar:
        return {member.name: (oct(member.mode), member.uid, tar.extractfile(member).read())
                for member in tar}


def test_files_and_units_are_archives_with_a_checksum(site_api, node):
    answer = site_api.http.get(f"{BASE}/nodes/{NODE}/files", headers=AUTH)
    assert (answer.status_code, answer.content_type) == (200, "application/gzip")
    assert answer.headers["Content-Disposition"] == (
        'attachment; filename="node-001-file.tar.gz"')
    assert answer.headers["X-Content-SHA256"] == hashlib.sha256(answer.data).hexdigest()
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    found = members(answer)
    assert found["/opt/join"] == ("0o755", 0, b"#!/bin/sh\n")
    assert found["/etc/motd"][0] == "0o644"
    assert found["/etc/join.conf"] == (
        "0o600", 0, f"ip=10.77.1.11 key={KEY.hex()}\n".encode())
    units = site_api.http.get(f"{BASE}/nodes/{NODE}/units", headers=AUTH)
    assert "node-001-unit.tar.gz" in units.headers["Content-Disposition"]
    (unit,) = members(units).values()
    assert f"http://localhost{BASE}/{JOIN}".encode() in unit[2]


def test_an_empty_archive_is_one(site_api, node):
    answer = site_api.http.get(f"{BASE}/nodes/{node}/files", headers=AUTH)
    assert answer.status_code == 200, "a node may be asked for by its uuid"
    assert gzip.decompress(answer.data)


@pytest.mark.parametrize(("path", "headers", "status"), [
    (f"nodes/{NODE}/files", {}, 401), (f"nodes/{NODE}/files", OTHER, 403),
    (f"nodes/{NODE}/files", {"X-Bootaction-Key": "zz"}, 403),
    ("nodes/node-002/files", AUTH, 404), ("nodes/no%20body/units", AUTH, 404),
    (f"nodes/{NODE}/secrets", AUTH, 404)])
def test_only_the_node_itself_is_answered(site_api, node, path, headers, status):
    answer = site_api.http.get(f"{BASE}/{path}", headers=headers)
    assert (answer.status_code, answer.json["type"]) == (status, "error")


def test_a_key_expires_and_is_replaced(site_api, node):
    digest = site_api.store(site_with_actions().documents)
    with site_api.database.reader() as tx:
        task = boot_actions.key_of(tx, node).task
    begin(site_api, node, digest, task, lifetime=-1.0)
    assert site_api.http.get(f"{BASE}/nodes/{NODE}/files", headers=AUTH).status_code == 403
    assert site_api.http.post(f"{BASE}/{JOIN}", headers=AUTH, json={}).status_code == 403


def test_endpoints_can_be_switched_off(site_api, node):
    site_api.services.conf.set_override("enable_node_endpoints", False, "api")
    try:
        answer = site_api.http.get(f"{BASE}/nodes/{NODE}/files", headers=AUTH)
    finally:
        site_api.services.conf.clear_override("enable_node_endpoints", "api")
    assert answer.status_code == 403


def test_reports_are_kept_and_wake_who_waits(site_api, node):
    answer = site_api.http.post(f"{BASE}/{JOIN}/", headers=AUTH, json={
        "details": [{"message": "half", "error": False, "percent": 50}]})
    assert (answer.status_code, answer.json["action_status"]) == (200, "incomplete")
    with site_api.database.reader() as tx:
        task = nodes.get(tx, NODE).task
        assert tasks.get(tx, task).state == tasks.RUNNABLE
        assert [row.kind for row in signals.of(tx, task)] == ["bootaction"]
    assert site_api.endpoint.hinted.wait(10)
    answer = site_api.http.post(f"{BASE}/{JOIN.lower()}", headers=AUTH, json={
        "status": "Success", "details": [{"message": "done", "error": False}]})
    assert answer.json == {"node_name": NODE, "action_id": JOIN, "action_name": "join",
                           "task_id": task, "action_status": "success"}
    with site_api.database.reader() as tx:
        assert [entry["message"] for entry in boot_actions.get(tx, JOIN).details] == [
            "half", "done"]
    again = site_api.http.post(f"{BASE}/{JOIN}", headers=AUTH, json={"status": "failure"})
    assert again.status_code == 409


@pytest.mark.parametrize(("ident", "headers", "body", "status"), [
    (JOIN, {}, {}, 401), (JOIN, OTHER, {}, 403), ("0" * 26, AUTH, {}, 404), ("x", AUTH, {}, 404),
    (JOIN, AUTH, {"status": "maybe"}, 400), (JOIN, AUTH, {"extra": 1}, 400),
    (JOIN, AUTH, {"details": [{"message": "no error flag"}]}, 400),
    (JOIN, AUTH, {"details": "text"}, 400), (JOIN, AUTH, [], 400)])
def test_wrong_reports(site_api, node, ident, headers, body, status):
    answer = site_api.http.post(f"{BASE}/{ident}", headers=headers, json=body)
    assert (answer.status_code, answer.json["type"]) == (status, "error")


def test_too_many_messages_are_refused(site_api, node):
    details = [{"message": "x", "error": False}] * 100
    statuses = [site_api.http.post(f"{BASE}/{JOIN}", headers=AUTH, json={
        "details": details}).status_code for _ in range(11)]
    assert statuses == [200] * 10 + [409]


def test_a_key_of_an_earlier_deployment_reports_nothing_of_a_later_one(site_api, node):
    with site_api.database.writer() as tx:
        later = tasks.insert(tx, tasks.NewTask(action="deploy", steps=[], node=node))
        row = boot_actions.key_of(tx, node)
        boot_actions.begin(tx, boot_actions.Deployment(
            node, NODE, later, row.design, b"x" * 32, 60.0), [])
    assert site_api.http.post(f"{BASE}/{JOIN}", headers=AUTH, json={}).status_code == 403
    new = {"X-Bootaction-Key": (b"x" * 32).hex()}
    assert site_api.http.post(f"{BASE}/{JOIN}", headers=new, json={}).status_code == 403


def test_a_node_reads_what_the_design_says_of_it(site_api, node):
    answer = site_api.http.get(f"/api/v1.1/introspection/{NODE}", headers=AUTH)
    body = answer.json
    assert answer.status_code == 200
    assert (body["hostname"], body["fqdn"], body["uuid"], body["site"]) == (
        NODE, "node-001.small.example", node, "small")
    assert (body["rack"]["name"], body["rack"]["location"]) == ("rack1", {"grid": "A1"})
    assert body["boot_actions"] == [
        {"action_id": JOIN, "name": "join", "status": "incomplete"},
        {"action_id": MOTD, "name": "motd", "status": "unreported"}]
    bond = next(one for one in body["interfaces"] if one["name"] == "bond0")
    assert bond["networks"][0] == {"network": "mgmt", "address": "10.77.1.11", "vlan": "101"}
    assert body["networks"]["mgmt"]["gateway"] == "10.77.1.1"
    assert "oob" not in body["networks"]
    assert "password" not in answer.text and "127.77.0.2" not in answer.text
    assert site_api.http.get(f"/api/v1.1/introspection/{NODE}").status_code == 401
    assert site_api.http.get("/api/v1.1/introspection/node-002", headers=AUTH).status_code == 404
