"""``design ...`` against a served API, and offline."""

import json

import pytest

from provisioner.cli import design, main
from provisioner.site import documents
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


def test_sarif_findings_point_at_lines(capsys, broken):
    assert main.main(["design", "validate", "-f", "sarif", broken]) == 1
    log = json.loads(capsys.readouterr().out)
    run = log["runs"][0]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert log["version"] == "2.1.0"
    assert place["artifactLocation"]["uri"] == broken
    assert place["region"]["startLine"] > 0
    assert {result["ruleId"] for result in run["results"]} <= {
        rule["id"] for rule in run["tool"]["driver"]["rules"]}


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
