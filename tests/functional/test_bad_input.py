"""Bad input: a clear error for each, nothing lost, nothing left locked.

What people send is refused with a code, a message that names what and where, and a remedy. What
machines are wrong about ends the verb in its failed state, and after mending the verb works.
"""

import json
import socket

import pytest
import yaml

from tests import deployment
from tests.machine_room import machine_room

YAML = {"Content-Type": "application/x-yaml"}
UUID = "3a3f2a1e-0000-4000-8000-000000000000"
MACHINES = 6


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    with machine_room(tmp_path_factory.mktemp("room"), MACHINES, power_timeout=3,
                      agent_timeout=20, command_timeout=20, step_attempts=1) as made:
        yield made


@pytest.fixture(scope="module")
def site(room):
    """The documents of the fleet."""
    return list(yaml.safe_load_all(deployment.site_of(room.fleet)[0]))


@pytest.fixture(scope="module")
def enrolled(room):
    """A node that nothing is wrong with."""
    room.enrol("node-001")
    return "node-001"


def _error(answer) -> dict:
    """The error of any of the API's forms, as a person would want it."""
    body = answer.json()
    wrapped = body.get("error_message")
    inner = body.get("error") or (json.loads(wrapped) if wrapped else body)
    return {**inner, "message": inner.get("message") or inner.get("faultstring")}


def _refused(answer, status: int, code: str, *words: str) -> dict:
    error = _error(answer)
    assert (answer.status_code, error["code"]) == (status, code), answer.text
    for word in words:
        assert word in json.dumps(error), (word, error)
    assert error["remedy"], error
    return error


def _documents(site, kind: str, **changes) -> str:
    """The site's documents; the data of the last of that kind is changed."""
    changed = [json.loads(json.dumps(document)) for document in site]
    chosen = [document for document in changed if f"/{kind}/" in document["schema"]][-1]
    chosen["data"].update(changes)
    return yaml.safe_dump_all(changed)


BAD_TEXTS = {
    "broken YAML": ("schema: drydock/Region/v1\ndata: [1, 2\n", "line"),
    "a tab": ("schema:\tdrydock/Region/v1\nmetadata:\n\tname: x\n", "line"),
    "a list": ("- 1\n- 2\n", "line"),
    "an alias bomb": ("a0: &a0 x\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)), "alias"),
    "an unknown kind": ("schema: drydock/Toaster/v1\nmetadata: {name: x}\ndata: {}\n", "Toaster"),
    "nothing": ("", "document"),
    "no UTF-8": (b"schema: \xff\xfe\n", "UTF-8"),
    "a python object": ("!!python/object/apply:os.system [id]\n", "line"),
}


@pytest.mark.parametrize("what", BAD_TEXTS)
def test_documents_that_are_none(room, what):
    text, word = BAD_TEXTS[what]
    data = text if isinstance(text, bytes) else text.encode()
    answer = room.ask("POST", "/api/v1.1/designs", data=data, headers=YAML)
    assert answer.status_code == 400, answer.text
    error = _error(answer)
    assert error["code"] in ("InvalidDesign", "InvalidRequest") and error["remedy"], error
    assert word in json.dumps(error), error
    assert room.ask("GET", "/api/v1.1/designs").json()["designs"] == []


WRONG_TYPES = {
    "a number for a list": ("Rack", {"local_networks": 7}, "local_networks"),
    "text for an address": ("Network", {"cidr": "not-a-net"}, "CIDR"),
    "a list for a name": ("BaremetalNode", {"host_profile": ["x"]}, "host_profile"),
    "an unknown profile": ("BaremetalNode", {"host_profile": "nobody"}, "nobody"),
    "a short checksum": ("Image", {"sha256": "abc"}, "sha256"),
}


@pytest.mark.parametrize("what", WRONG_TYPES)
def test_documents_of_wrong_types(room, site, what):
    kind, changes, word = WRONG_TYPES[what]
    answer = room.ask("POST", "/api/v1.1/designs", headers=YAML,
                      data=_documents(site, kind, **changes))
    error = _refused(answer, 400, "InvalidDesign", word)
    worst = [one for one in error["where"]["findings"] if one["severity"] == "error"]
    assert all(one["line"] and one["code"] and one["message"] for one in worst), worst


def test_bodies_of_ten_megabytes(room, enrolled):
    big = "x" * (10 << 20)
    too_large = room.ask("POST", "/v1/nodes", json={"driver": "ipmi", "description": big})
    assert too_large.status_code == 413, too_large.text
    assert "at most 1048576 bytes" in _error(too_large)["message"]
    patched = room.ask("PATCH", f"/v1/nodes/{enrolled}",
                       json=[{"op": "add", "path": "/extra/x", "value": big}])
    assert patched.status_code == 413, patched.text
    task = room.ask("POST", "/api/v1.1/tasks", json={"action": "verify_site", "site": big})
    assert task.status_code == 413, task.text
    # Designs may be that large; this one is no document.
    _refused(room.ask("POST", "/api/v1.1/designs", data=f"a: [{big}\n", headers=YAML), 400,
             "InvalidDesign", "line")
    design = room.ask("POST", "/api/v1.1/designs", data="#" * (17 << 20), headers=YAML)
    assert design.status_code == 413, design.text
    assert room.node(enrolled)["extra"] == {}


PROTECTED = ("uuid", "provision_state", "power_state", "reservation", "last_error", "fault",
             "driver_internal_info", "created_at", "task", "incarnation", "links")


@pytest.mark.parametrize("field", PROTECTED)
def test_fields_that_nobody_may_patch(room, enrolled, field):
    before = room.node(enrolled)
    for operation in ({"op": "add", "path": f"/{field}", "value": UUID},
                      {"op": "remove", "path": f"/{field}"}):
        answer = room.ask("PATCH", f"/v1/nodes/{enrolled}", json=[operation])
        _refused(answer, 400, "InvalidRequest", field)
    assert room.node(enrolled) == before


BAD_REQUESTS = {
    "no JSON": ("POST", "/v1/nodes", {"data": "{driver: ipmi"}, "InvalidRequest", "JSON"),
    "a list": ("POST", "/v1/nodes", {"json": ["ipmi"]}, "InvalidRequest", "object"),
    "an unknown driver": ("POST", "/v1/nodes", {"json": {"driver": "toaster"}},
                          "InvalidRequest", "toaster"),
    "an unknown field": ("POST", "/v1/nodes", {"json": {"driver": "ipmi", "colour": "red"}},
                         "InvalidRequest", "colour"),
    "a wrong type": ("POST", "/v1/nodes", {"json": {"driver": "ipmi", "driver_info": "x"}},
                     "InvalidRequest", "driver_info"),
    "a sealed secret": ("POST", "/v1/nodes", {"json": {"driver": "ipmi", "driver_info": {
        "ipmi_password": {"$sealed": "x"}}}}, "InvalidRequest", "sealed"),
    "no MAC": ("POST", "/v1/ports", {"json": {"node_uuid": UUID, "address": "zz"}},
               "InvalidRequest", "zz"),
    "an unknown verb": ("PUT", "/v1/nodes/node-001/states/provision",
                        {"json": {"target": "fly"}}, "InvalidState", "fly"),
    "a verb out of turn": ("PUT", "/v1/nodes/node-001/states/provision",
                           {"json": {"target": "active"}}, "InvalidState", "enroll"),
    "an unknown action": ("POST", "/api/v1.1/tasks", {"json": {"action": "fly"}},
                          "InvalidRequest", "fly"),
    "no design": ("POST", "/api/v1.1/tasks", {"json": {"action": "deploy_nodes",
                                                       "site": "nowhere"}},
                  "InvalidRequest", "nowhere"),
    "a limit that is none": ("POST", "/api/v1.1/tasks", {"json": {
        "action": "deploy_nodes", "args": {"max_parallel": "many"}}},
        "InvalidRequest", "max_parallel"),
    "a file out of bounds": ("POST", "/api/v1.1/designs", {"json": {"href": "gopher://x/y"}},
                             "InvalidRequest", "gopher"),
}


@pytest.mark.parametrize("what", BAD_REQUESTS)
def test_requests_that_cannot_be_right(room, enrolled, what):
    method, path, body, code, word = BAD_REQUESTS[what]
    _refused(room.ask(method, path, headers={"Content-Type": "application/json"}, **body), 400,
             code, word)
    assert room.count_tasks() == 0
    room.at_rest()


def _last_task(room, name: str) -> dict:
    return room.ask("GET", f"/api/v1.1/tasks?node={name}&limit=1").json()["tasks"][0]


def _failed(room, name: str, state: str, code: str, *words: str) -> None:
    """The node's verb has failed, says so everywhere, and holds nothing."""
    node, task = room.settled(name), _last_task(room, name)
    assert (node["provision_state"], task["state"], task["error"]["code"]) == (
        state, "failed", code), (node["last_error"], task)
    assert node["last_error"] == task["error"]["message"] and task["error"]["remedy"]
    for word in words:
        assert word in node["last_error"], node["last_error"]
    told = room.ask("GET", f"/v1/nodes/{name}/history?detail=true").json()["history"]
    assert any(node["last_error"] in entry["event"] for entry in told), told
    why = room.ask("GET", f"/api/v1.1/nodes/{name}/explain").json()
    assert node["last_error"] in why["why"] and why["remedy"] == task["error"]["remedy"]
    room.at_rest()


def test_a_wrong_password(room):
    name = "node-002"
    room.enrol(name, ipmi_password="secret-but-wrong")
    room.verb(name, "manage")
    _failed(room, name, "enroll", "LoginRefused", room.machine(name)["address"])
    everything = [room.ask("GET", path).text for path in (
        f"/v1/nodes/{name}", f"/v1/nodes/{name}/history", f"/api/v1.1/nodes/{name}/explain",
        "/api/v1.1/events")]
    assert not any("secret-but-wrong" in text for text in [*everything, room.process.tail()])
    room.patch(name, driver_info=room.driver_info(name))
    room.to(name, "manage", "manageable")


def test_a_wrong_address(room, free_port):
    name = "node-003"
    room.enrol(name, ipmi_address="127.0.0.1", ipmi_port=free_port(socket.SOCK_DGRAM))
    room.verb(name, "manage")
    _failed(room, name, "enroll", "Unreachable", "127.0.0.1")
    room.patch(name, driver_info=room.driver_info(name))
    room.to(name, "manage", "manageable")


def test_a_full_session_table(room):
    name = "node-004"
    room.enrol(name)
    room.fleet.faults(name, sessions_full=True)
    room.verb(name, "manage")
    _failed(room, name, "enroll", "RequestRefused", "session")
    room.fleet.faults(name, sessions_full=False)
    room.to(name, "manage", "manageable")


def _available(room, name: str) -> None:
    """Enrolled and prepared, without the time that cleaning takes."""
    room.enrol(name)
    room.patch(name, automated_clean=False)
    room.to(name, "manage", "manageable")
    room.to(name, "provide", "available")


@pytest.mark.parametrize(("name", "wrong", "words"), [
    ("node-005", "image_source", ("404", "nothing.raw")),
    ("node-006", "image_os_hash_value", ("sha256 is", "0" * 64))])
def test_a_wrong_image(room, name, wrong, words):
    value = {"image_source": f"{room.fleet.images}/nothing.raw",
             "image_os_hash_value": "0" * 64}[wrong]
    _available(room, name)
    refused = room.ask("PUT", f"/v1/nodes/{name}/states/provision", json={"target": "active"})
    room.at_rest()
    _refused(refused, 400, "InvalidSetting", "image_source")
    room.patch(name, instance_info=room.instance_info(**{wrong: value}))
    room.verb(name, "active")
    _failed(room, name, "deploy failed", "RequestRefused", *words)
    room.patch(name, instance_info=room.instance_info())
    refused = room.ask("PUT", f"/v1/nodes/{name}/states/provision", json={
        "target": "active", "configdrive": {"meta_data": {"name": "x"}}})
    _refused(refused, 400, "InvalidSetting", "configdrive")
    assert "configdrive" not in room.node(name)["instance_info"]
    room.to(name, "active", "active")
