"""A design that builds on another one."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from provisioner.exceptions import Conflict
from provisioner.site import composition, documents

NAMES = st.sampled_from(("a", "b", "c", "d"))
PARTS = st.dictionaries(NAMES, st.integers(0, 3), min_size=1)


def text_of(parts, marks=True):
    """One network for each part; the value tells them apart."""
    return yaml.safe_dump_all(
        [{"schema": "drydock/Network/v1", "metadata": {"name": name}, "data": {"mtu": value}}
         for name, value in parts.items()], explicit_start=marks)


def read(text):
    loaded = documents.load(text, "x")
    assert loaded.findings == ()
    return {item.name: item.data["mtu"] for item in loaded.items}


@given(PARTS, PARTS, st.booleans())
def test_the_new_parts_win_and_the_others_stay(parent, new, marks):
    assert read(composition.compose(text_of(parent, marks), text_of(new))) == {**parent, **new}


@given(PARTS)
def test_composing_with_itself_changes_nothing(parts):
    text = text_of(parts)
    composed = composition.compose(text, text)
    assert documents.load(composed, "x").digest == documents.load(text, "x").digest


@pytest.mark.parametrize("parent", [
    "schema: o/A/v1\nmetadata: {name: a}\n--- {schema: o/B/v1, metadata: {name: b}}",
    "--- {schema: o/A/v1, metadata: {name: a}}\n--- {schema: o/B/v1, metadata: {name: b}}\n",
    "%YAML 1.1\n---\nschema: o/A/v1\nmetadata: {name: a}\n...\n# between\n---\n# first\n"
    "schema: o/B/v1\nmetadata: {name: b}\n...\n"])
@pytest.mark.parametrize(("new", "kinds"), [
    ("schema: o/B/v1\nmetadata: {name: b}\nx: 1", ["o/A/v1", "o/B/v1"]),
    ("%YAML 1.1\n---\nschema: o/A/v1\nmetadata: {name: a}\nx: 1\n", ["o/B/v1", "o/A/v1"]),
    ("# c\n\nschema: o/C/v1\nmetadata: {name: c}\n", ["o/A/v1", "o/B/v1", "o/C/v1"])])
def test_any_layout_of_a_stream_is_taken(parent, new, kinds):
    loaded = documents.load(composition.compose(parent, new), "x")
    assert [item.schema for item in loaded.items] == kinds
    assert loaded.findings == ()


OWNED = """\
schema: drydock/Network/v1
metadata: {name: mine, labels: {provisioner/owner: tool}}
data: {mtu: 1}
---
schema: other/Thing/v1
metadata: {name: theirs, labels: {provisioner/owner: other}}
a: 1
"""


def check(new, owner):
    composition.check_owners(documents.load(OWNED, "p"), documents.load(new, "n"), owner)


@pytest.mark.parametrize(("change", "owner"), [
    (("mtu: 1", "mtu: 2"), None), (("mtu: 1", "mtu: 2"), "other"), (("a: 1", "a: 2"), "tool"),
    (("name: mine", "name: lost"), "other"), (("owner: tool", "owner: me"), "me")])
def test_what_another_tool_owns_is_not_overwritten(change, owner):
    with pytest.raises(Conflict) as caught:
        check(OWNED.replace(*change), owner)
    assert caught.value.where["documents"] and caught.value.remedy


@pytest.mark.parametrize(("change", "owner"), [
    (("mtu: 1", "mtu: 2"), "tool"), (("a: 1", "a: 2"), "other"), (("a: 1", "a: 1  # c"), None),
    (("owner: tool", "owner: other"), "tool")])
def test_what_one_owns_or_leaves_alone_is_taken(change, owner):
    check(OWNED.replace(*change), owner)
