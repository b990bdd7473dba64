"""``design ...`` against a served API, and offline."""

import json

import jsonschema
import pytest
import yaml

from provisioner.cli import design, main, sarif
from provisioner.site import documents, schema
from tests.unit.api.site.harness import EXAMPLE

BROKEN = EXAMPLE.read_text().replace("mtu: 1500", "mtu: fast", 1)


@pytest.fixture
def broken(tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text(BROKEN)
    return str(path)


def test_validate_needs_no_service(capsys):
    assert main.main(["--url", "http://127.0.0.1:1", "design", "validate", str(EXAMPLE)]) == 0
    assert "0 errors" in capsys.readouterr().out


def test_findings_name_file_line_and_remedy(capsys, broken):
    assert main.main(["design", "validate", broken]) == 1
    out = capsys.readouterr().out
    line = BROKEN.splitlines().index("  mtu: fast") + 1
    assert f"{broken}:{line}:" in out
    assert "mtu: fast" in out
    assert "fix: " in out


def test_json_findings_are_data(capsys, broken):
    assert main.main(["design", "validate", "-f", "json", broken]) == 1
    data = json.loads(capsys.readouterr().out)
    assert data["summary"]["errors"] == len(
        [found for found in data["findings"] if found["severity"] == "error"]) > 0


def test_json_findings_have_the_promised_keys(capsys, broken):
    main.main(["design", "validate", "-f", "json", broken])
    data = json.loads(capsys.readouterr().out)
    assert set(data) == {"findings", "summary"}
    assert set(data["summary"]) == {"errors", "warnings", "documents", "foreign"}
    for found in data["findings"]:
        assert set(found) == {"code", "title", "severity", "message", "remedy", "documents",
                              "file", "line", "column"}
        assert found["severity"] in ("error", "warning", "info")
        assert all(set(item) == {"schema", "name"} for item in found["documents"])


def test_documents_of_others_are_counted_apart(capsys, tmp_path):
    path = tmp_path / "site.yaml"
    path.write_text(EXAMPLE.read_text() + "---\nschema: other/Thing/v1\nmetadata: {name: x}\n")
    assert main.main(["design", "validate", "-f", "json", str(path)]) == 0
    counted = json.loads(capsys.readouterr().out)["summary"]
    assert (counted["documents"], counted["foreign"]) == (26, 1)


def test_sarif_findings_point_at_lines(capsys, broken):
    assert main.main(["design", "validate", "-f", "sarif", broken]) == 1
    log = json.loads(capsys.readouterr().out)
    run, = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert (log["version"], log["$schema"].endswith("sarif-schema-2.1.0.json")) == ("2.1.0", True)
    assert len({rule["id"] for rule in rules}) == len(rules)
    line = BROKEN.splitlines().index("  mtu: fast") + 1
    place = next(result["locations"][0] for result in run["results"]
                 if result["level"] == "error")["physicalLocation"]
    assert place["artifactLocation"]["uri"] == f"file://{broken}"
    assert place["region"]["startLine"] == line
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        assert result["message"]["text"]


def test_sarif_without_findings_is_a_whole_log(capsys):
    assert main.main(["design", "validate", "-f", "sarif", str(EXAMPLE)]) == 0
    run, = json.loads(capsys.readouterr().out)["runs"]
    assert (run["results"], run["tool"]["driver"]["rules"]) == ([], [])


@pytest.mark.parametrize(("path", "uri"), [
    ("site.yaml", "site.yaml"), ("a b/c#1.yaml", "a%20b/c%231.yaml"), ("x:y.yaml", "x%3Ay.yaml"),
    ("/etc/a b.yaml", "file:///etc/a%20b.yaml")])
def test_sarif_files_are_uris(path, uri):
    assert sarif.uri(path) == uri


@pytest.mark.parametrize("kind", schema.PUBLISHED)
def test_schemas_are_whole_and_need_no_service(capsys, kind):
    assert main.main(["--url", "http://127.0.0.1:1", "design", "schema", kind]) == 0
    found = json.loads(capsys.readouterr().out)
    jsonschema.Draft7Validator.check_schema(found)
    assert "$ref" not in json.dumps(found)


def test_the_schema_of_documents_checks_bodies(capsys):
    main.main(["design", "schema", "document"])
    check = jsonschema.Draft7Validator(json.loads(capsys.readouterr().out))
    assert all(check.is_valid(item) for item in yaml.safe_load_all(EXAMPLE.read_text()))
    assert not all(check.is_valid(item) for item in yaml.safe_load_all(BROKEN))


def test_unknown_schema_is_misuse(capsys):
    assert main.main(["design", "schema", "Nothing"]) == 2


def digest_of(run, path, *more):
    status, out = run("design", "create", str(path), *more, "-f", "value", "-c", "digest")
    assert status == 0
    return out.strip()


def test_diff_shows_values_lines_and_nodes(run, tmp_path):
    changed = tmp_path / "changed.yaml"
    changed.write_text(EXAMPLE.read_text().replace("hall: north", "hall: south").replace(
        "credential: password", "credential: another", 1))
    old, new = digest_of(run, EXAMPLE), digest_of(run, changed)
    status, out = run("design", "diff", old[:12], new)
    assert status == 2
    line = changed.read_text().splitlines().index("    hall: south") + 1
    assert f'~ labels/hall: "north" -> "south"  [line {line}]' in out
    assert "another" not in out and '~ oob/credential: "******" -> "******"' in out
    assert "~ nodes: node-001" in out
    assert run("design", "diff", old, old) == (0, "Nothing differs.\n")
    body = json.loads(run("design", "diff", new, old, "-f", "json")[1])
    assert (body["from"], body["to"], body["empty"]) == (new, old, False)


def test_documents_are_found_by_kind_and_name(run):
    digest = digest_of(run, EXAMPLE)
    found = json.loads(run("design", "documents", digest, "--kind", "Network", "--name", "pxe")[1])
    assert [(item["schema"], item["name"]) for item in found] == [("drydock/Network/v1", "pxe")]


def test_parts_build_on_a_design(run, tmp_path, capsys):
    parent = digest_of(run, EXAMPLE)
    part = tmp_path / "part.yaml"
    part.write_text("schema: drydock/Region/v1\nmetadata: {name: small}\n"
                    "data: {authorized_keys: [ssh-rsa AAAA me]}\n")
    child = digest_of(run, part, "--parent", parent, "--compose")
    shown = json.loads(run("design", "show", child, "-f", "json")[1])
    assert (shown["parent"], shown["summary"]["nodes"]) == (parent, 12)
    assert run("design", "create", str(part), "--compose")[0] == 1
    assert "compose needs a parent" in capsys.readouterr().err


def test_missing_file_is_one_line_and_a_remedy(capsys):
    assert main.main(["design", "validate", "/nowhere.yaml"]) == 1
    err = capsys.readouterr().err
    assert "/nowhere.yaml: No such file" in err
    assert "To do: " in err
    assert "Traceback" not in err


def test_usage_errors_are_two(capsys):
    assert main.main(["design", "validate"]) == 2
    assert main.main(["task", "create", "fly"]) == 2
    assert main.main(["nonsense"]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_design_is_created_listed_shown_and_deleted(run):
    status, digest = run("design", "create", str(EXAMPLE), "-f", "value", "-c", "digest")
    digest = digest.strip()
    assert (status, len(digest)) == (0, 64)
    rows = json.loads(run("design", "list", "-f", "json")[1])
    assert [(row["Digest"], row["Nodes"], row["Source"]) for row in rows] == [
        (digest, 12, "site.yaml")]
    shown = json.loads(run("design", "show", digest[:8], "-f", "json")[1])
    assert shown["summary"]["nodes"] == 12
    assert "******" in run("design", "documents", digest)[1]
    assert run("design", "delete", digest)[0] == 0
    assert json.loads(run("design", "list", "-f", "json")[1]) == []


def test_broken_design_is_not_sent(run, broken, capsys, site_api):
    status, _ = run("design", "create", broken)
    err = capsys.readouterr().err
    assert status == 1
    assert f"{broken}:" in err and "nothing was stored" in err
    assert site_api.http.get("/api/v1.1/designs").json["designs"] == []


def test_several_files_make_the_design_that_they_are_together(run, tmp_path):
    text = EXAMPLE.read_text()
    half = text.index("\n---\n", len(text) // 2)
    parts = [tmp_path / name for name in ("a.yaml", "b.yaml")]
    for path, part in zip(parts, (text[:half], "# comment\n" + text[half:]), strict=True):
        path.write_text(part)
    _, digest = run("design", "create", *map(str, parts), "-f", "value", "-c", "digest")
    assert digest.strip() == documents.load(text, "whole").digest


@pytest.mark.parametrize("texts", [
    (b"a: 1", b"b: 2"), (b"---\na: 1\n", b"---\nb: 2\n"), (b"a: 1", b"# c\n\n---\nb: 2"),
    (b"a: 1\n...\n", b"%YAML 1.1\n---\nb: 2"), (b"\xef\xbb\xbfa: 1", b"\xef\xbb\xbfb: 2")])
def test_joined_files_are_two_documents(texts):
    loaded = documents.load(design.join(texts), "x")
    assert [item.data for item in loaded.items] == [{"a": 1}, {"b": 2}]


def test_effective_values_have_origins(run):
    _, digest = run("design", "create", str(EXAMPLE), "-f", "value", "-c", "digest")
    status, out = run("design", "effective", digest.strip(), "node-001", "-f", "json")
    rows = {row["Field"]: row for row in json.loads(out)}
    assert status == 0
    assert rows["platform/image"]["Value"] == "demo-os"
    assert rows["platform/image"]["Line"].startswith("site.yaml:")
    assert rows["oob/credential"]["Value"] == "******"


def test_errors_of_the_service_have_their_remedy(run, capsys):
    assert run("design", "show", "00000000")[0] == 1
    err = capsys.readouterr().err
    assert "There is no design 00000000" in err
    assert "To do: List the designs" in err
