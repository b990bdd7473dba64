"""Envelopes, foreign documents, digests."""

import pytest

from provisioner.site import documents
from tests import sites

NETWORK = """\
schema: drydock/Network/v1
metadata: {name: pxe, labels: {a: b}}
data:
  cidr: 10.0.0.0/24
  ranges:
    - {type: static, start: 10.0.0.1, end: 10.0.0.9}
"""
OLD = """\
apiVersion: drydock/v1
kind: Network
metadata: {name: pxe, date: 17-FEB-2017}
spec: {cidr: 10.0.0.0/24}
"""


def load(text):
    return documents.load(text, "site.yaml")


def test_todays_envelope():
    (found,) = load(NETWORK).items
    assert (found.schema, found.kind, found.name) == ("drydock/Network/v1", "Network", "pxe")
    assert found.data["cidr"] == "10.0.0.0/24"
    assert not found.old_envelope
    assert found.position(("cidr",)) == (4, 9)
    assert found.position(("ranges",)) == (5, 3)
    assert found.position(("ranges", 0, "start")) == (6, 29)
    assert found.key_position(("ranges", 0, "start")) == (6, 22)
    assert found.position(("ranges", 7, "none")) == (5, 3)
    assert found.place(("cidr",))[:5] == ("drydock/Network/v1", "pxe", "site.yaml", 4, 9)


def test_old_envelope():
    (found,) = load(OLD).items
    assert (found.schema, found.kind, found.name) == ("drydock/Network/v1", "Network", "pxe")
    assert found.old_envelope
    assert found.data == {"cidr": "10.0.0.0/24"}


@pytest.mark.parametrize(("text", "schema", "name"), [
    ("schema: promenade/Docker/v1\nmetadata: {name: d}", "promenade/Docker/v1", "d"),
    ("schema: deckhand/DataSchema/v1\nmetadata: {name: drydock/Rack/v1}",
     "deckhand/DataSchema/v1", "drydock/Rack/v1"),
    ("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {1: 2}", "v1/Secret", "s"),
    ("apiVersion: promenade/v1\nkind: Docker\nmetadata: {name: d}", "promenade/v1/Docker", "d"),
    ("some: thing", "", ""), ("schema: drydock/Network", "drydock/Network", ""),
    ("schema: 5", "", ""), ("metadata: 7", "", ""),
])
def test_foreign_documents_are_kept_and_not_checked(text, schema, name):
    found = load(text)
    assert found.findings == ()
    assert [(item.schema, item.name) for item in found.foreign] == [(schema, name)]
    assert found.own == ()


@pytest.mark.parametrize(("text", "said"), [
    ("", "no document"), ("# nothing\n", "no document"), ("---\n---\na: b", "empty"),
    ("- a", "not a mapping"), ("a: [", "flow"),
    ("schema: drydock/Thing/v1\nmetadata: {name: x}\ndata: {}", "no such kind"),
    ("schema: drydock/Network/v2\nmetadata: {name: x}\ndata: {}", "no such kind"),
    ("schema: provisioner/Thing/v1\nmetadata: {name: x}\ndata: {}", "no such kind"),
    ("apiVersion: drydock/v1\nkind: Thing\nmetadata: {name: x}\nspec: {}", "no such kind"),
    ("apiVersion: drydock/v1\nmetadata: {name: x}\nspec: {}", "no such kind"),
    ("schema: drydock/Network/v1\ndata: {}", "metadata.name"),
    ("schema: drydock/Network/v1\nmetadata: {name: [x]}\ndata: {}", "metadata.name"),
    ("schema: drydock/Network/v1\nmetadata: {name: x}\ndata: [a]", "data is missing"),
    ("schema: drydock/Network/v1\nmetadata: {name: x}", "data is missing"),
    ("schema: drydock/Network/v1\nmetadata: {name: x}\nspec: {}", "data is missing"),
    ("schema: drydock/Rack/v1\nmetadata: {name: x}\ndata: {location: {7: a}}", "not text"),
])
def test_unusable_documents_are_findings(text, said):
    found = load(text).findings
    assert [(item.code, item.severity, item.file) for item in found] \
        == [("DD000", "error", "site.yaml")]
    assert said in found[0].message
    assert found[0].line >= 1


def test_repeated_key_is_a_warning_in_documents_of_ours_only():
    found = load(NETWORK.replace("\ndata:", "\ndata:\n  mtu: 1\n  mtu: 2")).findings
    assert [(item.code, item.severity, item.line) for item in found] \
        == [("PR0001", "warning", 5)]
    assert load("schema: a/b/c\nx: 1\nx: 2").findings == ()


def test_text_with_surrogates_is_a_finding():
    assert load("a: \ud800").findings[0].code == "DD000"


def test_digest_ignores_layout_order_and_envelope():
    given = sites.site(2)
    digest = load(sites.dump(given)).digest
    assert load("# comment\n" + sites.dump(given[::-1])).digest == digest
    sites.by_name(given, "Network", "pxe")["mtu"] = 1400
    assert load(sites.dump(given)).digest != digest
    assert load(OLD).digest == load(
        "schema: drydock/Network/v1\nmetadata: {name: pxe}\ndata: {cidr: 10.0.0.0/24}").digest


def test_digest_counts_foreign_documents():
    assert load(NETWORK + "---\na: 1").digest != load(NETWORK + "---\na: 2").digest


def test_join_keeps_sources_apart():
    both = documents.join([documents.load(NETWORK, "a"), documents.load("- x", "b")])
    assert [item.source for item in both.items] == ["a"]
    assert [found.file for found in both.findings] == ["b"]
    assert both.lines["a"][0] == "schema: drydock/Network/v1"
