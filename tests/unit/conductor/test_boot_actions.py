"""Boot actions along a deployment: the key on its config drive, reports, and their deadline."""

import base64
import gzip
import hashlib
import io
import json
import subprocess

import pycdlib
import pytest
import sqlalchemy as sa
import yaml

from provisioner import states
from provisioner.db import agents, boot_actions, models, nodes, tasks
from provisioner_conductor import cloud_config, config_drive
from provisioner_conductor.steps.boot_actions import ulid
from tests.boot_actions_site import ACTIONS, NODE, site_with_actions
from tests.cluster_site import SITE, prepared

RAMDISK = {"deploy_interface": "direct", "boot_interface": "ipxe"}
DESIGN = site_with_actions()


@pytest.fixture
def site(on):
    prepared(on, DESIGN, provision_state=states.AVAILABLE, **RAMDISK)
    return on


@pytest.fixture
def drives(site):
    """Config drives as agents got them, by node name."""
    found = {}

    def watch(context, call):
        outcome = call()
        if context.step.name == "agent.image" and context.machine is not None:
            found[context.node.name] = context.machine.view.instance_info["configdrive"]
        return outcome
    site.disturb = watch
    return found


def deploy(on, action="deploy_nodes"):
    return on.accept(action, site=SITE, design=DESIGN.digest)


def until_reports(on, task):
    """Run until the node waits for its boot actions; its row of them that signals."""
    for _ in range(4000):
        with on.database.reader() as tx:
            row = nodes.get(tx, NODE)
            waiting = tasks.get(tx, row.task) if row.task else None
            if waiting is not None and waiting.wait_for == "boot actions":
                return next(row for row in boot_actions.newest(tx, row.uuid)
                            if row.name == "join")
        assert on.task(task).state not in tasks.ENDED, on.task(task).error
        on.step()
    raise AssertionError("nobody waits")


def report(on, action_id, status, *details):
    with on.database.writer() as tx:
        boot_actions.report(tx, action_id, status, list(details))


def read(drive):
    """Files of a config drive by path."""
    iso = pycdlib.PyCdlib()
    iso.open_fp(io.BytesIO(gzip.decompress(base64.b64decode(drive))))
    found = {}
    for name in iso.list_children(joliet_path="/openstack/latest"):
        if name is not None and name.is_file():
            path = f"/openstack/latest/{name.file_identifier().decode('utf-16-be')}"
            out = io.BytesIO()
            iso.get_file_from_iso_fp(out, joliet_path=path)
            found[path.rpartition("/")[2]] = out.getvalue().decode()
    label = iso.pvd.volume_identifier.decode().strip()
    iso.close()
    return label, found


def test_a_deployment_waits_for_the_actions_that_signal(site):
    task = deploy(site)
    action = until_reports(site, task)
    assert site.names()["node-002"].provision_state == states.ACTIVE
    assert site.get(NODE).provision_state == states.ACTIVE, "the machine itself is deployed"
    report(site, action.action_id, None, {"message": "halfway", "error": False, "percent": 50})
    report(site, action.action_id, "success", {"message": "joined", "error": False})
    row = site.run(task)
    assert (row.state, row.result["status"]) == (tasks.SUCCEEDED, "success")
    texts = [entry["message"] for entry in row.result["messages"]
             if entry["context"] == action.action_id]
    assert texts == ["halfway", "joined", "Boot action join: success"]


def test_a_failed_action_fails_the_node_and_is_waited_for_again_without_a_new_deployment(site):
    task = deploy(site)
    action = until_reports(site, task)
    report(site, action.action_id, "failure", {"message": "no token", "error": True})
    row = site.run(task)
    assert (row.state, row.result["failures"]) == (tasks.FAILED, [NODE])
    assert "no token" in row.error["message"]
    assert site.get(NODE).provision_state == states.ACTIVE
    with site.database.writer() as tx:
        tx.execute(sa.update(models.boot_actions).where(
            models.boot_actions.c.action_id == action.action_id).values(status="success"))
    written = len(site.world.ran)
    site.accept("retry", args={"task": task})
    assert site.run(task).state == tasks.SUCCEEDED
    assert len(site.world.ran) == written


def test_who_never_reports_is_late(site):
    row = site.run(deploy(site))
    assert (row.state, row.result["failures"]) == (tasks.FAILED, [NODE])
    assert "Boot actions join have not reported within 900 s" in row.error["message"]


def test_bootaction_report_asks_again_later(site):
    task = deploy(site)
    action = until_reports(site, task)
    report(site, action.action_id, "success")
    site.run(task)
    row = site.run(deploy(site, "bootaction_report"))
    assert (row.state, row.result["successes"]) == (tasks.SUCCEEDED, [NODE, "node-002"])
    assert "Boot action motd: unreported" in [
        entry["message"] for entry in row.result["messages"]]


def test_the_key_is_on_the_drive_and_nowhere_else(site, drives):
    task = deploy(site)
    until_reports(site, task)
    label, files = read(drives[NODE])
    assert label == "config-2"
    assert json.loads(files["meta_data.json"])["hostname"] == "node-001.small.example"
    config = yaml.safe_load(files["user_data"])
    assert files["user_data"].startswith("#cloud-config\n")
    assert config["packages"] == ["curl", ["jq", "1.6-2"]]
    header, script = config["write_files"]
    assert header["permissions"] == "0600"
    key = header["content"].split(": ")[1].strip()
    assert "/bootactions/nodes/node-001/$1" in script["content"]
    with site.database.reader() as tx:
        row = boot_actions.key_of(tx, NODE)
        assert row.key_hash == hashlib.sha256(bytes.fromhex(key)).hexdigest()
        assert boot_actions.admits(tx, row, bytes.fromhex(key))
        text = "\n".join(str(found) for table in models.metadata.sorted_tables
                         for found in tx.all(sa.select(table)))
    assert key not in text
    assert "configdrive" not in site.get(NODE).instance_info


def test_a_key_ends_with_the_instance(site):
    task = deploy(site)
    report(site, until_reports(site, task).action_id, "success")
    site.run(task)
    site.run(site.accept("destroy_nodes", site=SITE, design=DESIGN.digest))
    with site.database.reader() as tx:
        assert boot_actions.key_of(tx, NODE) is None


def test_what_cannot_be_rendered_fails_before_a_disk_is_touched(on):
    design = site_with_actions(ACTIONS.replace("action.action_key", "action.nothing"))
    prepared(on, design, provision_state=states.AVAILABLE, **RAMDISK)
    row = on.run(on.accept("deploy_nodes", site=SITE, design=design.digest))
    assert row.result["failures"] == [NODE]
    assert "/etc/join.conf of boot action join cannot be rendered" in row.error["message"]
    assert NODE not in {site_name for site_name, row in on.names().items()
                        if row.uuid in {node for node, _ in on.world.ran}}


def test_a_drive_brings_the_network_once_the_inventory_tells_the_interfaces(site, drives):
    inventory = {"interfaces": [
        {"name": f"eth{n}", "mac_address": f"52:54:00:77:0{n}:01",
         "pci_address": f"0000:00:0{n}.0"} for n in (3, 4, 5)]}
    with site.database.writer() as tx:
        agents.put_inventory(tx, site.names()[NODE].uuid, inventory, {})
    until_reports(site, deploy(site))
    network = json.loads(read(drives[NODE])[1]["network_data.json"])
    assert {entry["id"] for entry in network["networks"]} == {"pxe", "mgmt", "storage"}
    assert "network_data.json" not in read(drives["node-002"])[1]


def test_a_drive_may_bring_network_data():
    _, files = read(config_drive.build({"uuid": "u"}, "x", {"links": []}))
    assert files == {"meta_data.json": '{"uuid": "u"}', "user_data": "x",
                     "network_data.json": '{"links": []}'}


def test_the_script_is_one_that_a_shell_reads():
    config = yaml.safe_load(cloud_config.build("http://h/nodes/n", "00", {}, ["ssh-rsa A"]))
    script = config["write_files"][1]["content"]
    checked = subprocess.run(["sh", "-n"], input=script, text=True, capture_output=True)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "00" not in script
    assert config["ssh_authorized_keys"] == ["ssh-rsa A"]
    assert "packages" not in config


def test_ulids_sort_by_time_and_differ():
    first, second = ulid(1), ulid(2)
    assert len(first) == len(second) == 26
    assert first < second
    assert ulid(1) != first
    assert ulid((1 << 48) - 1).startswith("7ZZZZZZZZZ")
