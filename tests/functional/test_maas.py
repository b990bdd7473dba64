"""A site on a simulated MAAS region, by one process on SQLite, from documents to machines."""

import contextlib

from provisioner.simulator.maas import design
from tests import deployment, maas

_ACTIONS = ("verify_site", "prepare_site", "prepare_nodes", "deploy_nodes")


@contextlib.contextmanager
def _site(tmp_path, port, nodes, *args):
    """A region, the process, its client, and the digest of the design."""
    subnets = [word for subnet in design.SUBNETS for word in ("--subnet", subnet)]
    config = deployment.write_config(tmp_path / "standalone.conf", {
        "conductor": {"agent_poll": 0.3, "power_poll": 0.2, "sweep_interval": 0.2,
                      "enabled_hardware_types": "maas,ipmi"}})
    command = deployment.python(
        "provisioner_standalone", "--config-file", str(config), "--state-dir",
        str(tmp_path / "state"), "--listen-port", str(port))
    with maas.process(nodes, tmp_path, *subnets, *args) as region:
        with deployment.process(command, tmp_path / "standalone.log"):
            client = deployment.Client(f"http://127.0.0.1:{port}")
            text = design.design({"url": region.url, "api_key": region.api_key}, region.nodes)
            yield region, client, client.create_design(text)


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
