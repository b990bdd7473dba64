"""Switch ports along the life of a node: VLANs from the design, set and read back on a switch."""

import pytest
import yaml

from provisioner import states
from provisioner.db import designs, nodes, ports, tasks
from provisioner.drivers.clients.switch import SwitchPool
from provisioner.simulator.switch import Switch
from provisioner.site import documents
from provisioner.site.validate import validate
from provisioner_conductor import access_vlans
from tests.cluster_site import SITE, prepared, small_site

NAMES = ("node-001", "node-002")
PXE = "metadata: {schema: metadata/Document/v1, name: pxe}\ndata:\n  cidr: 10.77.0.0/24\n"
MGMT = "metadata: {schema: metadata/Document/v1, name: mgmt}\ndata:\n  cidr: 10.77.1.0/24\n"


def labelled(pxe, mgmt=""):
    """The example, with labels on its networks."""
    text = small_site(NAMES).documents.replace(PXE, f"{PXE}  labels: {{{pxe}}}\n").replace(
        MGMT, f"{MGMT}  labels: {{{mgmt}}}\n")
    design = validate(documents.load(text, "design"))
    assert design.valid, design.findings
    return designs.NewDesign(design.digest, text, "design"), design.site


def vlans(*labels):
    _, site = labelled(*labels)
    return access_vlans.settings(site, site.node("node-001"))


def test_vlans_of_a_design():
    assert vlans('access_vlan: "20"', 'access_vlan: "10", provisioning: "yes"') == {
        "switch_provisioning_vlan": 10, "switch_production_vlan": 20}
    assert vlans('access_vlan: "20"') == {
        "switch_provisioning_vlan": 20, "switch_production_vlan": 20}
    assert vlans('other: "20"') == vlans('access_vlan: "x"') == vlans('access_vlan: "0"') == {}


@pytest.fixture
def switch(on, tmp_path):
    made = Switch(["Gi1/0/1", "Gi1/0/2"])
    file, hosts = tmp_path / "switches.yaml", tmp_path / "known_hosts"
    hosts.write_text(made.known_hosts())
    file.touch(0o600)
    file.write_text(yaml.safe_dump({"tor1": {
        "address": "127.0.0.1", "port": made.port, "username": "admin", "password": "password",
        "enable_password": "password", "known_hosts": str(hosts)}}))
    pool = on.live()[0].hardware.pools["switch"] = SwitchPool(str(file))
    yield made
    pool.close()
    made.close()


@pytest.fixture
def site(on, switch):
    """Two machines on two ports of the switch, still in VLAN 1."""
    design, _ = labelled('access_vlan: "20"', 'access_vlan: "10", provisioning: "yes"')
    prepared(on, design, provision_state=states.AVAILABLE)
    with on.database.writer() as tx:
        for number, name in enumerate(NAMES, 1):
            row = nodes.get(tx, name)
            port = ports.of_node(tx, row.uuid)[0]
            tx.execute(ports.ports.update().where(ports.ports.c.uuid == port.uuid).values(
                local_link_connection={"switch_info": "tor1", "port_id": f"Gi1/0/{number}"}))
    return design


def run(on, design, action):
    return on.run(on.accept(action, site=SITE, design=design.digest))


def test_ports_follow_the_life_of_the_machine(on, switch, site):
    rows = on.names()
    assert {row.network_interface for row in rows.values()} == {"switch"}
    assert rows["node-001"].driver_info["switch_production_vlan"] == 20
    assert run(on, site, "deploy_nodes").state == tasks.SUCCEEDED
    assert [port.vlan for port in switch.ports.values()] == [20, 20]
    assert run(on, site, "destroy_nodes").state == tasks.SUCCEEDED
    assert [port.vlan for port in switch.ports.values()] == [10, 10]
    assert switch.sessions == 1


def test_a_switch_that_does_not_do_it_is_named(on, switch, site):
    switch.ignores = True
    on.conf.set_override("power_poll", 20.0, "conductor")
    try:
        row = run(on, site, "deploy_nodes")
    finally:
        on.conf.clear_override("power_poll", "conductor")
    assert row.state == tasks.FAILED
    assert "do not show mode production. Check the switch." in row.error["message"]


def test_a_vlan_that_the_switch_lacks_is_named(on, switch, site):
    switch.vlans.discard(20)
    row = run(on, site, "deploy_nodes")
    assert row.state == tasks.FAILED
    assert "switchport access vlan 20" in row.error["message"]
    assert {node.provision_state for node in on.names().values()} == {states.DEPLOY_FAILED}
