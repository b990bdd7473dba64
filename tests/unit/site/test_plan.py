"""Plans as a pure function: laws that hold for any site, and the text."""

import json

from hypothesis import given
from hypothesis import strategies as st

from provisioner.site import documents, plan, plan_text
from provisioner.site.validate import validate
from tests import source_tree

SMALL = source_tree.ROOT / "etc/provisioner/examples/small/site.yaml"
SITE = validate(documents.load(SMALL.read_text(), "site.yaml")).site
NAMES = ("node-001", "node-002", "node-003")

FIELDS = st.dictionaries(
    st.sampled_from(("driver", "driver_info/ipmi_address", "driver_info/ipmi_password",
                     "extra/rack", "extra/tags", "properties/capabilities",
                     "ports/52:54:00:77:00:01")),
    st.one_of(st.sampled_from(("a", "b", plan.SECRET, plan.OTHER)), st.lists(st.just("t"))))
IMAGES = st.one_of(st.just({}), st.builds(
    lambda digest: {"image/url": "http://x/os", "image/sha256": digest},
    st.sampled_from(("1" * 64, "2" * 64))))
VERBS = st.lists(st.builds(
    lambda verb, reboots: plan.Verb("deploy_nodes", verb, (), reboots, verb != "manage"),
    st.sampled_from(("manage", "deploy", "delete")), st.integers(0, 2)), max_size=3).map(tuple)
SEEN = st.builds(plan.Seen, st.uuids().map(str), st.sampled_from(("enroll", "active")), FIELDS,
                 IMAGES)
OUTLOOK = st.builds(plan.Outlook, FIELDS, st.booleans(), st.sampled_from(("active", "available")),
                    IMAGES, IMAGES, VERBS,
                    st.one_of(st.none(), st.just(plan.Blocked("deploy_nodes", "No.", "Do."))))
WORLD = st.tuples(st.dictionaries(st.sampled_from(NAMES), SEEN),
                  st.dictionaries(st.sampled_from(NAMES), OUTLOOK))
WISH = plan.Wish("north", "d" * 64, ("prepare_site", "deploy_nodes"))


def made(seen, outlooks, locked=None):
    return plan.make(SITE, WISH, seen, outlooks, locked)


@given(WORLD)
def test_the_order_of_what_is_known_does_not_matter(world):
    seen, outlooks = world
    document = made(seen, outlooks).as_dict()
    turned = made(dict(reversed(seen.items())), dict(reversed(outlooks.items()))).as_dict()
    assert json.dumps(document) == json.dumps(turned)
    assert [node["node"] for node in document["nodes"]] == sorted(
        node["node"] for node in document["nodes"])


def outcome(seen, outlook):
    """The node as it is once the plan was applied, and what then lies ahead of it."""
    fields = {**(seen.fields if seen else {}), **(outlook.fields if outlook.writes else {})}
    image = outlook.image if any(verb.verb != "manage" for verb in outlook.verbs) else (
        seen.image if seen else {})
    done = plan.Seen("uuid", outlook.provision_state, fields, image)
    return done, plan.Outlook(outlook.fields, outlook.writes, outlook.provision_state, image)


@given(WORLD)
def test_a_plan_applied_leaves_no_change(world):
    seen, outlooks = world
    after = {name: outcome(seen.get(name), outlook) for name, outlook in outlooks.items()
             if seen.get(name) or outlook.writes}
    left = made({name: there for name, (there, _) in after.items()},
                {name: ahead for name, (_, ahead) in after.items()}, WISH.design)
    assert left.empty


@given(WORLD)
def test_every_difference_is_told_once_as_change_or_as_drift(world):
    seen, outlooks = world
    told = {node["node"]: node for node in made(seen, outlooks).as_dict()["nodes"]}
    for name, outlook in outlooks.items():
        there = seen[name].fields if name in seen else {}
        wrong = sorted(field for field, value in outlook.fields.items()
                       if field not in there or there[field] != value)
        node = told.get(name, {"changes": [], "drift": []})
        fields = [item["field"] for key in ("changes", "drift") for item in node[key]
                  if not item["field"].startswith(plan.IMAGE)]
        expected = wrong if outlook.writes or name in seen else []
        assert sorted(fields) == expected


@given(WORLD)
def test_totals_are_those_of_the_nodes(world):
    document = made(*world).as_dict()
    nodes, totals = document["nodes"], document["totals"]
    assert totals["reboots"] == sum(
        verb["reboots"] for node in nodes for verb in node["verbs"])
    assert totals["destroys_data"] == sum(
        any(item["destroys_data"] for item in (*node["verbs"], *node["changes"]))
        for node in nodes)
    assert document["empty"] == (not document["changes"] and not any(
        node["changes"] or node["verbs"] for node in nodes))


@given(WORLD)
def test_any_plan_is_json_and_text_with_a_status(world):
    document = json.loads(json.dumps(made(*world).as_dict()))
    text = plan_text.render(document)
    for node in document["nodes"]:
        assert f"node {node['node']}" in text
    blocked = any(node["blocked"] for node in document["nodes"])
    assert plan_text.status(document) in ((1,) if blocked else (0, 2))
    assert document["version"] == plan.VERSION


def test_origins_are_where_the_values_stand():
    lines = SMALL.read_text().splitlines()
    node = SITE.node("node-001")
    expected = {"driver": "type: ipmi", "driver_info/ipmi_username": "account: admin",
                "driver_info/ipmi_password": "credential:", "extra/rack": "rack: rack1",
                "driver_info/ipmi_address": "127.77.0.2", "image/sha256": "sha256:",
                "properties/capabilities": "boot_mode: bios",
                "driver_info/deploy_kernel": "kernel:",
                "ports/52:54:00:77:00:01": "52:54:00:77:00:01"}
    for field, text in expected.items():
        origin = plan.origin_of(SITE, node, field)
        assert text in lines[origin.line - 1], field
    assert plan.origin_of(SITE, node, "image/url").schema == "provisioner/Image/v1"
    assert plan.origin_of(SITE, node, "driver").name != "node-001"


def test_the_first_design_of_a_site_is_a_change():
    assert [item.change for item in made({}, {}).changes] == ["+"]
    assert [item.change for item in made({}, {}, "e" * 64).changes] == ["~"]
    assert made({}, {}, WISH.design).empty
    only = plan.Wish("north", "d" * 64, ("deploy_nodes",))
    assert plan.make(SITE, only, {}, {}, None).empty


def test_a_replaced_image_says_what_it_destroys():
    old, new = ({"image/url": "http://x/os", "image/sha256": digit * 64} for digit in "12")
    verbs = tuple(plan.Verb("deploy_nodes", verb, ({"name": "power.set", "args": {
        "target": "power on"}},), 1, True) for verb in ("delete", "deploy"))
    text = plan_text.render(made(
        {"node-001": plan.Seen("u", "active", {}, old)},
        {"node-001": plan.Outlook({}, True, "active", new, new, verbs)}, WISH.design).as_dict())
    assert "-/+ node node-001 (destroys data, reboots 2)" in text
    assert f"-/+ image/sha256: {'1' * 57}... -> {'2' * 57}... (destroys data)" in text
    assert "> deploy_nodes: delete (destroys data, reboots 1): power.set(power on)" in text
    assert "1 to replace" in text


def test_nothing_to_do_is_said():
    document = made({}, {}, WISH.design).as_dict()
    assert "Nothing to do" in plan_text.render(document)
    assert plan_text.status(document) == 0
