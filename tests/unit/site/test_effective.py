"""Inheritance as intended, references, route domains, origins."""

import pytest

from provisioner.exceptions import NotFound
from provisioner.site.documents import load
from provisioner.site.effective import MAX_DOMAIN, effective
from provisioner.site.model import DeviceAlias
from tests import sites

FILE = "site.yaml"


def design(*documents):
    return effective(load(sites.dump(list(documents)), FILE))


def profile(name, **data):
    return sites.document("HostProfile", name, data)


def node(parent="base", **data):
    return sites.document("BaremetalNode", "n1", {
        "host_profile": parent, "addressing": [{"network": "x", "address": "dhcp"}], **data})


def merged(parent, child):
    """The effective node of a child's body over a parent's."""
    found = design(profile("base", **parent), node(**child))
    assert found.findings == ()
    return found.site.node("n1")


def devices(host):
    return {device.name: device for device in host.storage.devices}


@pytest.mark.parametrize(("child", "expected"), [
    ({}, "a"), ({"primary_network": "b"}, "b"), ({"primary_network": "!"}, None)])
def test_scalars(child, expected):
    assert merged({"primary_network": "a"}, child).primary_network == expected


def test_minus_one_unsets_a_number():
    parent = {"interfaces": {"eth0": {"sriov": {"vf_count": 4}}}}
    (interface,) = merged(parent, {"interfaces": {"eth0": {"sriov": {"vf_count": -1}}}}).interfaces
    assert (interface.sriov, interface.vf_count) == (True, 0)


@pytest.mark.parametrize(("child", "expected"), [
    ({}, ("a", "b")), ({"tags": []}, ("a", "b")), ({"tags": ["c", "a"]}, ("c", "a", "b")),
    ({"tags": ["!a"]}, ("b",)), ({"tags": ["!a", "c", "!zz"]}, ("c", "b"))])
def test_lists(child, expected):
    assert merged({"metadata": {"tags": ["a", "b"]}}, {"metadata": child}).tags == expected


def test_dicts():
    host = merged({"metadata": {"owner_data": {"a": "1", "b": "2", "c": "3"}}},
                  {"metadata": {"owner_data": {"!a": "", "b": "9", "d": 4}}})
    assert host.owner_data == {"b": "9", "c": "3", "d": "4"}


def test_marks_without_a_parent_are_dropped():
    found = design(profile("base", metadata={"tags": ["!x", "y"], "owner_data": {"!k": "v"}},
                           primary_network="!", interfaces={"!bond0": {}}), node())
    host = found.site.node("n1")
    assert (host.tags, host.owner_data, host.primary_network, host.interfaces) \
        == (("y",), {}, None, ())


def test_oob_type_and_parameters():
    host = merged({"oob": {"type": "ipmi", "account": "a", "network": "oob"}},
                  {"oob": {"type": "redfish", "!account": "", "port": 6230}})
    assert host.oob_type == "redfish"
    assert host.oob_parameters == {"network": "oob", "port": "6230"}
    assert "oob_parameters" not in repr(host)


def test_interfaces_merge_and_keep_sriov():
    host = merged(
        {"interfaces": {"a": {"device_link": "l", "slaves": ["s1"], "networks": ["n1"],
                              "sriov": {"vf_count": 8, "trustedmode": True}},
                        "b": {"device_link": "m"}, "c": {}, "d": {}}},
        {"interfaces": {"e": {}, "a": {"networks": ["n2"]}, "!b": {}, "c": None}})
    assert [item.name for item in host.interfaces] == ["a", "d", "e"]
    first = host.interfaces[0]
    assert (first.device_link, first.slaves, first.networks) == ("l", ("s1",), ("n2", "n1"))
    assert (first.sriov, first.vf_count, first.trusted_mode) == (True, 8, True)


def test_storage_members_that_the_child_does_not_mention_stay():
    part = {"name": "p", "size": "1g"}
    host = merged(
        {"storage": {"physical_devices": {"sda": {"partitions": [part]}, "sdb": {
            "labels": {"x": "1"}, "partitions": [part, {"name": "q", "size": "2g"}]}}}},
        {"storage": {"physical_devices": {"sdb": {"partitions": [{"name": "q", "size": "3g"}]},
                                          "sdc": {"volume_group": "vg"}}}})
    assert list(devices(host)) == ["sda", "sdb", "sdc"]
    assert [(item.name, item.size) for item in devices(host)["sdb"].partitions] \
        == [("p", "1g"), ("q", "3g")]
    assert devices(host)["sdb"].labels == {"x": "1"}
    assert devices(host)["sda"].partitions[0].size == "1g"


def test_partition_fields_merge_one_by_one():
    host = merged(
        {"storage": {"physical_devices": {"sda": {"partitions": [
            {"name": "p", "size": "1g", "bootable": True, "volume_group": "vg",
             "filesystem": {"mountpoint": "/x", "fstype": "xfs", "fs_label": "l"}}]}}}},
        {"storage": {"physical_devices": {"sda": {"partitions": [
            {"name": "p", "volume_group": "!", "filesystem": {"mountpoint": "/y"}}]}}}})
    (part,) = devices(host)["sda"].partitions
    assert (part.size, part.bootable, part.volume_group) == ("1g", True, None)
    assert (part.filesystem.mountpoint, part.filesystem.fstype, part.filesystem.fs_label) \
        == ("/y", "xfs", "l")


def test_volume_groups_and_volumes_merge():
    host = merged(
        {"storage": {"volume_groups": {"a": {"vg_uuid": "u", "logical_volumes": [
            {"name": "x", "size": "1g"}, {"name": "y", "size": "1g"}]}, "b": {}}}},
        {"storage": {"volume_groups": {"a": {"logical_volumes": [
            {"name": "!x"}, {"name": "z", "size": "5%"}]}}}})
    first, second = host.storage.volume_groups
    assert (first.name, first.vg_uuid, second.name) == ("a", "u", "b")
    assert [item.name for item in first.logical_volumes] == ["y", "z"]


def test_partition_uses_and_flags_are_read():
    host = merged({"storage": {"physical_devices": {"sda": {"partitions": [
        {"name": "p", "volume_group": "vg", "bootable": True}]}}}}, {})
    assert list(host.storage.physical_volumes())[0][1] == "vg"
    assert devices(host)["sda"].partitions[0].bootable


def test_boot_mac_and_addresses_are_not_inherited():
    host = merged({"metadata": {"boot_mac": "52:54:00:00:00:01", "rack": "r"}}, {})
    assert (host.boot_mac, host.boot_macs, host.rack) == (None, (), "r")


def test_removed_and_added_again_further_down():
    found = design(profile("a", metadata={"tags": ["x", "y"]}),
                   profile("b", host_profile="a", metadata={"tags": ["!x"]}),
                   profile("c", host_profile="b", metadata={"tags": ["x"]}), node("c"))
    assert found.site.node("n1").tags == ("x", "y")
    assert found.site.host_profiles["b"].tags == ("y",)


def test_order_of_documents_does_not_matter():
    given = sites.site(4)
    one, other = design(*given), design(*given[::-1])
    assert one.site.nodes == other.site.nodes
    assert one.site.networks == other.site.networks


def test_nodes_share_what_they_inherit():
    nodes = list(design(*sites.site(3)).site.nodes.values())
    assert nodes[0].storage is nodes[1].storage is nodes[2].storage


@pytest.mark.parametrize(("documents", "said"), [
    ([node("none")], "does not exist"),
    ([profile("base", host_profile="none"), node()], "does not exist"),
    ([profile("base", host_profile="base"), node()], "inherits from itself"),
    ([profile("base", host_profile="b"), profile("b", host_profile="base"), node()],
     "inherits from itself"),
])
def test_profiles_that_cannot_be_followed(documents, said):
    found = design(*documents)
    (item,) = found.findings
    assert (item.code, item.severity) == ("PR3001", "error")
    assert said in item.message
    assert item.line > 0
    assert found.site.nodes == {}
    assert found.site.defined("BaremetalNode", "n1")


def test_a_faulty_profile_is_reported_once():
    found = design(profile("base", nonsense=1), profile("b", host_profile="base"), node("b"))
    assert [item.code for item in found.findings] == ["DD001"]


def test_a_long_chain_of_profiles():
    chain = [profile("p0", metadata={"tags": ["first"]})]
    chain += [profile(f"p{n}", host_profile=f"p{n - 1}") for n in range(1, 2000)]
    found = design(*chain[::-1], node("p1999"))
    assert found.site.node("n1").tags == ("first",)


def test_duplicate_documents_warn_and_the_first_counts():
    found = design(profile("base", primary_network="a"), profile("base", primary_network="b"),
                   node())
    (item,) = found.findings
    assert (item.code, item.severity) == ("PR0002", "warning")
    assert found.site.node("n1").primary_network == "a"


def test_route_domains():
    def network(name, cidr, **data):
        return sites.document("Network", name, {"cidr": cidr, **data})

    found = design(
        network("a", "10.0.0.0/24", routedomain="d", routes=[
            {"routedomain": "d", "gateway": "10.0.0.1", "metric": 5},
            {"routedomain": "d", "gateway": "10.0.0.2", "metric": 6}]),
        network("b", "10.0.1.0/24", routedomain="d", routes=[
            {"routedomain": "d", "gateway": "10.0.1.1"}]),
        network("c", "10.0.2.0/24", routes=[
            {"routedomain": "d", "gateway": "10.0.2.1", "metric": 0}]))
    networks = found.site.networks
    assert [(item.subnet, item.gateway, item.metric) for item in networks["a"].routes
            if item.computed] == [("10.0.1.0/24", "10.0.0.1", 5)]
    assert not [item for item in networks["b"].routes if item.computed]
    assert [item.subnet for item in networks["c"].routes if item.computed] \
        == ["10.0.0.0/24", "10.0.1.0/24"]


def test_a_route_domain_is_limited():
    networks = [sites.document("Network", f"n{n}", {"cidr": "10.0.0.0/24", "routedomain": "d"})
                for n in range(MAX_DOMAIN + 1)]
    assert design(*networks[1:]).findings == ()
    assert [item.code for item in design(*networks).findings] == ["PR2008"]


def test_what_a_conductor_needs():
    found = design(*sites.site(2)).site
    host = found.node("node-00001")
    assert host.fqdn == "node-00001.test.example"
    assert host.bmc_address == "127.80.0.3"
    assert host.address_on("mgmt") == "10.81.0.3"
    assert host.boot_mac == "52:54:00:00:00:01"
    assert host.boot_mode == "uefi"
    assert host.kernel_params == {"isolcpus": "0,1", "console": "ttyS0"}
    assert host.alias("nic1").businfo == "pci@0000:00:03.0"
    assert host.alias("eno1") is None
    assert found.image_of(host).kernel == "http://127.0.0.1:6480/kernel"
    assert found.networks["mgmt"].gateway == "10.81.0.1"
    assert found.boot_targets == {"hello": ("node-00000", "node-00001")}
    with pytest.raises(NotFound):
        found.node("none")


def test_kernel_command_line():
    host = merged({"platform": {"kernel_params": {
        "a": 1, "quiet": True, "hugepages": 4, "hugepagesz": "1G"}}}, {})
    assert host.kernel_cmdline == "hugepagesz=1G hugepages=4 a=1 quiet"


def test_origins_name_document_and_line():
    given = sites.site(1)
    found = design(*given)
    origins = found.origins.of("BaremetalNode", "node-00000")
    lines = found.documents.lines[FILE]

    def line(path):
        return origins[path].name, lines[origins[path].line - 1].strip()

    assert line("platform/image") == ("base", "image: os")
    assert line("metadata/tags/0") == ("worker", "- worker")
    assert line("metadata/tags/1") == ("base", "- test")
    assert line("metadata/owner_data/slot") == ("node-00000", "slot: u0")
    assert line("storage/physical_devices/disk1/partitions/boot/size") == ("base", "size: 1g")
    assert line("interfaces/bond0/networks/0") == ("base", "- mgmt")


def test_effective_data_is_plain():
    found = design(*sites.site(1))
    data = found.origins.data("BaremetalNode", "node-00000")
    assert data["metadata"]["tags"] == ["worker", "test"]
    assert data["storage"]["physical_devices"]["disk1"]["partitions"]["root"]["size"] == "20g"
    assert found.origins.data("Network", "pxe")["cidr"] == "10.80.0.0/16"


def test_aliases_of_hardware():
    found = design(sites.document("HardwareProfile", "h", {"device_aliases": {
        "a": {"address": "regexp:0000:.*", "bus_type": "pci"},
        "b": {"address": "0000:01", "bus_type": "pci"}}}))
    aliases = found.site.hardware_profiles["h"].device_aliases
    assert aliases["a"].pattern == "0000:.*"
    assert aliases["b"].pattern is None
    assert aliases["a"].matches("pci", "0000:7f")
    assert not aliases["a"].matches("pci", "f:0000:7f")
    assert not aliases["a"].matches("scsi", "0000:7f")
    assert aliases["b"].matches("pci", "0000:01")
    assert not aliases["b"].matches("pci", "0000:011")


def test_a_pattern_that_is_none_matches_nothing():
    assert not DeviceAlias("a", "regexp:(", "pci").matches("pci", "(")


def test_both_spellings_of_a_switch_controller():
    found = design(sites.document("Rack", "r", {"tor_switches": {
        "a": {"sdn_api_uri": "u1"}, "b": {"sdn_api_url": "u2"}}}))
    switches = found.site.racks["r"].tor_switches
    assert [switch["sdn_api_uri"] for switch in switches.values()] == ["u1", "u2"]
