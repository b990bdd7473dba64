"""Whatever is sent to whatever address: a clear answer, never an error of the server."""

import itertools
import json

import pytest

from provisioner_api import routes
from tests.api_service import ApiService

NODE = "4f0c8c1e-3d59-4f52-8b8a-2d0f1b7f6a10"
VALUES = (None, True, -1, 10 ** 30, 1.5, "", "x", "x" * 70_000, "\u202e\U0001f600", [], [[]], {},
          {"": None}, {"a": {"b": []}}, "********", "%s%n{0}", "../../etc/passwd", NODE)
QUERIES = (
    "limit=x", "limit=99999999999999999999", "marker=%00", "fields=%00", "fields=,",
    "sort_key=__class__", "sort_key=uuid&sort_dir=desc", "detail=maybe", "a=1&a=2", "%ff=%fe",
    "node_uuid=%00", "address=%F0%9F%98%80", "addresses=" + "a," * 5000, "node=" + "n" * 5000,
    "instance_uuid=" + NODE.replace("-", ""), "provision_state=%25", "shard=,,", "owner=",
    "description_contains=%25_", "conductor=%0a", "next", "&&&", "=")
IDENTS = ("n", NODE, NODE.replace("-", ""), "%00", "a%20b", "%2e%2e", "x" * 5000, "%ff", "{0}",
          "~")
#: routes that a conductor would have to answer
REMOTE = ("validate", "management")


def addresses(route):
    for ident in IDENTS:
        path = route.path
        while "<" in path:
            path = path[:path.index("<")] + ident + path[path.index(">") + 1:]
        yield path


def bodies():
    for value in VALUES:
        yield json.dumps(value)
        for name in ("target", "driver", "address", "traits", "inventory", "id", "reason",
                     "boot_device", "callback_url"):
            yield json.dumps({name: value})
    for op, path, value in itertools.product(
            ("add", "replace", "remove"), ("/name", "/extra", "/extra/a/b", "/driver_info"),
            VALUES):
        yield json.dumps([{"op": op, "path": path, "value": value}])


def check(answer, method, path, body=""):
    told = f"{method} {path[:99]} {body[:99]} -> {answer.status_code} {answer.text[:500]}"
    assert answer.status_code < 500, told
    if answer.status_code >= 400 and method != "HEAD":
        assert answer.is_json, told


@pytest.fixture(scope="module")
def quiet(bus, tmp_path_factory):
    """One service for all: what one request leaves behind, the next must bear."""
    with ApiService(bus, tmp_path_factory.mktemp("quiet")) as service:
        yield service


@pytest.fixture(autouse=True)
def node(quiet):
    if quiet.ask("GET", f"/v1/nodes/{NODE}").status_code == 404:
        quiet.node(name="n", uuid=NODE)


@pytest.mark.parametrize("route", [
    pytest.param(route, id=route.name) for route in (*routes.BARE_METAL.routes, *routes.BOOT.routes)
    if not any(word in route.path for word in REMOTE)])
def test_no_address_breaks_the_server(quiet, route):
    for path in set(addresses(route)):
        check(quiet.ask(route.method, path), route.method, path)
    for query in QUERIES:
        path = f"{route.path.replace('<ident>', NODE)}?{query}"
        check(quiet.ask(route.method, path), route.method, path)
    assert quiet.ask("GET", "/v1/nodes").status_code == 200


@pytest.mark.parametrize("method, path", [
    ("POST", "/v1/nodes"), ("PATCH", f"/v1/nodes/{NODE}"), ("POST", "/v1/ports"),
    ("PUT", f"/v1/nodes/{NODE}/states/power"), ("PUT", f"/v1/nodes/{NODE}/states/provision"),
    ("PUT", f"/v1/nodes/{NODE}/maintenance"), ("PUT", f"/v1/nodes/{NODE}/traits"),
    ("POST", f"/v1/nodes/{NODE}/vifs"), ("POST", f"/v1/heartbeat/{NODE}"),
    ("POST", "/v1/continue_inspection")])
def test_no_body_breaks_the_server(quiet, method, path):
    for body in bodies():
        check(quiet.ask(method, path, data=body, version="1.110"), method, path, body)
    assert quiet.ask("GET", "/v1/nodes/detail").status_code == 200
