"""Differences between designs."""

import copy

from hypothesis import given
from hypothesis import strategies as st

from provisioner.site import diff, documents
from provisioner.site.validate import validate
from tests import source_tree

SMALL = (source_tree.ROOT / "etc/provisioner/examples/small/site.yaml").read_text()
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(0, 3), st.sampled_from(("x", "a/b"))),
    lambda inner: st.dictionaries(st.sampled_from(("k", "l/m", "n~")), inner), max_leaves=8)
BODIES = st.dictionaries(st.sampled_from(("a", "b", "c")), st.dictionaries(
    st.sampled_from(("one", "two")), VALUES, min_size=1))


def design(bodies):
    loaded = documents.Documents(tuple(documents.Document(
        "other/Thing/v1", "", name, data, None, "x", 1) for name, data in bodies.items()))
    return validate(loaded)


class _Nowhere:
    """Positions of documents that were never text."""

    children = None
    key_line = line = column = key_column = 1


def placed(bodies):
    made = design(copy.deepcopy(bodies))
    for item in made.documents.items:
        object.__setattr__(item, "root", _Nowhere())
    return made


def patched(bodies, found):
    """The older bodies with the differences applied."""
    result = copy.deepcopy(bodies)
    for item in found.documents:
        if item.change == "-":
            del result[item.name]
        for value in item.values:
            *keys, last = (key.replace("~1", "/").replace("~0", "~")
                           for key in value.path.split("/"))
            here = result[item.name]
            for key in keys:
                here = here[key]
            here[last] = value.after
    return result


def bare(value):
    """Without keys that say nothing: absent and null are the same to every kind."""
    if not isinstance(value, dict):
        return value
    return {key: bare(item) for key, item in value.items() if item is not None}


@given(BODIES, BODIES)
def test_differences_lead_from_one_to_the_other(old, new):
    found = diff.compare(placed(old), placed(new))
    result = patched(old, found)
    kept = {name: new[name] for name in new if name in old}
    assert {name: bare(item) for name, item in result.items()} == {
        name: bare(item) for name, item in kept.items()}
    assert {item.name for item in found.documents if item.change == "+"} == set(new) - set(old)


@given(BODIES)
def test_a_design_does_not_differ_from_itself(bodies):
    assert diff.compare(placed(bodies), placed(bodies)).empty


def test_lines_and_the_nodes_concerned():
    text = SMALL.replace("boot_mode: bios", "boot_mode: uefi")
    old, new = (validate(documents.load(item, "site.yaml")) for item in (SMALL, text))
    found = diff.compare(old, new)
    item, = found.documents
    value, = item.values
    assert (item.change, item.schema, item.name) == (
        "~", "drydock/HardwareProfile/v1", "demo-machine")
    assert (value.path, value.before, value.after) == ("boot_mode", "bios", "uefi")
    assert "boot_mode" in text.splitlines()[value.line - 1]
    assert len(found.nodes["~"]) == 12 and not found.nodes["+"]


def test_an_image_concerns_the_nodes_that_use_it():
    old = validate(documents.load(SMALL, "x"))
    new = validate(documents.load(SMALL.replace('sha256: "b', 'sha256: "c'), "x"))
    assert len(diff.compare(old, new).nodes["~"]) == 12


def test_comments_and_order_do_not_count():
    parts = SMALL.split("\n---\n")
    turned = "\n---\n# turned\n".join([parts[0], *reversed(parts[1:])])
    old, new = (validate(documents.load(item, "x")) for item in (SMALL, turned))
    assert diff.compare(old, new).empty
