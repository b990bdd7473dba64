"""Designs over HTTP: stored once when right, refused with findings when not."""

import json

import pytest

from tests.unit.api.site.harness import EXAMPLE, YAML

BASE = "/api/v1.1/designs"
BROKEN = EXAMPLE.read_text().replace("cidr: 10.77.1.0/24", "cidr: 10.77.1.0/240", 1)


def post(api, text, **query):
    return api.http.post(BASE, data=text, headers=YAML, query_string=query)


def test_created_design_is_found_by_digest_and_prefix(site_api):
    answer = post(site_api, EXAMPLE.read_text(), source="site.yaml")
    digest = answer.json["digest"]
    assert answer.status_code == 201
    assert answer.headers["Location"].endswith(f"{BASE}/{digest}")
    assert answer.json["summary"]["nodes"] == 12
    assert answer.json["summary"]["errors"] == 0
    for ident in (digest, digest[:8], digest[:12].upper()):
        shown = site_api.http.get(f"{BASE}/{ident}").json
        assert (shown["digest"], shown["source"]) == (digest, "site.yaml")


def test_same_design_twice_is_one(site_api):
    first, second = post(site_api, EXAMPLE.read_text()), post(
        site_api, "# another comment\n" + EXAMPLE.read_text())
    assert first.json["digest"] == second.json["digest"]
    assert len(site_api.http.get(BASE).json["designs"]) == 1


def test_errors_are_findings_and_nothing_is_stored(site_api):
    answer = post(site_api, BROKEN, source="site.yaml")
    error = answer.json["error"]
    assert (answer.status_code, error["code"]) == (400, "InvalidDesign")
    assert error["request_id"] == answer.headers["x-openstack-request-id"]
    lines = {found["line"] for found in error["where"]["findings"]
             if found["severity"] == "error" and found["file"] == "site.yaml"}
    assert lines and 0 not in lines
    assert site_api.http.get(BASE).json["designs"] == []


@pytest.mark.parametrize("text", ["", "a: [", "- 1\n- 2", "\x00", "null", "&a [*a]",
                                  "schema: drydock/Network/v1"])
def test_no_text_is_an_internal_error(site_api, text):
    answer = post(site_api, text)
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "InvalidDesign")


def test_bytes_that_are_not_text_are_refused(site_api):
    answer = post(site_api, b"\xff\xfe\x00")
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "InvalidRequest")


def test_too_large_a_body_is_413(site_api):
    answer = post(site_api, b"#" * (16 * 1024 * 1024 + 1))
    assert answer.status_code == 413
    assert "error" in answer.json


def test_unknown_type_of_body_is_refused(site_api):
    answer = site_api.http.post(BASE, data="a: b", headers={"Content-Type": "text/html"})
    assert answer.status_code == 400
    assert "application/x-yaml" in answer.json["error"]["remedy"]


def test_reference_is_read_below_the_root_only(site_api, tmp_path):
    (tmp_path / "site.yaml").write_text(EXAMPLE.read_text())
    inside = site_api.http.post(BASE, json={"href": f"file://{tmp_path}/site.yaml"})
    outside = site_api.http.post(BASE, json={"href": "file:///etc/hostname"})
    assert inside.status_code == 201
    assert inside.json["source"] == f"file://{tmp_path}/site.yaml"
    assert outside.status_code == 400
    assert "design_file_roots" in outside.json["error"]["remedy"]


def test_list_is_paged(site_api):
    digests = []
    for number in range(3):
        text = EXAMPLE.read_text().replace("hall: north", f"hall: north{number}")
        digests.append(post(site_api, text).json["digest"])
    first = site_api.http.get(BASE, query_string={"limit": 2}).json
    second = site_api.http.get(first["next"]).json
    assert [item["digest"] for item in first["designs"] + second["designs"]] == digests[::-1]
    assert "next" not in second
    assert "documents" not in first["designs"][0]


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "x"}, {"limit": "100000"},
                                   {"nonsense": "1"}])
def test_wrong_arguments_are_refused(site_api, query):
    assert site_api.http.get(BASE, query_string=query).status_code == 400


def test_effective_node_tells_where_its_values_stand(site_api):
    digest = site_api.store()
    body = site_api.http.get(f"{BASE}/{digest}/nodes/node-001").json
    assert body["resolved"]["bmc_address"] == "127.77.0.2"
    assert body["effective"]["oob"]["credential"] == "******"
    assert "password" not in json.dumps(body["effective"]["oob"]["credential"])
    origin = body["origins"]["platform/image"]
    line = EXAMPLE.read_text().splitlines()[origin["line"] - 1]
    assert body["effective"]["platform"]["image"] in line


def test_design_stored_again_has_its_new_lines(site_api):
    digest = site_api.store()
    path = f"{BASE}/{digest}/nodes/node-001"
    before = site_api.http.get(path).json["origins"]["platform/image"]["line"]
    site_api.http.delete(f"{BASE}/{digest}")
    assert site_api.store("# one line more\n" + EXAMPLE.read_text()) == digest
    after = site_api.http.get(path).json["origins"]["platform/image"]["line"]
    assert after == before + 1


def test_unknown_node_and_design_are_404(site_api):
    digest = site_api.store()
    for path in (f"{digest}/nodes/node-999", "0" * 64, "0" * 8, "abc"):
        answer = site_api.http.get(f"{BASE}/{path}")
        assert (answer.status_code, answer.json["error"]["code"]) == (404, "NotFound")


def test_documents_keep_their_lines_and_hide_secrets(site_api):
    digest = site_api.store()
    text = site_api.http.get(f"{BASE}/{digest}/documents").text
    assert len(text.splitlines()) == len(EXAMPLE.read_text().splitlines())
    assert "credential: password" not in text


def test_design_in_use_is_kept_and_an_unused_one_goes(site_api):
    digest = site_api.store()
    site_api.task(digest)
    assert site_api.http.delete(f"{BASE}/{digest}").status_code == 409
    other = post(site_api, EXAMPLE.read_text().replace("hall: north", "hall: south")).json
    assert site_api.http.delete(f"{BASE}/{other['digest']}").status_code == 204
    assert site_api.http.get(f"{BASE}/{other['digest']}").status_code == 404
