"""Plain form, order, and text of findings."""

from provisioner.site import findings
from provisioner.site.findings import Finding, Place, Rule

RULE = Rule("DD1", "Title", findings.ERROR, "Do this.")


def test_plain_form():
    found = RULE.finding("said", Place("s", "n", "f", 3, 4), Place("s", "m"), Place("s", "n"))
    assert found.as_dict() == {
        "code": "DD1", "title": "Title", "severity": "error", "message": "said",
        "remedy": "Do this.", "documents": [{"schema": "s", "name": "n"},
                                            {"schema": "s", "name": "m"}],
        "file": "f", "line": 3, "column": 4}


def test_report_counts_and_orders():
    late = RULE.finding("b", Place("s", "n", "f", 9, 1), severity=findings.WARNING)
    soon = RULE.finding("a", Place("s", "n", "f", 1, 1))
    plain = findings.report([late, soon, late], documents=4, foreign=2)
    assert [item["line"] for item in plain["findings"]] == [1, 9]
    assert plain["summary"] == {"errors": 1, "warnings": 1, "documents": 4, "foreign": 2}


def test_render_shows_line_caret_and_fix():
    found = RULE.finding("said", Place("s", "n", "f.yaml", 2, 6))
    assert findings.render(found, {"f.yaml": ["x", "\tmtu: 5", "y"]}) == (
        "f.yaml:2:6: error: DD1 Title: said\n"
        "  2 | \tmtu: 5\n"
        "    | \t    ^\n"
        "  fix: Do this.")


def test_render_without_a_place():
    assert findings.render(Finding("C", "T", "info", "m", ""), {}) == "info: C T: m"


def test_render_masks_secrets():
    for line in ("  credential: sesame", "oob: {credential: sesame}", '"password": sesame'):
        text = findings.render(RULE.finding("said", Place("s", "n", "f", 1, 3)), {"f": [line]})
        assert "sesame" not in text
        assert "****" in text


def test_gathered_joins_what_nodes_inherit():
    found = [RULE.finding(f"node {name} is bad", Place("node", name, "f", 5, 1))
             for name in ("b", "a", "c")]
    other = RULE.finding("node a is bad", Place("node", "a", "f", 6, 1))
    first, second = findings.gathered([*found, other], "node")
    assert first.message == "node a is bad (and 2 more like it)"
    assert first.documents == (("node", "a"), ("node", "b"), ("node", "c"))
    assert second == other
