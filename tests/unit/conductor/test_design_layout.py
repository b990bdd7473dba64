"""From a design's node to the layout that a bootstrapper sets up."""

import json

import pytest

from provisioner.drivers.fake import FakeHardware
from provisioner.drivers.maas import MaasHardware
from provisioner.simulator.maas import design
from provisioner.site import documents
from provisioner.site.validate import validate
from provisioner_conductor import design_layout, design_nodes, progress
from tests import source_tree

_REGION = {"url": "http://region:5240/MAAS", "api_key": "a:b:c"}
_MACHINE = {"name": "node-001", "mac": "52:54:00:88:00:01", "bmc": "10.88.0.1"}


@pytest.fixture(scope="module")
def site():
    found = validate(documents.load(design.design(_REGION, [_MACHINE]), "design"))
    assert not [one for one in found.findings if one.severity == "error"]
    return found.site


@pytest.fixture
def layout(site):
    return design_layout.layout(site, site.node("node-001"))


def test_it_is_plain_data(layout):
    assert json.loads(json.dumps(layout)) == layout


def test_links_become_devices_with_their_networks(layout):
    pxe, bond = layout["network"]
    assert pxe == {"name": "pxe", "kind": "physical", "mtu": 1500,
                   "slaves": [{"businfo": "pci@0000:00:03.0"}], "networks": [
                       {"cidr": "10.64.0.0/16", "tagged": False, "mode": "static",
                        "address": "10.64.1.1", "mtu": 1500, "gateway": True}]}
    assert (bond["kind"], bond["bond"]["mode"], len(bond["slaves"])) == ("bond", "802.3ad", 2)
    assert bond["networks"] == [{"cidr": "10.65.0.0/16", "tagged": True, "mode": "static",
                                 "address": "10.65.1.1", "mtu": 1500}]


def test_disks_and_volume_groups_keep_their_sizes(layout):
    (disk,) = layout["storage"]["devices"]
    assert disk["device"] == {"businfo": "scsi@2:0.0.0"} and disk["boot"]
    assert [part["size"] for part in disk["partitions"]] == [
        {"bytes": 10**9, "percent": None, "at_least": False},
        {"bytes": 20 * 10**9, "percent": None, "at_least": True}]
    (group,) = layout["storage"]["volume_groups"]
    assert [volume["filesystem"]["mountpoint"] for volume in group["logical_volumes"]] == [
        "/", "/var/log"]


def test_platform_has_kernel_tags_and_labels(layout):
    assert layout["platform"] == {
        "image": "jammy", "kernel": "ga-22.04", "kernel_params": "console=ttyS0",
        "tags": ["simulated"], "annotations": {"role": "test"}}


def test_links_that_nobody_configures_are_left_out():
    text = design.design(_REGION, [_MACHINE]).replace(
        "    mode: 802.1q\n", "    mode: 802.1q\n  labels: {noconfig: 'yes'}\n")
    site = validate(documents.load(text, "design")).site
    found = design_layout.network(site, site.node("node-001"))
    assert [one["name"] for one in found] == ["pxe"]


def test_only_bootstrappers_get_a_layout_and_images_by_name(site):
    node = site.node("node-001")
    assert design_layout.layout_for(FakeHardware, site, node) is None
    assert design_layout.layout_for(MaasHardware, site, node) is not None
    assert progress.image_for(MaasHardware, site, node) == progress.OwnImage("jammy")
    assert progress.image_for(FakeHardware, site, node) is None


def test_settings_name_the_region_and_the_bmc_that_it_uses(site):
    node = site.node("node-001")
    info = design_nodes.driver_info(node, None)
    assert info == {"maas_url": _REGION["url"], "maas_api_key": "a:b:c",
                    "maas_power_address": "10.88.0.1", "maas_power_user": "maas",
                    "maas_power_pass": "maas"}


@pytest.mark.parametrize("name", ["small", "lvm", "two-racks"])
def test_every_example_has_a_layout_for_each_node(name):
    path = source_tree.ROOT / f"etc/provisioner/examples/{name}/site.yaml"
    site = validate(documents.load(path.read_text(), str(path))).site
    for node in site.nodes.values():
        found = design_layout.layout(site, node)
        assert found["network"] and any(one["boot"] for one in found["storage"]["devices"])
