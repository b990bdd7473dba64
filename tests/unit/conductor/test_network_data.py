"""Networking on the config drive: links by MAC address, VLANs, addresses, routes."""

import pytest

from provisioner.site import documents
from provisioner.site.validate import validate
from provisioner_conductor.network_data import build
from tests.cluster_site import small_site

ROUTE = "subnet: 0.0.0.0/0, gateway: 10.77.1.1"
INVENTORY = {"interfaces": [
    {"name": "eth0", "mac_address": "52:54:00:77:00:01", "pci_address": "0000:00:03.0"},
    {"name": "eth1", "mac_address": "52:54:00:77:01:01", "pci_address": "0000:00:04.0"},
    {"name": "eth2", "mac_address": "52:54:00:77:02:01", "pci_address": "0000:00:05.0"}]}


def told(inventory=INVENTORY, **replaced):
    text = small_site(("node-001",)).documents
    for old, new in replaced.values():
        assert old in text
        text = text.replace(old, new)
    site = validate(documents.load(text, "design")).site
    return build(site, site.node("node-001"), inventory)


@pytest.fixture(scope="module")
def example():
    return told().document


def by_id(document, part="links"):
    return {entry["id"]: entry for entry in document[part]}


def test_a_plain_interface_and_a_bond_with_vlans(example):
    links = by_id(example)
    assert list(links) == ["pxe", "bond0-0", "bond0-1", "bond0", "bond0.101", "bond0.102"]
    assert links["pxe"] == {"id": "pxe", "type": "phy", "mtu": 1500,
                            "ethernet_mac_address": "52:54:00:77:00:01"}
    assert links["bond0"] == {
        "id": "bond0", "type": "bond", "bond_links": ["bond0-0", "bond0-1"], "mtu": 9000,
        "ethernet_mac_address": "52:54:00:77:01:01", "bond_mode": "802.3ad", "bond_miimon": 100,
        "bond_updelay": 200, "bond_downdelay": 200, "bond_xmit_hash_policy": "layer3+4",
        "bond_lacp_rate": "fast"}
    assert links["bond0.101"] == {
        "id": "bond0.101", "type": "vlan", "vlan_link": "bond0", "vlan_id": 101, "mtu": 1500,
        "vlan_mac_address": "52:54:00:77:01:01"}
    assert links["bond0.102"]["mtu"] == 9000


def test_addresses_routes_and_name_servers(example):
    networks = by_id(example, "networks")
    assert networks["pxe"] == {"id": "pxe", "network_id": "pxe", "link": "pxe",
                               "type": "ipv4_dhcp"}
    assert networks["mgmt"] == {
        "id": "mgmt", "network_id": "mgmt", "link": "bond0.101", "type": "ipv4",
        "ip_address": "10.77.1.11", "netmask": "255.255.255.0",
        "routes": [{"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "10.77.1.1"}]}
    assert networks["storage"]["routes"] == []
    assert "oob" not in networks
    assert [service["address"] for service in example["services"]] == [
        "10.77.0.1", "10.77.1.1", "10.77.1.2"]


def test_only_the_primary_network_has_the_default_route():
    document = told(primary=("primary_network: mgmt", "primary_network: storage")).document
    assert by_id(document, "networks")["mgmt"]["routes"] == []


def test_links_that_are_left_alone():
    marked = ("name: data}\ndata:\n", "name: data}\ndata:\n  labels: {noconfig: enabled}\n")
    assert list(by_id(told(data=marked).document)) == ["pxe"]


def test_other_bonds_have_no_options_of_lacp():
    mode = ("mode: 802.3ad\n    hash: layer3+4\n    peer_rate: fast", "mode: active-backup")
    bond = by_id(told(mode=mode).document)["bond0"]
    assert bond["bond_mode"] == "active-backup"
    assert not {"bond_xmit_hash_policy", "bond_lacp_rate"} & set(bond)


def test_names_of_the_system_are_found_too():
    slaves = ("slaves: [boot_nic]", "slaves: [eth2]")
    assert by_id(told(slaves=slaves).document)["pxe"]["ethernet_mac_address"] == (
        "52:54:00:77:02:01")


def test_the_boot_interface_needs_no_inventory_but_the_others_do():
    found = told({})
    assert (found.document, found.missing) == (None, ["data_nic1", "data_nic2"])
