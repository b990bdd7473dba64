"""A node's whole life, asked for by python-ironicclient, worked on by a real conductor."""

import pytest
from ironicclient import client as ironic

from provisioner_standalone.main import Standalone, configure

MAC = "52:54:00:aa:00:01"
#: quick machines need quick looks
INTERVALS = {"sweep_interval": 0.1, "power_poll": 0.1, "agent_poll": 0.1}


@pytest.fixture
def client(tmp_path):
    conf = configure(["--state-dir", str(tmp_path), "--listen-port", "0"])
    for name, seconds in INTERVALS.items():
        conf.set_override(name, seconds, "conductor")
    standalone = Standalone(conf)
    standalone.start()
    try:
        made = ironic.get_client(1, endpoint=f"http://127.0.0.1:{standalone.port}",
                                 os_ironic_api_version="latest")
        made.negotiate_api_version()
        yield made
    finally:
        standalone.stop()


def bring(client, verb, state):
    client.node.set_provision_state("n1", verb)
    client.node.wait_for_provision_state("n1", state, timeout=60, poll_interval=0.1)


def test_create_manage_inspect_provide_deploy_undeploy_delete(client, eventually):
    node = client.node.create(driver="fake-hardware", name="n1")
    client.port.create(node_uuid=node.uuid, address=MAC)
    bring(client, "manage", "manageable")
    bring(client, "inspect", "manageable")
    bring(client, "provide", "available")
    bring(client, "active", "active")
    assert client.node.states("n1").power_state == "power on"
    client.node.set_power_state("n1", "off")
    eventually(lambda: client.node.states("n1").power_state == "power off", 30)
    bring(client, "rebuild", "active")
    bring(client, "deleted", "available")
    events = [entry["event"] for entry in client.node.get_history_list("n1")]
    assert "Task deploy accepted" in events
    client.node.delete("n1")
    assert client.node.list() == [] and client.port.list() == []
