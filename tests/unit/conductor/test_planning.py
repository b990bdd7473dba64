"""Plans made from rows, and applied in a simulated cluster: what is shown is what runs."""

import dataclasses
import re

import pytest

from provisioner import exceptions, states
from provisioner.db import agents, designs, nodes, plans, ports, tasks
from provisioner.rpc.client import PlanRequest
from provisioner.site import documents, plan_text
from provisioner.site.validate import validate
from provisioner_conductor.planning import Planner
from tests import cluster, source_tree

NAMES = ("node-001", "node-002")
ALL = ("prepare_site", "prepare_nodes", "deploy_nodes")


def small(**replaced) -> designs.NewDesign:
    """The example site with two machines on fake hardware."""
    text = (source_tree.ROOT / "etc/provisioner/examples/small/site.yaml").read_text()
    text = text.replace("type: ipmi", "type: fake")
    kept = [part for part in text.split("\n---\n") if "BaremetalNode" not in part or any(
        f"name: {name}}}" in part for name in NAMES)]
    text = "\n---\n".join(kept)
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, new)
    return designs.NewDesign(validate(documents.load(text, "design")).digest, text, "site.yaml")


class Site:
    """A site on a simulated cluster."""

    def __init__(self, on: cluster.Cluster):
        self.on = on
        self.design = self.store(small())

    def store(self, new: designs.NewDesign) -> str:
        new = dataclasses.replace(
            new, documents=self.on.live()[0].hardware.seal_text(new.documents))
        self.on.database.write(lambda tx: designs.put(tx, new))
        return new.digest

    def make(self, *actions, key=None, **more):
        """The row of a new plan."""
        number = len(self.on.points)
        request = PlanRequest(**{
            "site": "small", "design": self.design, "actions": list(actions or ALL),
            "request_key": key or f"plan-{number}-{id(object())}", **more})
        uuid = Planner(self.on.live()[0].services).make(request)
        with self.on.database.reader() as tx:
            return plans.get(tx, uuid)

    def apply(self, row) -> str:
        return self.on.accept("apply_plan", site="small", args={"plan": row.uuid})

    def run(self, row):
        """Apply a plan to its end; the task."""
        task = self.on.run(self.apply(row))
        assert task.state == tasks.SUCCEEDED, (task.error, task.result)
        return task

    def verbs(self, task) -> list[tuple]:
        """(node, verb, steps) of every child, in the order of verbs of each node."""
        with self.on.database.reader() as tx:
            kids = tasks.children(tx, task.uuid)
            return sorted((kid.node_name, position, kid.action, [
                step.name for step in tasks.steps_of(tx, kid.uuid) if not step.position % 1000])
                for position, kid in enumerate(kids))

    def change(self, name: str, **values) -> None:
        self.on.database.write(
            lambda tx: nodes.update_engine(tx, nodes.require(tx, name).uuid, values))


@pytest.fixture
def site(on):
    return Site(on)


@pytest.fixture
def deployed(site):
    """A site as its design wants it."""
    site.run(site.make())
    return site


def node_of(document, name):
    return next(node for node in document["nodes"] if node["node"] == name)


def fields(node, key="changes"):
    return {item["field"]: item for item in node[key]}


def test_new_nodes_are_added_with_the_steps_that_then_run(site):
    document = site.make().document
    assert (document["version"], document["empty"]) == (1, False)
    assert [item["field"] for item in document["changes"]] == ["design"]
    assert document["totals"] == {
        "nodes": 2, "create": 2, "update": 0, "replace": 0, "destroy": 0, "blocked": 0,
        "drifted": 0, "destroys_data": 2, "reboots": 2}
    first = node_of(document, "node-001")
    assert (first["change"], first["uuid"], first["provision_state"]) == (
        "+", None, {"before": None, "after": states.ACTIVE})
    assert [verb["verb"] for verb in first["verbs"]] == ["manage", "inspect", "provide", "deploy"]
    assert {item["change"] for item in first["changes"]} == {"+"}
    assert fields(first)["ports/52:54:00:77:00:01"]["origin"]["name"] == "node-001"
    task = site.run(site.make())
    ran = {}
    for name, _, verb, steps in site.verbs(task):
        ran.setdefault(name, []).append((verb, steps))
    for node in document["nodes"]:
        assert ran[node["node"]] == [
            (verb["verb"], [step["name"] for step in verb["steps"]]) for verb in node["verbs"]]


def test_a_plan_applied_leaves_an_empty_plan(deployed):
    document = deployed.make().document
    assert (document["empty"], document["nodes"], document["changes"]) == (True, [], [])
    assert plan_text.status(document) == 0
    with pytest.raises(exceptions.Conflict, match="nothing to do"):
        deployed.apply(deployed.make())


def test_origins_are_lines_of_the_design(site):
    text = small().documents.splitlines()
    for item in node_of(site.make().document, "node-001")["changes"]:
        origin = item["origin"]
        if isinstance(item["after"], str) and item["field"].startswith(("driver_info", "image")):
            assert item["after"] in ("(secret)", *re.findall(
                r"[^\s\"'{},]+", text[origin["line"] - 1])), item


def test_secrets_are_only_compared(deployed):
    row = deployed.make("prepare_site", node_filter=only("node-001"))
    assert row.document["empty"]
    with deployed.on.database.reader() as tx:
        known = nodes.require(tx, "node-001").driver_info
    secret = [key for key in known if "password" in key]
    assert secret
    box = cluster.BOX
    deployed.change("node-001", driver_info={
        **known, **box.seal({key: "an older one" for key in secret}, secret)})
    document = deployed.make("prepare_site").document
    change = fields(node_of(document, "node-001"))[f"driver_info/{secret[0]}"]
    assert (change["before"], change["after"]) == ("(another secret)", "(secret)")
    assert "an older one" not in str(document)
    deployed.run(deployed.make("prepare_site"))
    assert deployed.make().document["empty"]


def only(*names) -> dict:
    return {"filter_set_type": "union", "filter_set": [
        {"filter_type": "union", "node_names": list(names)}]}


def test_a_new_image_replaces_what_runs(deployed):
    old = re.search(r"sha256:\s+\W*(\w{64})", small().documents)[1]
    deployed.design = deployed.store(small(**{old: "b" * 64}))
    plain = deployed.on.run(deployed.on.accept(
        "deploy_nodes", site="small", design=deployed.design))
    assert plain.state == tasks.FAILED
    row = deployed.make(node_filter=only("node-001"))
    node = node_of(row.document, "node-001")
    change = fields(node)["image/sha256"]
    assert (node["change"], change["change"], change["before"], change["after"]) == (
        "-/+", "-/+", old, "b" * 64)
    assert node["destroys_data"] and change["destroys_data"]
    assert [verb["verb"] for verb in node["verbs"]] == ["delete", "deploy"]
    task = deployed.run(row)
    assert task.args == {"plan": row.uuid, "rebuild": True}
    assert [verb for _, _, verb, _ in deployed.verbs(task)] == ["delete", "deploy"]
    found = deployed.on.names()
    assert found["node-001"].instance_info["image_os_hash_value"] == "b" * 64
    assert found["node-002"].instance_info["image_os_hash_value"] == old
    assert deployed.make(node_filter=only("node-001")).document["empty"]


def test_a_destroyed_site_has_no_instance(deployed):
    row = deployed.make("destroy_nodes")
    assert row.document["totals"]["destroy"] == 2
    assert {item["change"] for item in node_of(row.document, "node-001")["changes"]} == {"-"}
    deployed.run(row)
    assert deployed.make("destroy_nodes").document["empty"]


CHANGES = {
    "power": lambda site: site.change("node-001", power_state="power off"),
    "fields": lambda site: site.change("node-001", extra={"mine": True}),
    "state": lambda site: site.change("node-001", provision_state="available"),
    "port": lambda site: site.on.database.write(lambda tx: ports.create(tx, {
        "node_uuid": nodes.require(tx, "node-002").uuid, "address": "52:54:00:aa:00:01"})),
    "gone": lambda site: site.on.database.write(
        lambda tx: nodes.delete(tx, nodes.require(tx, "node-002"))),
    "task": lambda site: site.on.accept("destroy_nodes", site="small", design=site.design),
    "design": lambda site: site.on.run(site.on.accept(
        "prepare_site", site="small", design=site.store(small(**{"hall: north": "hall: south"})))),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_plan_is_refused_when_somebody_changed_something(deployed, what):
    row = deployed.make("destroy_nodes")
    CHANGES[what](deployed)
    with pytest.raises(exceptions.PlanStale) as caught:
        deployed.apply(row)
    moved = caught.value.where["moved"]
    assert moved and all(line.startswith(("site ", "node ")) for line in moved)
    with deployed.on.database.reader() as tx:
        assert plans.get(tx, row.uuid).task is None


def test_changes_elsewhere_do_not_matter(deployed):
    row = deployed.make("destroy_nodes", node_filter=only("node-001"))
    deployed.change("node-002", extra={"mine": True})
    assert deployed.run(row).state == tasks.SUCCEEDED


def test_a_plan_is_applied_once_and_the_same_request_is_the_same_task(site):
    row = site.make()
    first = site.on.accept("apply_plan", site="small", args={"plan": row.uuid}, key="one")
    assert site.on.accept("apply_plan", site="small", args={"plan": row.uuid}, key="one") == first
    with pytest.raises(exceptions.PlanStale, match=first):
        site.apply(row)


def test_the_same_request_is_the_same_plan(site):
    assert site.make(key="one").uuid == site.make(key="one").uuid


def test_what_is_not_in_the_plan_is_not_done(deployed):
    """Between accepting and the start of a child somebody undeploys the node."""
    with deployed.on.database.reader() as tx:
        known = nodes.require(tx, "node-001")
    deployed.change("node-002", provision_state="available")
    row = deployed.make("deploy_nodes")
    assert [node["node"] for node in row.document["nodes"] if node["verbs"]] == ["node-002"]
    task = deployed.apply(row)
    deployed.change("node-001", provision_state="available")
    assert deployed.on.run(task).state == tasks.SUCCEEDED
    assert deployed.on.get(known.uuid).provision_state == states.AVAILABLE


def test_a_verb_that_the_plan_does_not_have_is_refused(site):
    """The node needed no 'manage' when the plan was made."""
    site.run(site.make("prepare_site"))
    site.change("node-001", provision_state="manageable")
    row = site.make("prepare_nodes", node_filter=only("node-001"))
    assert [verb["verb"] for verb in row.document["nodes"][0]["verbs"]] == ["inspect", "provide"]
    task = site.apply(row)
    site.change("node-001", provision_state="enroll")
    ended = site.on.run(task)
    assert (ended.state, ended.result["failures"]) == (tasks.FAILED, ["node-001"])
    assert "needs manage now, which is not in the plan" in ended.result["messages"][0]["message"]
    assert site.verbs(ended) == []


def test_a_plan_without_a_replacement_replaces_nothing(deployed):
    """Another image gets onto the machine after the plan to deploy it was accepted."""
    deployed.change("node-001", provision_state="available")
    task = deployed.apply(deployed.make("deploy_nodes", node_filter=only("node-001")))
    deployed.change("node-001", provision_state="active", instance_info={
        "image_os_hash_value": "c" * 64})
    ended = deployed.on.run(task)
    assert (ended.state, deployed.verbs(ended)) == (tasks.FAILED, [])
    assert "another image" in ended.result["messages"][0]["message"]


LOGIN = "http://me:hush@images.invalid/kernel"


def test_logins_in_urls_are_secrets(deployed):
    text = small().documents
    kernel = re.search(r"^  kernel: (\S+)", text, re.M)[1]
    deployed.design = deployed.store(small(**{f"kernel: {kernel}": f"kernel: {LOGIN}"}))
    document = deployed.make().document
    change = fields(node_of(document, "node-001"))["driver_info/deploy_kernel"]
    assert (change["before"], change["after"]) == ("(another secret)", "(secret)")
    assert "hush" not in str(document)
    deployed.run(deployed.make())
    assert deployed.make().document["empty"]


@pytest.mark.parametrize("info", [
    {"image_source": "http://[broken", "image_os_hash_value": "e" * 64},
    {"image_source": "http://me:hush@x/[", "image_os_hash_value": 7}, {"image_source": [1]}])
def test_any_instance_info_gives_a_plan(deployed, info):
    deployed.change("node-001", instance_info=info)
    document = deployed.make().document
    assert node_of(document, "node-001")["verbs"][0]["verb"] == "delete"
    assert "hush" not in str(document)


@pytest.mark.parametrize(("inventory", "drift"), [
    ({"interfaces": [{"mac_address": "52:54:00:77:00:01"}], "boot": {"current_boot_mode": "bios"}},
     []),
    ({"interfaces": [{"mac_address": "52:54:00:77:00:99"}]}, ["inventory/interfaces"]),
    ({"boot": {"current_boot_mode": "uefi"}}, ["inventory/boot_mode"]),
    ({"interfaces": "none", "boot": 5}, []), ({"interfaces": [None, {"mac_address": 5}]},
                                              ["inventory/interfaces"])])
def test_a_machine_that_is_not_the_one_of_the_design_is_drift(deployed, inventory, drift):
    node = deployed.on.names()["node-001"].uuid
    deployed.on.database.write(lambda tx: agents.put_inventory(tx, node, inventory, {}))
    found = [item["field"] for entry in deployed.make().document["nodes"]
             for item in entry["drift"]]
    assert found == drift


def test_drift_is_told_and_left_alone(deployed):
    deployed.change("node-001", power_state="power off", maintenance=True)
    document = deployed.make().document
    drift = fields(node_of(document, "node-001"), "drift")
    assert set(drift) == {"power_state", "maintenance"}
    assert (document["empty"], plan_text.status(document)) == (True, 2)
    assert all(item["remedy"] for item in drift.values())


def test_what_prepare_site_would_mend_is_drift_without_it(deployed):
    deployed.change("node-001", extra={"site": "small", "rack": "elsewhere"})
    without = fields(node_of(deployed.make("deploy_nodes").document, "node-001"), "drift")
    assert without["extra/rack"]["observed"] == "elsewhere"
    node = node_of(deployed.make().document, "node-001")
    assert fields(node)["extra/rack"]["change"] == "~" and not node["drift"]


def test_nodes_of_the_site_that_the_design_lacks_are_drift(deployed):
    deployed.on.node("left-over", extra={"site": "small"})
    deployed.on.node("other", extra={"site": "other"})
    document = deployed.make().document
    assert [node["node"] for node in document["nodes"]] == ["left-over"]
    assert document["empty"]


def test_a_missing_node_is_added_again(deployed):
    deployed.on.database.write(lambda tx: nodes.delete(tx, nodes.require(tx, "node-002")))
    document = deployed.make().document
    assert [(node["node"], node["change"]) for node in document["nodes"]] == [("node-002", "+")]
    blocked = node_of(deployed.make("deploy_nodes").document, "node-002")["blocked"]
    assert "not known" in blocked["message"] and "prepare_site" in blocked["remedy"]


def test_what_is_in_the_way_is_told_and_the_rest_is_done(deployed):
    deployed.change("node-001", protected=True)
    row = deployed.make("destroy_nodes")
    assert plan_text.status(row.document) == 1
    assert "protected" in node_of(row.document, "node-001")["blocked"]["message"]
    deployed.run(row)
    found = deployed.on.names()
    assert (found["node-001"].provision_state, found["node-002"].provision_state) == (
        states.ACTIVE, states.AVAILABLE)


def test_a_busy_node_is_in_the_way(site):
    site.run(site.make("prepare_site"))
    site.on.accept("manage", site.on.names()["node-001"].uuid)
    blocked = node_of(site.make("prepare_nodes").document, "node-001")["blocked"]
    assert "at work" in blocked["message"]


def test_a_mac_of_another_node_is_in_the_way(site):
    other = site.on.node("other")
    site.on.database.write(lambda tx: ports.create(tx, {
        "node_uuid": other, "address": "52:54:00:77:00:01"}))
    document = site.make().document
    assert other in node_of(document, "node-001")["blocked"]["message"]
    assert node_of(document, "node-002")["change"] == "+"


@pytest.mark.parametrize("actions", [
    ("fly",), ("verify_nodes",), ("deploy_nodes", "deploy_nodes")])
def test_actions_that_cannot_be_planned_are_refused(site, actions):
    with pytest.raises(exceptions.Invalid):
        site.make(*actions)


def test_plans_to_look_at_are_forgotten_soon(site):
    row = site.make(save=False)
    site.on.pass_time(plans.UNSAVED_SECONDS + 1)
    kept = site.make()
    with site.on.database.reader() as tx:
        assert (plans.get(tx, row.uuid), plans.get(tx, kept.uuid).uuid) == (None, kept.uuid)
        assert [item.uuid for item in plans.find(tx, 10)] == [kept.uuid]


def test_the_text_says_what_the_data_says(deployed):
    deployed.change("node-001", protected=True)
    text = plan_text.render(deployed.make("destroy_nodes").document)
    assert re.search(r"^  - node node-002 \(destroys data\): active -> available$", text, re.M)
    assert "! destroy_nodes: Node node-001 is protected." in text
    assert "> destroy_nodes: delete (destroys data): power.set(power off)" in text
