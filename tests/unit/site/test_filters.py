"""Node filters."""

import pytest

from provisioner.exceptions import Invalid
from provisioner.site.documents import load
from provisioner.site.effective import effective
from provisioner.site.filters import select
from tests import sites


def _site():
    given = sites.site(4)
    given.append(sites.document("Rack", "rack2", {"labels": {"hall": "b", "row": 1}}))
    for index, (tag, labels, rack) in enumerate([
            ("a", {"x": "1", "y": "1"}, "rack1"), ("b", {"x": "1"}, "rack1"),
            ("a", {"y": "1"}, "rack2"), ("c", {}, "rack2")]):
        data = sites.by_name(given, "BaremetalNode", f"node-{index:05d}")
        data["metadata"].update(tags=[tag], owner_data=labels, rack=rack)
    return effective(load(sites.dump(given), "f")).site


SITE = _site()
ALL = (0, 1, 2, 3)


def names(*numbers):
    return tuple(f"node-{number:05d}" for number in numbers)


def one(kind, **criteria):
    return {"filter_set_type": "intersection", "filter_set": [{"filter_type": kind, **criteria}]}


def many(kind, *filters):
    return {"filter_set_type": kind, "filter_set": list(filters)}


@pytest.mark.parametrize(("node_filter", "expected"), [
    (None, ALL),
    (one("union", node_names=["node-00001", "node-00000", "none"]), (0, 1)),
    (one("intersection", node_tags=["a", "c"]), (0, 2, 3)),
    (one("union", rack_names=["rack2"]), (2, 3)),
    (one("intersection", node_labels={"x": "1", "y": "1"}), (0,)),
    (one("union", node_labels={"x": "1", "y": "1"}), (0, 1, 2)),
    (one("intersection", rack_labels={"hall": "b", "row": "1"}), (2, 3)),
    (one("union", rack_labels={"hall": "a", "row": "1"}), ALL),
    (one("intersection", node_tags=["a"], rack_names=["rack1"]), (0,)),
    (one("union", node_tags=["b"], rack_names=["rack2"]), (1, 2, 3)),
    (one("intersection", node_tags=["a"], node_names=[], node_labels={}), (0, 2)),
    (one("intersection"), ALL), (one("union"), ()),
    (one("intersection", node_tags=["none"]), ()),
    (many("union", {"node_tags": ["b"]}, {"node_tags": ["c"]}), (1, 3)),
    (many("intersection", {"node_tags": ["a"]}, {"rack_names": ["rack2"]}), (2,)),
    (many("intersection", {"filter_type": "intersection"}, {"node_tags": ["c"]}), (3,)),
    ({"filter_set": [{"node_tags": ["c"]}]}, (3,)),
    (one(None, node_tags=["c"], rack_names=None), (3,)),
])
def test_select(node_filter, expected):
    assert select(SITE, node_filter) == names(*expected)


@pytest.mark.parametrize("node_filter", [
    {}, [], "all", {"filter_set": []}, {"filter_set": None, "filter_set_type": "union"},
    {"filter_set": {"node_names": ["a"]}}, {"filter_set": [5]},
    {"filter_set": [{}]}, {"filter_set": [{"node_tags": ["a"], "rack_names": ["b"]}]},
    {"filter_set": [{"node_labels": {"a": "b", "c": "d"}}]},
    {"filter_set": [{"node_tags": ["a"]}, {"node_tags": ["b"]}]},
    many("both", {"node_tags": ["a"]}), one("some", node_tags=["a"]),
    one("union", node_names="a"), one("union", node_names=[5]), one("union", node_labels=["a"]),
    one("union", names=["a"]), {"filter_set": [{"node_tags": ["a"]}], "more": 1},
])
def test_bad_filters_say_what_to_do(node_filter):
    with pytest.raises(Invalid) as caught:
        select(SITE, node_filter)
    assert caught.value.message.endswith(".")
    assert "filter_set_type" in caught.value.remedy


def test_a_site_without_nodes():
    assert select(effective(load("a: b", "f")).site, None) == ()
