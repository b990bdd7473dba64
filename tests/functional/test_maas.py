"""A site on a simulated MAAS region, by one process on SQLite, from documents to machines."""

import contextlib

from provisioner.simulator.maas import design
from tests import deployment, maas

_ACTIONS = ("verify_site", "prepare_site", "prepare_nodes", "deploy_nodes")


def _region(tmp_path, nodes, *args):
    subnets = [word for subnet in design.SUBNETS for word in ("--subnet", subnet)]
    return maas.process(nodes, tmp_path, *subnets, *args)


def _standalone(tmp_path, port):
    config = deployment.write_config(tmp_path / "standalone.conf", {
        # A power sync that meets the revoked key puts nodes into maintenance before a verb does.
        "conductor": {"agent_poll": 0.3, "power_poll": 0.2, "sweep_interval": 0.2,
                      "power_sync_interval": 0,
                      "enabled_hardware_types": "maas,ipmi"}})
    return deployment.process(deployment.python(
        "provisioner_standalone", "--config-file", str(config), "--state-dir",
        str(tmp_path / "state"), "--listen-port", str(port)), tmp_path / "standalone.log")


def _create(client, region):
    return client.create_design(design.design(
        {"url": region.url, "api_key": region.api_key}, region.nodes))


@contextlib.contextmanager
def _site(tmp_path, port, nodes, *args):
    """A region, the client of a process, and the digest of the design."""
    with _region(tmp_path, nodes, *args) as region, _standalone(tmp_path, port):
        client = deployment.Client(f"http://127.0.0.1:{port}")
        yield region, client, _create(client, region)


def _verb(client, name, verb, state, eventually):
    answer = client.call("PUT", f"/v1/nodes/{name}/states/provision", json=verb, headers={
        "X-OpenStack-Ironic-API-Version": "1.78"})
    assert answer.status_code == 202, answer.text
    eventually(lambda: client.nodes()[name]["provision_state"] == state, 30)


def test_a_site_is_deployed_and_destroyed(tmp_path, free_port, eventually):
    with _site(tmp_path, free_port(), 3) as (region, client, digest):
        for action in _ACTIONS:
            client.run(action, digest)
        for machine in region.nodes:
            record = region.machine(machine["name"])["record"]
            assert record["status_name"] == "Deployed"
            assert (record["distro_series"], record["hwe_kernel"]) == ("jammy", "ga-22.04")
            assert record["workload_annotations"]["role"] == "test"
            built = {one["name"]: one for one in record["interface_set"]}
            assert built["bond0"]["parents"] == ["eth1", "eth2"]
            assert built["bond0.101"]["links"][0]["mode"] == "static"
            mounts = {one["filesystem"]["mount_point"] for one in record["blockdevice_set"]
                      if one["filesystem"]}
            assert {"/", "/var/log"} <= mounts
        data = client.call("GET", f"/api/v1.0/nodes/{region.nodes[0]['name']}/builddata").json()
        assert {"lshw", "lldp"} <= {entry["generator"] for entry in data}
        again = client.run("deploy_nodes", digest)
        assert {entry["message"] for entry in again["result"]["messages"]} == {
            "already deployed"}
        client.run("destroy_nodes", digest)
        assert {region.status(machine["name"]) for machine in region.nodes} == {"Ready"}
        assert {node["provision_state"] for node in client.nodes().values()} == {"available"}


def test_rescue_rebuild_and_erase_by_verbs(tmp_path, free_port, eventually):
    with _site(tmp_path, free_port(), 1) as (region, client, digest):
        for action in _ACTIONS:
            client.run(action, digest)
        name = region.nodes[0]["name"]
        _verb(client, name, {"target": "rescue", "rescue_password": "secret-word"}, "rescue",
              eventually)
        assert region.status(name) == "Rescue mode"
        _verb(client, name, {"target": "unrescue"}, "active", eventually)
        assert region.status(name) == "Deployed"
        _verb(client, name, {"target": "rebuild"}, "active", eventually)
        _verb(client, name, {"target": "deleted"}, "available", eventually)
        _verb(client, name, {"target": "manage"}, "manageable", eventually)
        _verb(client, name, {"target": "clean", "clean_steps": [
            {"interface": "deploy", "step": "erase_devices"}]}, "manageable", eventually)
        assert region.status(name) == "Ready"


def test_killed_while_maas_deploys_the_work_goes_on(tmp_path, free_port, eventually):
    port = free_port()
    with _region(tmp_path, 2, "--pace", "deploying=4") as region:
        client = deployment.Client(f"http://127.0.0.1:{port}")
        with _standalone(tmp_path, port) as first:
            digest = _create(client, region)
            for action in _ACTIONS[:3]:
                client.run(action, digest)
            task = client.start("deploy_nodes", digest, "deploy")
            names = [machine["name"] for machine in region.nodes]
            eventually(lambda: region.status(names[0]) == "Deploying", 30)
            first.kill()
        with _standalone(tmp_path, port) as second:
            ended = client.wait(task, 60)
            assert ended["state"] == "succeeded", (ended["error"], second.tail())
        assert {region.status(name) for name in names} == {"Deployed"}
        deploys = [count for what, count in region.requests().items() if what.endswith(" deploy")]
        assert deploys == [2]


def _refused(task, name):
    (message,) = [entry["message"] for entry in task["result"]["messages"]
                  if entry["context"] == name and entry["error"]]
    return message


def test_failures_are_told_and_mended_by_a_retry(tmp_path, free_port, eventually):
    """Each machine fails in another way; what was well goes on; a retry runs only those."""
    with _site(tmp_path, free_port(), 4) as (region, client, digest):
        for action in _ACTIONS[:3]:
            client.run(action, digest)
        good, broken, vanished, locked = [machine["name"] for machine in region.nodes]
        region.control("PATCH", f"/machines/{broken}/faults", {"fail_deployment": True})
        region.control("DELETE", f"/machines/{vanished}")
        region.control("POST", f"/machines/{locked}/lock", {"locked": True})
        task = client.wait(client.start("deploy_nodes", digest, "deploy"), 60)
        assert task["result"]["status"] == "partial_success"
        assert task["result"]["successes"] == [good]
        assert "Failed deployment" in _refused(task, broken)
        assert "external.run" in _refused(task, broken)
        assert "MAAS has no machine" in _refused(task, vanished)
        assert "unlock" in _refused(task, locked)
        region.control("PATCH", f"/machines/{broken}/faults", {"fail_deployment": False})
        region.control("POST", f"/machines/{locked}/lock", {"locked": False})
        retried = client.call("POST", f"/api/v1.1/tasks/{task['uuid']}/retry", json={})
        assert retried.status_code == 202, retried.text
        eventually(lambda: client.task(task["uuid"])["state"] == "failed"
                   and client.task(task["uuid"])["result"] is not None, 60)
        task = client.task(task["uuid"])
        assert task["result"]["failures"] == [vanished]
        assert {region.status(name) for name in (good, broken, locked)} == {"Deployed"}


def test_outages_of_the_region_are_waited_out(tmp_path, free_port, eventually):
    with _site(tmp_path, free_port(), 2, "--pace", "deploying=2") as (region, client, digest):
        for action in _ACTIONS[:3]:
            client.run(action, digest)
        name = region.nodes[0]["name"]
        region.control("PATCH", "/faults", {"lost_races": 2, "lost_answers": 2})
        task = client.start("deploy_nodes", digest, "deploy")
        eventually(lambda: region.status(name) == "Deploying", 60)
        region.control("PATCH", "/faults", {"status": 503})
        eventually(lambda: region.requests().get("GET machines/", 0) > 10, 30)
        region.control("PATCH", "/faults", {"status": 0})
        assert client.wait(task, 60)["state"] == "succeeded"


def test_a_revoked_key_is_named_and_nothing_is_stuck(tmp_path, free_port):
    with _site(tmp_path, free_port(), 1) as (region, client, digest):
        for action in _ACTIONS[:3]:
            client.run(action, digest)
        region.control("PATCH", "/faults", {"token_revoked": True})
        name = region.nodes[0]["name"]
        task = client.wait(client.start("deploy_nodes", digest, "deploy"), 60)
        assert "refused our API key" in _refused(task, name)
        assert client.nodes()[name]["provision_state"] == "deploy failed"
        region.control("PATCH", "/faults", {"token_revoked": False})
        client.run("deploy_nodes", digest)
        assert region.status(name) == "Deployed"


def test_a_missing_network_is_named_before_anything_is_installed(tmp_path, free_port):
    with maas.process(1, tmp_path, "--subnet", design.SUBNETS[0]) as region:
        port = free_port()
        with _standalone(tmp_path, port):
            client = deployment.Client(f"http://127.0.0.1:{port}")
            digest = _create(client, region)
            for action in _ACTIONS[:3]:
                client.run(action, digest)
            task = client.wait(client.start("deploy_nodes", digest, "deploy"), 60)
            name = region.nodes[0]["name"]
            assert "no subnet 10.65.0.0/16" in _refused(task, name)
            assert region.status(name) == "Allocated"
