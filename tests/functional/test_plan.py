"""The fourth proof: a plan applied leaves an empty plan; one that is overtaken is refused.

One real process on SQLite, real commands, simulated machines.
"""

import io
import json
import re

import pytest

from provisioner.cli import main
from tests import deployment, simulated

NODES = 2


@pytest.fixture
def site(tmp_path, free_port):
    """(fleet, client, command line, documents) of an empty site."""
    port = free_port()
    config = deployment.write_config(tmp_path / "standalone.conf", {
        "conductor": {"agent_poll": 0.2, "power_poll": 0.1, "sweep_interval": 0.2,
                      "power_sync_interval": 0},
        "api": {"ramdisk_heartbeat_timeout": 5}})
    url = f"http://127.0.0.1:{port}"

    def run(*words):
        """(exit status, output) of a command."""
        stdout = io.StringIO()
        return main.Shell(stdout=stdout).run(["--url", url, *words]), stdout.getvalue()
    command = deployment.python("provisioner_standalone", "--config-file", str(config),
                                "--state-dir", str(tmp_path / "state"), "--listen-port", str(port))
    boot = ("--boot-url", f"{url}/boot/{{mac}}.ipxe")
    with simulated.fleet(NODES, tmp_path, args=boot) as fleet, \
            deployment.process(command, tmp_path / "log"):
        yield fleet, deployment.Client(url), run, deployment.site_of(fleet)


def saved(run, *words) -> tuple[int, dict]:
    """Make a plan and keep it: its exit status, and the plan."""
    status, out = run("plan", "--site", "test", "--save", "-f", "json", *words)
    return status, json.loads(out)


def applied(run, body: dict) -> None:
    status, out = run("plan", "apply", body["uuid"], "--watch")
    assert status == 0, out


def test_plans_from_nothing_to_a_new_image(site, capsys):
    fleet, client, run, (text, digest) = site
    design = client.create_design(text)
    status, body = saved(run, "--design", design)
    assert (status, body["totals"]["create"]) == (2, NODES)
    assert "password" not in re.sub(r"ipmi_password|oob/credential", "", json.dumps(body))
    applied(run, body)
    deployment.assert_deployed(fleet, client, digest)
    assert run("plan", "--site", "test")[0] == 0

    # Somebody else changes something between plan and apply.
    status, stale = saved(run, "--action", "destroy_nodes")
    assert (status, stale["totals"]["destroys_data"]) == (2, NODES)
    name = fleet.nodes[0]["name"]
    client.call("PUT", f"/v1/nodes/{name}/states/power", json={"target": "power off"},
                headers={"X-OpenStack-Ironic-API-Version": "1.78"})
    fleet.wait(name, power="off")
    wait_idle(client)
    before = fleet.log(changes=True)
    capsys.readouterr()
    assert run("plan", "apply", stale["uuid"])[0] == 1
    assert f"node {name}: power_state power on -> power off" in capsys.readouterr().err
    assert fleet.log(changes=True) == before
    status, out = run("plan", "--site", "test")
    assert status == 2 and "? power_state: is power off, should be power on" in out
    client.call("PUT", f"/v1/nodes/{name}/states/power", json={"target": "power on"},
                headers={"X-OpenStack-Ironic-API-Version": "1.78"})
    fleet.wait(name, power="on")
    wait_idle(client)

    # Another image is on the machines than the design names: that much is destroyed, and told.
    replace(fleet, client, run, digest)
    assert run("plan", "--site", "test")[0] == 0


def replace(fleet, client, run, digest: str) -> None:
    """A node says that it has another image: it is deleted and deployed again, and only it."""
    name = fleet.nodes[0]["name"]
    patch = [{"op": "replace", "path": "/instance_info/image_os_hash_value", "value": "e" * 64}]
    answer = client.call("PATCH", f"/v1/nodes/{name}", json=patch,
                         headers={"X-OpenStack-Ironic-API-Version": "1.78"})
    assert answer.status_code == 200, answer.text
    status, body = saved(run)
    node, = body["nodes"]
    assert (status, node["node"], node["change"]) == (2, name, "-/+")
    assert [verb["verb"] for verb in node["verbs"]] == ["delete", "deploy"]
    applied(run, body)
    deployment.assert_deployed(fleet, client, digest)


def wait_idle(client) -> None:
    """Until no node has a task."""
    for task in client.call("GET", "/api/v1.1/tasks?all=true").json()["tasks"]:
        client.wait(task["uuid"], 30)
