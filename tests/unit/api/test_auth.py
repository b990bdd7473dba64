"""Who is let in, and who is not even started."""

import base64
import os

import bcrypt
import pytest

from provisioner import exceptions
from provisioner.context import RequestContext
from provisioner.policy import rules
from provisioner_api import auth
from tests.api_service import ApiService


def line(user, password, prefix=b"2b"):
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds=4, prefix=prefix))
    return f"{user}:{hashed.decode()}\n"


def basic(user, password):
    token = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {token}"}


@pytest.fixture
def users(tmp_path):
    file = tmp_path / "htpasswd"
    file.write_text(line("ann", "pear") + "\n" + line("bob", "plum", b"2a"))
    return file


@pytest.fixture
def guarded(bus, tmp_path, users):
    with ApiService(bus, tmp_path, auth_strategy="http_basic",
                    http_basic_auth_user_file=str(users)) as service:
        yield service


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "metal.example"])
def test_noauth_is_refused_beyond_loopback(bus, tmp_path, host):
    with pytest.raises(exceptions.Misconfigured, match="does not listen"):
        ApiService(bus, tmp_path, host=host)


@pytest.mark.parametrize("options", [
    {"host": "127.7.0.1"}, {"host": "::1"}, {"host": "localhost"},
    {"host": "0.0.0.0", "allow_noauth_anywhere": True}])
def test_noauth_where_nobody_else_is_or_by_name(bus, tmp_path, options):
    with ApiService(bus, tmp_path, **options) as service:
        assert service.ask("GET", "/v1/nodes").status_code == 200


def test_strangers_learn_nothing(guarded):
    for path in ("/v1/nodes", "/nodes", "/v1/nothing", "/v1/drivers"):
        answer = guarded.ask("GET", path)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Basic realm="Baremetal API"'
        assert answer.json["error"]["code"] == 401 and answer.json["error"]["message"]
        assert "X-OpenStack-Ironic-API-Version" not in answer.headers
    assert guarded.ask("GET", "/metrics").status_code == 401
    assert guarded.ask("GET", "/api/v1.1/tasks").status_code == 401


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/", 200), ("GET", "/v1", 200), ("GET", "/v1/", 200), ("GET", "/healthcheck", 200),
    ("GET", "/v1/lookup?addresses=52:54:00:00:00:01", 404),
    ("POST", "/v1/heartbeat/x", 400), ("POST", "/v1/continue_inspection", 404),
    ("GET", "/boot/52-54-00-00-00-01.ipxe", 404)])
def test_what_the_protocol_leaves_open(guarded, method, path, status):
    assert guarded.ask(method, path).status_code in (status, 400)


def test_users_are_let_in(guarded):
    assert guarded.ask("GET", "/v1/nodes", headers=basic("ann", "pear")).status_code == 200
    assert guarded.ask("GET", "/v1/nodes", headers=basic("bob", "plum")).status_code == 200
    # Once more: from memory this time.
    assert guarded.ask("GET", "/v1/nodes", headers=basic("ann", "pear")).status_code == 200


@pytest.mark.parametrize("headers", [
    basic("ann", "plum"), basic("eve", "pear"), basic("ann", ""), basic("", ""),
    {"Authorization": "Basic !!!"}, {"Authorization": "Bearer pear"}, {"Authorization": ""},
    basic("ann", "x" * 200), basic("ann", "pea\0r")])
def test_wrong_credentials(guarded, headers):
    assert guarded.ask("GET", "/v1/nodes", headers=headers).status_code == 401
    assert guarded.ask("GET", "/v1/nodes", headers=basic("ann", "pear")).status_code == 200
    assert guarded.ask("GET", "/v1/nodes", headers=headers).status_code == 401


def test_a_changed_file_counts_at_once(guarded, users):
    assert guarded.ask("GET", "/v1/nodes", headers=basic("ann", "pear")).status_code == 200
    changed = users.with_suffix(".new")
    changed.write_text(line("ann", "quince"))
    os.replace(changed, users)
    assert guarded.ask("GET", "/v1/nodes", headers=basic("ann", "pear")).status_code == 401
    assert guarded.ask("GET", "/v1/nodes", headers=basic("ann", "quince")).status_code == 200


@pytest.mark.parametrize("text", [None, "ann:plain\n", "ann\n", ":$2b$04$x\n"])
def test_a_user_file_that_is_no_good(bus, tmp_path, text):
    file = tmp_path / "users"
    if text is not None:
        file.write_text(text)
    with pytest.raises(exceptions.Misconfigured):
        ApiService(bus, tmp_path, auth_strategy="http_basic", http_basic_auth_user_file=str(file))


def test_request_keys_are_scoped_by_user(guarded):
    headers = basic("ann", "pear")
    for name in ("one", "two"):
        assert guarded.ask("POST", "/v1/nodes", headers=headers,
                           json={"driver": "fake-hardware", "name": name}).status_code == 201
    tasks = []
    for user, node in ((headers, "one"), (basic("bob", "plum"), "two")):
        answer = guarded.ask("PUT", f"/v1/nodes/{node}/states/power",
                             headers={**user, "Idempotency-Key": "k"}, json={"target": "power on"})
        assert answer.status_code == 202, answer.text
        tasks.append(answer.headers["X-Provisioner-Task"])
    assert tasks[0] != tasks[1]
    assert [request["user"] for request in guarded.conductor.requests] == ["ann", "bob"]


class Token:
    """Environments as keystonemiddleware leaves them."""

    @staticmethod
    def environ(**more):
        return {"HTTP_X_IDENTITY_STATUS": "Confirmed", "HTTP_X_USER_ID": "u",
                "HTTP_X_PROJECT_ID": "p", "HTTP_X_ROLES": "Reader, member", **more}


def test_a_confirmed_token_becomes_a_context(api):
    found = auth.Keystone(api.conf).identify(Token.environ(), "req-1")
    assert found == RequestContext("req-1", user="u", project="p", roles=("reader", "member"))
    assert not found.admin


def context(*roles, **more):
    return RequestContext("req-1", user="u", roles=roles, **more)


NODE = {"owner": "p", "lessee": "q"}


@pytest.mark.parametrize("caller, rule, target, may", [
    (context("admin"), "baremetal:node:create", None, True),
    (context("member", project="p"), "baremetal:node:create", None, False),
    (context("reader", project="p"), "baremetal:node:get", NODE, True),
    (context("reader", project="q"), "baremetal:node:get", NODE, True),
    (context("reader", project="r"), "baremetal:node:get", NODE, False),
    (context("reader"), "baremetal:node:get", {"owner": None, "lessee": None}, False),
    (context("reader", system_scope="all"), "baremetal:node:get", NODE, True),
    (context("member", project="q"), "baremetal:node:update", NODE, False),
    (context("member", project="p"), "baremetal:node:update", NODE, True),
    (context("member", project="q"), "baremetal:node:set_power_state", NODE, True),
    (context("reader", project="p"), "baremetal:node:set_power_state", NODE, False),
    (RequestContext("req-1"), "baremetal:node:get", NODE, False)])
def test_rules(api, caller, rule, target, may):
    assert rules.allowed(rules.enforcer(api.conf), rule, caller, target) is may
