"""What holds for every request: sizes, bad bodies, request ids, errors, forgotten policies."""

import json
import threading

import pytest
import requests
from werkzeug.exceptions import NotFound

from provisioner import exceptions
from provisioner_api import errors
from provisioner_api.app import create_app
from provisioner_api.call import ok
from provisioner_api.routing import MIB, Route, RouteTable


def fault(answer):
    return json.loads(answer.json["error_message"])


@pytest.mark.parametrize("body, what", [
    ("{", "not valid JSON"), ("[" * 100_000, "not valid JSON"), ("nonsense", "not valid JSON"),
    ('{"driver": NaN}', "no JSON number"), ('{"extra": 1e999}', "too large"),
    ("[" * 26 + "]" * 26, "deeper than 25"), ('{"name": "\\ud800"}', "half a character"),
    ('{"name": "a\\u0000b"}', "NUL"), ("9" * 5000, "not valid JSON"), ("", "JSON object"),
    ("null", "JSON object"), ('"text"', "JSON object")])
def test_broken_bodies_are_400(api, body, what):
    answer = api.ask("POST", "/v1/nodes", data=body)
    assert (answer.status_code, what in fault(answer)["faultstring"]) == (400, True), answer.text


def test_bytes_that_are_no_text(api):
    assert api.ask("POST", "/v1/nodes", data=b"\xff\xfe{").status_code == 400


def test_a_body_of_25_levels_is_fine(api):
    extra = {}
    for _ in range(22):
        extra = {"a": extra}
    answer = api.ask("POST", "/v1/nodes", json={"driver": "fake-hardware", "extra": extra})
    assert answer.status_code == 201, answer.text


def test_large_bodies_are_413_and_bare(api):
    answer = api.ask("POST", "/v1/nodes", data=b" " * (MIB + 1))
    assert answer.status_code == 413
    assert answer.json["faultcode"] == "Client" and answer.json["faultstring"]
    assert "error_message" not in answer.json


def test_each_route_has_its_own_limit(api):
    api.node(name="free")
    api.change(api.row("free").uuid, provision_state="available")
    drive = "QUJD" * (MIB // 2)
    answer = api.ask("PUT", "/v1/nodes/free/states/provision",
                     json={"target": "active", "configdrive": drive})
    assert answer.status_code == 202, answer.text
    answer = api.ask("PUT", "/v1/nodes/free/states/provision", data=b" " * (64 * MIB + 1))
    assert answer.status_code == 413


@pytest.mark.parametrize("pieces, status", [
    ([b'{"driver": ', b'"fake-hardware"}'], 201),
    ([b'{"driver": "fake-hardware"}' + b" " * (MIB - 27)], 201),
    ([b'{"driver": "fake-hardware"}', b" " * (MIB - 26)], 413), ([b" " * MIB] * 3, 413)])
@pytest.mark.parametrize("chunked", [True, False])
def test_bodies_over_the_wire(api, pieces, status, chunked):
    url = api.serve()
    body = iter(pieces) if chunked else b"".join(pieces)
    answer = requests.post(f"{url}/v1/nodes", data=body, timeout=30)
    assert answer.status_code == status
    found = requests.get(f"{url}/v1/nodes", timeout=30).json()["nodes"]
    assert len(found) == (1 if status == 201 else 0)


def test_each_answer_has_its_own_request_id(api):
    first, second = (api.ask("GET", path).headers["openstack-request-id"]
                     for path in ("/v1/nodes", "/v1/nothing"))
    assert first != second
    answer = api.ask("GET", "/v1/nodes/nope")
    assert fault(answer)["request_id"] == answer.headers["x-openstack-request-id"]


def test_a_callers_id_is_for_logs_only(api, caplog):
    caplog.set_level("INFO", logger="provisioner_api.app")
    given = "req-11111111-2222-3333-4444-555555555555"
    answer = api.ask("GET", "/v1/nodes", headers={"X-OpenStack-Request-ID": given})
    assert answer.headers["openstack-request-id"] != given
    assert given in caplog.text
    api.ask("GET", "/v1/nodes", headers={"X-OpenStack-Request-ID": "forged\tline"})
    assert "forged" not in caplog.text


def test_links_name_the_public_endpoint(api):
    api.conf.set_override("public_endpoint", "https://metal.example/", "api")
    body = api.ask("GET", "/").json
    assert body["default_version"]["links"][0]["href"] == "https://metal.example/v1/"


def test_nobody_forgets_to_ask_the_policy(api):
    table = RouteTable("/api", (Route("GET", "/api/x", lambda call: ok({}), "rule:admin"),))
    answer = create_app(api.services, [table, RouteTable("/", ())]).test_client().get("/api/x")
    assert answer.status_code == 500


def test_an_unexpected_error_is_logged_once_and_tells_nothing(api, caplog):
    def broken(call):
        raise KeyError("password=hunter2")
    table = RouteTable("/", (Route("GET", "/v1/x", broken, None),))
    answer = create_app(api.services, [table]).test_client().get("/x")
    assert answer.status_code == 500 and "hunter2" not in answer.text
    assert answer.json["error"]["code"] == "InternalError"
    assert len([r for r in caplog.records if r.exc_info]) == 1


@pytest.mark.parametrize("error, status", [
    (exceptions.InvalidState("x"), 400), (exceptions.KeyReused("x"), 422),
    (exceptions.NodeProtected("x"), 403), (exceptions.NodeBusy("x"), 409),
    (exceptions.Unavailable("x"), 503), (exceptions.FenceLost("x"), 503),
    (exceptions.Unsupported("x"), 400), (exceptions.LoginRefused("x"), 502),
    (exceptions.HardwareTimeout("x"), 504), (exceptions.Misconfigured("x"), 500),
    (exceptions.ProvisionerError("x"), 500), (errors.translate(NotFound()), 404)])
def test_status_of_each_class(error, status):
    assert errors.status_of(error) == status


def test_a_database_that_is_gone_is_503(api):
    api.database.dispose()
    path = api.database.url.database
    with open(path, "r+b") as file:
        file.write(b"\0" * 100)
    answer = api.ask("GET", "/v1/nodes")
    assert answer.status_code == 503 and answer.headers["Retry-After"]
    assert api.ask("GET", "/healthcheck").status_code == 503


def test_a_listening_server_answers_many_at_once_and_stops(api):
    url = api.serve()
    found = []
    threads = [threading.Thread(target=lambda: found.append(
        requests.get(f"{url}/v1/drivers", timeout=30).status_code)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [200] * 20
