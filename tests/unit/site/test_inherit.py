"""Laws of inheritance, on generated bodies."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provisioner.site import inherit
from provisioner.site.documents import load
from provisioner.site.effective import effective
from tests import sites

NAME = st.sampled_from(["a", "b", "c", "d"])
MARKED = st.one_of(NAME, NAME.map("!{}".format))
SCALAR = st.one_of(NAME, st.just("!"))


def some(**parts):
    return st.fixed_dictionaries({}, optional=parts)


FILESYSTEM = some(mountpoint=SCALAR, fstype=SCALAR, fs_label=SCALAR)
PARTITION = st.builds(lambda name, rest: {"name": name, **rest}, MARKED, some(
    size=SCALAR, volume_group=SCALAR, bootable=st.booleans(), filesystem=FILESYSTEM))
MEMBERS = st.lists(PARTITION, max_size=4, unique_by=lambda item: item["name"].strip("!"))
VOLUMES = st.lists(st.builds(lambda name, size: {"name": name, "size": size}, MARKED, SCALAR),
                   max_size=3, unique_by=lambda item: item["name"].strip("!"))
TAGS = st.lists(MARKED, max_size=4, unique_by=lambda item: item.strip("!"))
PAIRS = st.dictionaries(MARKED, NAME, max_size=4).map(
    lambda pairs: {key: value for key, value in pairs.items()
                   if key[0] == "!" or "!" + key not in pairs})


def members(member):
    return st.dictionaries(MARKED, member, max_size=3).map(
        lambda given: {key: value for key, value in given.items()
                       if key[0] == "!" or "!" + key not in given})


BODY = some(
    hardware_profile=SCALAR, primary_network=SCALAR,
    oob=some(type=SCALAR, account=NAME, port=NAME),
    platform=some(image=SCALAR, kernel=SCALAR, kernel_params=PAIRS),
    metadata=some(tags=TAGS, owner_data=PAIRS, rack=SCALAR),
    interfaces=members(some(device_link=SCALAR, slaves=TAGS, networks=TAGS,
                            sriov=some(vf_count=st.integers(-1, 9)))),
    storage=some(physical_devices=members(some(volume_group=SCALAR, partitions=MEMBERS,
                                               labels=PAIRS)),
                 volume_groups=members(some(vg_uuid=SCALAR, logical_volumes=VOLUMES))))

RELAXED = settings(max_examples=120, deadline=None, database=None,
                   suppress_health_check=[HealthCheck.too_slow])


class Source:
    """Stands for a document: a name to tell values apart by."""

    def __init__(self, name, data):
        self.name = name
        self.data = data

    def at(self, path):
        here = self.data
        for part in path:
            here = here[part]
        return here


def annotated(body, name="doc"):
    return inherit.annotate(inherit.HOST, body, Source(name, body))


def over(*bodies):
    """Effective plain data of bodies, the outermost profile first."""
    tree = None
    for index, body in enumerate(bodies):
        tree = inherit.merge(inherit.HOST, tree, annotated(body, str(index)))
    return inherit.plain(tree)


def marks(value, path=()):
    """Paths of values, keys and members that begin with '!'."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key.startswith("!"):
                yield (*path, key)
            yield from marks(item, (*path, key))
    elif isinstance(value, list):
        for item in value:
            yield from marks(item, path)
    elif isinstance(value, str) and value.startswith("!") and path[-1] != "name":
        yield path


@RELAXED
@given(BODY)
def test_an_empty_child_changes_nothing(parent):
    assert over(parent, {}) == over(parent)


@RELAXED
@given(BODY)
def test_merging_twice_is_merging_once(body):
    def without_order(value):
        if isinstance(value, dict):
            return {key: without_order(item) for key, item in value.items()}
        return sorted(value) if isinstance(value, list) else value

    assert without_order(over(body, body)) == without_order(over(body))


@RELAXED
@given(BODY, BODY)
def test_no_mark_survives(parent, child):
    assert list(marks(over(parent, child))) == []


@RELAXED
@given(BODY, BODY)
def test_bodies_are_not_changed(parent, child):
    before = repr((parent, child))
    over(parent, child)
    assert repr((parent, child)) == before


@RELAXED
@given(BODY, NAME)
def test_removed_then_added_is_only_what_was_added(parent, name):
    removed = over(parent, {"interfaces": {"!" + name: {}},
                            "metadata": {"owner_data": {"!" + name: ""}}})
    assert name not in removed.get("interfaces", {})
    assert name not in removed["metadata"].get("owner_data", {})
    again = over(parent, {"interfaces": {"!" + name: {}}},
                 {"interfaces": {name: {"networks": ["z"]}}})
    assert again["interfaces"][name] == {"networks": ["z"]}


@RELAXED
@given(BODY, BODY)
def test_everything_has_an_owner(parent, child):
    """A value comes from the child or, where the child does not say, from the parent."""
    first = inherit.merge(inherit.HOST, None, annotated(parent, "parent"))
    tree = inherit.merge(inherit.HOST, first, annotated(child, "child"))
    for _, leaf in inherit.leaves(tree):
        assert leaf.document.at(leaf.path) == leaf.value
    inherited = {path: leaf for path, leaf in inherit.leaves(first)
                 if not any(isinstance(part, int) for part in path)}
    for path, leaf in inherit.leaves(tree):
        if leaf.document.name == "parent" and not any(isinstance(part, int) for part in path):
            assert inherited[path] is leaf


@settings(RELAXED, max_examples=40)
@given(BODY, BODY, BODY)
def test_origins_point_at_the_value_in_the_text(first, second, body):
    documents = load(sites.dump([
        sites.document("HostProfile", "p1", first),
        sites.document("HostProfile", "p2", {"host_profile": "p1", **second}),
        sites.document("BaremetalNode", "n", {
            "host_profile": "p2", "addressing": [{"network": "n", "address": "dhcp"}], **body}),
    ]), "f")
    design = effective(documents)
    assert design.findings == ()
    lines = documents.lines["f"]
    tree = design.origins.trees[("BaremetalNode", "n")]
    for path, leaf in inherit.leaves(tree):
        origin = design.origins.of("BaremetalNode", "n")["/".join(map(str, path))]
        rest = lines[origin.line - 1][origin.column - 1:]
        if isinstance(leaf.value, str):
            assert rest.strip("'\"").startswith(leaf.value)
