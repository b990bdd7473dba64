"""verify_nodes, the check after inspection, destroy_nodes with its options, and rebootstrap."""

import types

import pytest

from provisioner import states
from provisioner.db import tasks
from provisioner.steps import Failed
from provisioner_conductor.flows import delete
from provisioner_conductor.flows.base import Request
from tests.cluster_site import SITE, prepared, small_site

NAMES = ("node-001", "node-002")
DESIGN = small_site(NAMES)
RAMDISK = {"deploy_interface": "direct", "boot_interface": "ipxe"}


def run(on, action, **args):
    return on.run(on.accept(action, site=SITE, design=DESIGN.digest, args=args))


@pytest.fixture
def strict(on):
    on.conf.set_override("hardware_mismatch", "fail", "conductor")
    yield
    on.conf.clear_override("hardware_mismatch", "conductor")


def told(row, node="node-001"):
    return [entry for entry in row.result["messages"] if entry["context"] == node]


# --- verify ---------------------------------------------------------------------------------------


def test_verify_nodes_tells_what_differs_and_what_cannot_be_told(on):
    prepared(on, DESIGN)
    row = run(on, "verify_nodes")
    assert (row.state, row.result["successes"]) == (tasks.SUCCEEDED, list(NAMES))
    texts = [entry["message"] for entry in told(row)]
    assert texts[0].startswith("vendor is Fake / Machine, the hardware profile has Demo")
    assert texts[1].startswith("not verifiable over fake: PCI layout, drives, event log")
    assert not any(entry["error"] for entry in row.result["messages"])


def test_a_mismatch_fails_where_it_shall(on, strict):
    prepared(on, DESIGN)
    row = run(on, "verify_nodes")
    assert row.result["failures"] == list(NAMES)
    assert "not as its hardware profile says: vendor is Fake" in told(row)[0]["message"]


def test_inspection_is_followed_by_the_check_of_its_inventory(on):
    prepared(on, DESIGN)
    row = run(on, "prepare_nodes")
    assert row.state == tasks.SUCCEEDED
    texts = [entry["message"] for entry in told(row)]
    assert "not verifiable from the inventory: vendor" in texts
    assert "not verifiable from the inventory: boot_nic at pci@0000:00:03.0" in texts
    assert "the machine has no drive bootdisk" in texts


def test_a_failed_check_leaves_the_node_to_be_inspected_again(on, strict):
    prepared(on, DESIGN)
    row = run(on, "prepare_nodes")
    assert row.state == tasks.FAILED
    assert {node.provision_state for node in on.names().values()} == {states.INSPECT_FAILED}
    on.conf.set_override("hardware_mismatch", "warn", "conductor")
    on.accept("retry", args={"task": row.uuid})
    assert on.run(row.uuid).state == tasks.SUCCEEDED


# --- destroy --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("args", "steps"), [
    ({}, ["erase_devices_metadata"]),
    ({"erase": False}, []),
    ({"erase": True}, ["erase_devices"]),
    ({"erase": True, "quick_erase": True}, ["erase_devices_metadata"]),
    ({"erase": True, "secure_erase": True}, ["erase_devices"]),
    ({"secure_erase": True, "quick_erase": True}, ["erase_devices_express"])])
def test_disks_are_erased_as_asked(on, args, steps):
    prepared(on, DESIGN, provision_state=states.ACTIVE, **RAMDISK)
    assert run(on, "destroy_nodes", **args).state == tasks.SUCCEEDED
    assert [step for _, step in on.world.ran] == steps * len(NAMES)
    assert {row.provision_state for row in on.names().values()} == {states.AVAILABLE}


def test_an_erasure_that_nothing_can_do_is_refused_before_anything_is_destroyed(on):
    prepared(on, DESIGN, provision_state=states.ACTIVE)
    row = run(on, "destroy_nodes", erase=True)
    assert (row.state, row.result["failures"]) == (tasks.FAILED, list(NAMES))
    assert "cannot erase" in told(row)[0]["message"]
    assert {node.provision_state for node in on.names().values()} == {states.ACTIVE}


@pytest.mark.parametrize(("args", "wanted"), [
    ({"erase": True}, {"erase": True}), ({"erase": False}, {"erase": False}),
    ({"quick_erase": True}, {"erase": True, "secure_erase": False, "quick_erase": True})])
def test_a_bootstrapper_is_told_how_to_erase(args, wanted):
    deploy = types.SimpleNamespace(external=True, needs_agent=False)
    steps = delete.FLOWS[0].plan(Request(None, args, None, lambda kind: deploy))
    (release,) = [step.args for step in steps if step.name == "external.run"]
    assert release == {"kind": "deploy", "verb": "release", **wanted}


@pytest.mark.parametrize("start", [states.ACTIVE, states.AVAILABLE, states.MANAGEABLE])
def test_rebootstrap_goes_on_to_prepare_and_deploy(on, start):
    prepared(on, DESIGN, provision_state=start, instance_info={"image_os_hash_value": "old"})
    task = on.accept("destroy_nodes", site=SITE, design=DESIGN.digest,
                     args={"rebootstrap": True})
    assert on.run(task).result["successes"] == list(NAMES)
    with on.database.reader() as tx:
        kids = tasks.children(tx, task)
    assert {row.provision_state for row in on.names().values()} == {states.ACTIVE}
    verbs = [kid.action for kid in kids if kid.node == on.names()["node-001"].uuid]
    assert verbs == {states.ACTIVE: ["delete", "deploy"], states.AVAILABLE: ["deploy"],
                     states.MANAGEABLE: ["inspect", "provide", "deploy"]}[start]


def test_a_rebootstrap_that_failed_is_retried_where_it_stood(on):
    prepared(on, DESIGN, provision_state=states.ACTIVE)
    on.disturb = _failing("boot.local")
    row = run(on, "destroy_nodes", rebootstrap=True)
    assert row.state == tasks.FAILED
    on.disturb = lambda context, call: call()
    on.accept("retry", args={"task": row.uuid})
    assert on.run(row.uuid).state == tasks.SUCCEEDED
    with on.database.reader() as tx:
        kids = tasks.children(tx, row.uuid)
    assert [kid.action for kid in kids].count("delete") == len(NAMES)


def _failing(step):
    error = {"code": "LoginRefused", "message": "Wrong password.", "remedy": "",
             "where": {}}

    def disturb(context, call):
        return Failed(error) if context.step.name == step else call()
    return disturb
