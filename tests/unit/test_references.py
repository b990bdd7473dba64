"""References to designs, within what is allowed."""

import base64
import threading

import pytest
from werkzeug import Request, Response, serving

from provisioner import exceptions, references


@pytest.fixture
def host():
    """An HTTP host whose answers a test sets by path."""
    answers: dict[str, Response] = {}

    def application(environ, start_response):
        request = Request(environ)
        if request.path == "/private":
            login = request.authorization
            ok = login and (login.username, login.password) == ("me", "p@ss")
            return Response("a: 1" if ok else "", 200 if ok else 401)(environ, start_response)
        return answers.get(request.path, Response("", 404))(environ, start_response)
    server = serving.make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"127.0.0.1:{server.server_port}", answers
    server.shutdown()
    thread.join()
    server.server_close()


def test_file_below_a_root_is_read(tmp_path):
    (tmp_path / "a b.yaml").write_bytes(b"a: 1")
    assert references.fetch(f"file://{tmp_path}/a%20b.yaml", [str(tmp_path)], ()) == b"a: 1"


@pytest.mark.parametrize("path", ["../outside.yaml", "link.yaml", "%2e%2e/outside.yaml", "",
                                  "absent.yaml"])
def test_nothing_else_is_read(tmp_path, path):
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "outside.yaml").write_bytes(b"secret")
    (root / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    with pytest.raises(exceptions.Invalid) as caught:
        references.fetch(f"file://{root}/{path}", [str(root)], ())
    assert caught.value.remedy


def test_nothing_is_allowed_by_default(tmp_path, host):
    for uri in (f"file://{tmp_path}/x", f"http://{host[0]}/x", "https://example.org/x"):
        with pytest.raises(exceptions.Invalid, match="may be|may"):
            references.fetch(uri, (), ())


def test_device_is_no_file():
    with pytest.raises(exceptions.Invalid, match="not a file"):
        references.fetch("file:///dev/zero", ["/dev"], ())


def test_large_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(references, "LIMIT", 10)
    (tmp_path / "large").write_bytes(b"x" * 11)
    with pytest.raises(exceptions.Invalid, match="larger"):
        references.fetch(f"file://{tmp_path}/large", [str(tmp_path)], ())


@pytest.mark.parametrize("allowed", ["127.0.0.1", "{host}"])
@pytest.mark.parametrize("scheme", ["http", "deckhand+http", "promenade+http"])
def test_allowed_host_is_asked(host, allowed, scheme):
    address, answers = host
    answers["/site"] = Response("a: 1")
    assert references.fetch(f"{scheme}://{address}/site", (),
                            [allowed.format(host=address)]) == b"a: 1"


@pytest.mark.parametrize("uri", ["http://127.0.0.1:1/x", "http://127.0.0.1.example.org/x",
                                 "http://127.0.0.1@example.org/x", "http:///x"])
def test_other_hosts_and_ports_are_not(uri):
    with pytest.raises(exceptions.Invalid):
        references.fetch(uri, (), ["127.0.0.1:6385"])


def test_login_in_the_reference_is_used_and_never_repeated(host):
    address, _ = host
    assert references.fetch(f"http://me:p%40ss@{address}/private", (), ["127.0.0.1"]) == b"a: 1"
    with pytest.raises(exceptions.Invalid) as caught:
        references.fetch(f"http://me:wrong@{address}/private", (), ["127.0.0.1"])
    told = str(caught.value.as_dict())
    assert "wrong" not in told and base64.b64encode(b"me:wrong").decode() not in told


def test_redirects_are_not_followed(host):
    address, answers = host
    answers["/moved"] = Response("", 302, {"Location": "http://169.254.169.254/"})
    with pytest.raises(exceptions.Invalid, match="302"):
        references.fetch(f"http://{address}/moved", (), ["127.0.0.1"])


@pytest.mark.parametrize(("status", "kind"), [
    (404, exceptions.Invalid), (500, exceptions.Unavailable), (503, exceptions.Unavailable)])
def test_status_is_checked(host, status, kind):
    address, answers = host
    answers["/x"] = Response("not a design", status)
    with pytest.raises(kind):
        references.fetch(f"http://{address}/x", (), ["127.0.0.1"])


def test_large_answer_is_refused(host, monkeypatch):
    monkeypatch.setattr(references, "LIMIT", 100_000)
    address, answers = host
    answers["/x"] = Response(b"x" * 200_000)
    with pytest.raises(exceptions.Invalid, match="larger"):
        references.fetch(f"http://{address}/x", (), ["127.0.0.1"])


def test_absent_host_is_unavailable():
    with pytest.raises(exceptions.Unavailable):
        references.fetch("http://127.0.0.1:1/x", (), ["127.0.0.1"], timeout=5)


@pytest.mark.parametrize("uri", ["", "x", "gopher://x", "http://[::1", "http://x:y/", "ftp://a/b",
                                 "evil+http://127.0.0.1/", "file://other/etc/passwd"])
def test_what_is_no_reference_is_refused(uri):
    with pytest.raises(exceptions.Invalid):
        references.fetch(uri, ["/"], ["127.0.0.1", "x"])
