"""The HTTP client: one key for all tries, errors in every form."""

import json
import threading

import pytest
from werkzeug import Request, Response, serving

from provisioner import exceptions
from provisioner.cli.client import Client


class Service:
    """Answers in turn, and keeps what it was asked."""

    def __init__(self):
        self.answers: list[Response] = []
        self.asked: list[Request] = []

    def __call__(self, environ, start_response):
        request = Request(environ)
        request.get_data()
        self.asked.append(request)
        answer = self.answers.pop(0) if self.answers else Response("{}")
        return answer(environ, start_response)


class OldClock(serving.WSGIRequestHandler):
    """A service whose clock is years behind."""

    def date_time_string(self, timestamp=None):
        return "Thu, 01 Jan 2015 00:00:00 GMT"


@pytest.fixture
def service():
    service = Service()
    server = serving.make_server("127.0.0.1", 0, service, threaded=True,
                                 request_handler=OldClock)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    service.url = f"http://127.0.0.1:{server.server_port}"
    yield service
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def client(service, pauses):
    return Client(service.url + "/v1/", lambda: {"X-Auth-Token": "t"}, login=None,
                  sleep=pauses.append)


def test_every_try_has_the_same_key(client, service, pauses):
    service.answers = [Response("{}", 503), Response("busy", 503), Response('{"a": 1}', 202)]
    assert client.post("/x", {}) == {"a": 1}
    keys = {request.headers["Idempotency-Key"] for request in service.asked}
    assert (len(service.asked), len(keys)) == (3, 1)
    assert pauses == sorted(pauses) and len(pauses) == 2
    client.post("/x", {})
    assert service.asked[-1].headers["Idempotency-Key"] not in keys
    assert service.asked[-1].headers["X-Auth-Token"] == "t"


def test_patience_ends(client, service, pauses):
    service.answers = [Response("{}", 503)] * 100
    with pytest.raises(exceptions.Unavailable):
        client.get("/x")
    assert 30 <= sum(pauses) < 40


@pytest.mark.parametrize("status", [400, 404, 409, 422, 500])
def test_nothing_else_is_repeated(client, service, status):
    service.answers = [Response("{}", status)]
    with pytest.raises(exceptions.ProvisionerError):
        client.post("/x", {})
    assert len(service.asked) == 1


def test_absent_service_is_named(pauses):
    client = Client("http://127.0.0.1:1", sleep=pauses.append)
    with pytest.raises(exceptions.Unavailable, match="127.0.0.1:1"):
        client.get("/x")
    assert pauses


@pytest.mark.parametrize("url", ["nonsense", "ftp://x", "http://"])
def test_wrong_urls_are_refused_at_once(url, pauses):
    with pytest.raises(exceptions.Invalid):
        Client(url, sleep=pauses.append).get("/x")
    assert pauses == []


@pytest.mark.parametrize(("body", "status", "kind", "message"), [
    ({"error": {"code": "NodeBusy", "message": "m", "remedy": "r", "where": {}}}, 409,
     exceptions.NodeBusy, "m"),
    ({"error_message": json.dumps({"faultstring": "gone"})}, 404, exceptions.NotFound, "gone"),
    ({"error": {"code": 401, "message": "who"}}, 401, exceptions.Unauthenticated, "who"),
    ({"type": "error", "message": "bad", "retry": False}, 400, exceptions.Invalid, "bad"),
    ([], 400, exceptions.Invalid, "BAD REQUEST"), ("x", 409, exceptions.Conflict, "CONFLICT"),
    (None, 500, exceptions.ProvisionerError, "500"),
])
def test_errors_in_every_form(client, service, body, status, kind, message):
    service.answers = [Response(json.dumps(body), status)]
    with pytest.raises(kind, match=message):
        client.get("/x")


def test_pages_are_followed(client, service):
    service.answers = [
        Response(json.dumps({"nodes": [1, 2], "next": "http://other:1/v1/nodes?marker=2&limit=2"})),
        Response(json.dumps({"nodes": [3]}))]
    assert list(client.pages("/v1/nodes", "nodes", driver=None)) == [1, 2, 3]
    assert service.asked[0].full_path == "/v1/nodes?"
    assert service.asked[1].full_path == "/v1/nodes?marker=2&limit=2"


def test_skew_of_clocks_is_known(client):
    client.get("/x")
    assert client.now().year in (2014, 2015)
