"""Designs over HTTP: stored once when right, refused with findings when not."""

import json

import pytest

from provisioner.db import designs
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


FOREIGN = """
---
schema: deckhand/Passphrase/v1
metadata: {name: root, labels: {provisioner/owner: vault}}
data: hunter2
---
schema: other/Thing/v1
metadata: {name: thing}
data: {a: 1}
"""


@pytest.mark.parametrize(("query", "names"), [
    ("kind=Passphrase", ["root"]), ("kind=deckhand/Passphrase/v1", ["root"]),
    ("name=thing", ["thing"]), ("foreign=true", ["root", "thing"]),
    ("kind=Network&name=pxe", ["pxe"]), ("kind=Network&name=thing", [])])
def test_documents_are_found_by_kind_and_name(site_api, query, names):
    digest = site_api.store(EXAMPLE.read_text() + FOREIGN)
    body = site_api.http.get(f"{BASE}/{digest}/documents?{query}").json
    assert [item["name"] for item in body["documents"]] == names
    assert "hunter2" not in str(body)
    for item in body["documents"]:
        assert item["foreign"] is (item["kind"] is None)
        assert item["line"] > 0


def test_differences_hide_secrets(site_api):
    old = site_api.store(EXAMPLE.read_text() + FOREIGN)
    new = site_api.store((EXAMPLE.read_text() + FOREIGN).replace("hunter2", "hunter3").replace(
        "a: 1}", "a: 2}"))
    body = site_api.http.get(f"{BASE}/{old[:12]}/diff/{new}").json
    assert "hunter" not in str(body)
    found = {item["name"]: item["values"][0] for item in body["documents"]}
    assert (found["root"]["before"], found["root"]["after"]) == ("******", "******")
    assert (found["thing"]["path"], found["thing"]["before"], found["thing"]["after"]) == (
        "data/a", 1, 2)
    assert (body["empty"], body["nodes"]) == (False, {"+": [], "~": [], "-": []})
    assert site_api.http.get(f"{BASE}/{old}/diff/{old}").json["empty"]
    assert site_api.http.get(f"{BASE}/{old}/diff/{'0' * 8}").status_code == 404


def update(api, text, **query):
    return api.http.post(BASE, data=text, headers=YAML, query_string=query)


def test_a_part_of_another_tool_stays(site_api):
    parent = site_api.store(EXAMPLE.read_text() + FOREIGN)
    part = FOREIGN.replace("hunter2", "hunter3")
    refused = update(site_api, part, parent=parent, compose="true", owner="me")
    assert (refused.status_code, refused.json["error"]["code"]) == (409, "Conflict")
    assert refused.json["error"]["where"]["documents"] == [
        {"schema": "deckhand/Passphrase/v1", "name": "root", "owner": "vault"}]
    assert "hunter" not in refused.text
    lost = update(site_api, EXAMPLE.read_text(), parent=parent)
    assert lost.status_code == 409
    made = update(site_api, part, parent=parent, compose="true", owner="vault")
    assert (made.status_code, made.json["parent"]) == (201, parent)
    assert made.json["summary"]["foreign"] == 2
    assert update(site_api, "a: [", parent=parent, compose="true").status_code == 400
    assert update(site_api, part, parent="0" * 8).status_code == 404


def test_schemas_are_published(site_api):
    listed = site_api.http.get("/api/v1.1/schemas").json["schemas"]
    assert {"Network", "BaremetalNode", "Image", "document"} <= {item["kind"] for item in listed}
    for item in listed:
        answer = site_api.http.get(f"/api/v1.1/schemas/{item['kind']}")
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("application/schema+json")
        assert answer.get_json(force=True)["type"] == "object"
    same = site_api.http.get("/api/v1.1/schemas/Network.json").text
    assert same == site_api.http.get("/api/v1.1/schemas/Network").text
    assert site_api.http.get("/api/v1.1/schemas/Nothing").status_code == 404


def test_locks_keep_designs_and_yield_to_tasks(site_api):
    digest = site_api.store()
    locks = "/api/v1.1/locks"
    body = site_api.http.put(f"{locks}/north", json={"design": digest[:8]}).json
    assert (body["site"], body["design"], body["task"]) == ("north", digest, None)
    assert [item["site"] for item in site_api.http.get(locks).json["locks"]] == ["north"]
    assert site_api.http.delete(f"{BASE}/{digest}").status_code == 409
    task = site_api.task(digest, site="north")
    assert site_api.http.delete(f"{locks}/north").status_code == 409
    site_api.change(task, state="succeeded")
    assert site_api.http.delete(f"{locks}/north").status_code == 204
    assert site_api.http.delete(f"{locks}/north").status_code == 404
    assert site_api.http.put(f"{locks}/a%20b", json={"design": digest}).status_code == 400


def test_documents_rest_sealed(site_api):
    digest = post(site_api, EXAMPLE.read_text()).json["digest"]
    with site_api.database.reader() as tx:
        row = designs.get(tx, digest)
    assert "credential" not in row.documents
    assert "credential" in site_api.services.box.open_text(row.documents)
