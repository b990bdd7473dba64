"""For every check: changes to a sound site that it must find, and boundaries that it must pass.

Each case is a function that changes the documents of :func:`tests.sites.site`, and the findings
(code and title) that must come of it, exactly.
"""

import copy

import pytest

from provisioner.site import checks
from provisioner.site.documents import load
from provisioner.site.validate import validate
from tests import sites

ROOT = {"name": "root", "size": "20g", "filesystem": {"mountpoint": "/"}}


def findings(*changes):
    given = sites.site(3)
    for change in changes:
        change(given)
    return validate(load(sites.dump(given), "site.yaml")).findings


def found(*changes):
    return sorted({(item.code, item.title) for item in findings(*changes)})


def put(kind, name, *path, value):
    """A change that sets (or, for None, removes) one value of a document."""
    def change(given):
        here = sites.by_name(given, kind, name)
        for part in path[:-1]:
            here = here.setdefault(part, {}) if isinstance(here, dict) else here[part]
        if value is None:
            del here[path[-1]]
        else:
            here[path[-1]] = value
    return change


def add(*documents):
    return lambda given: given.extend(copy.deepcopy(documents))


def drop(*kinds):
    def change(given):
        given[:] = [item for item in given if item["schema"].split("/")[1] not in kinds]
    return change


def node(*path, value, index=1):
    return put("BaremetalNode", f"node-{index:05d}", *path, value=value)


def base(*path, value):
    return put("HostProfile", "base", *path, value=value)


def network(name, *path, value):
    return put("Network", name, *path, value=value)


def link(name, *path, value):
    return put("NetworkLink", name, *path, value=value)


def partitions(*members):
    return base("storage", "physical_devices", "disk1", "partitions", value=list(members))


def volumes(*members, device=None):
    """Root on an unpartitioned second device's volume group; ``device`` replaces that device."""
    def change(given):
        storage = sites.by_name(given, "HostProfile", "base")["storage"]
        storage["physical_devices"]["sdb"] = device or {"volume_group": "data"}
        storage["volume_groups"] = {"data": {"logical_volumes": list(members)}}
    return change


def route(**given):
    return network("mgmt", "routes", value=[given])


def ranges(*given):
    return network("mgmt", "ranges", value=[
        {"type": kind, "start": start, "end": end} for kind, start, end in given])


def action(**data):
    given = {"assets": [{"type": "file", "path": "/x", "data": "x"}], **data}
    return add(sites.document("BootAction", "more", given))


def packages(**asset):
    return action(assets=[{"type": "pkg_list", "path": "/x", **asset}])


def filtered(**given):
    return action(node_filter={"filter_set_type": "union",
                               "filter_set": [{"filter_type": "union", **given}]})


STATIC = ("static", "10.81.0.2", "10.81.255.254")
LOCALITY = ("DD2002", "IP Locality Check")
DUPLICATED = ("DD2005", "Duplicated IP Check")
RANGE = ("PR2001", "Address Range Check")
ALLOWED = ("DD1007", "Allowed Network Check")
MTU = ("DD2003", "MTU Rationality")
TRUNKING = ("DD2004", "Network Trunking Rationalty")
BOND = ("DD1006", "Network Bond Rationality")
CIDR = ("DD2006", "CIDR Validity")
REFERENCE = ("PR2002", "Network Reference")
ATTACHED = ("PR2007", "Address Attachment")
RANGES = ("PR2004", "Range Rationality")
DHCP = ("PR2005", "DHCP Range")
DOMAIN = ("PR2006", "Route Domain")
VLAN = ("PR2003", "VLAN Rationality")
BOOT = ("DD1001", "Rational Boot Storage")
PARTITIONING = ("DD2002", "Storage Partitioning")
SIZING = ("DD2003", "Storage Sizing")
MOUNT = ("DD2004", "Storage Mountpoint")
GROUP = ("PR1001", "Volume Group Reference")
NAMES = ("PR1002", "Storage Names")
HUGE = ("DD1008", "Hugepages")
PLATFORM = ("DD3001", "Platform Selection")
HOST = ("DD3003", "Hostname Validity")
IPMI = ("DD4001", "Valid IPMI Configuration")
LIBVIRT = ("DD4002", "Valid Libvirt Configuration")
OOB = ("PR4002", "Out-of-band Parameters")
HARDWARE = ("PR3002", "Hardware Profile Reference")
KERNEL = ("PR3003", "Kernel Parameter Reference")
ALIAS = ("PR3004", "Device Alias")
RACK = ("PR3005", "Rack Reference")
MAC = ("PR3006", "Boot MAC")
REPOSITORY = ("PR3007", "Package Repository")
COVERED = ("DD4001", "Bootaction Definition")
TARGETS = ("PR4003", "Bootaction Targets")
FILTER = ("PR4001", "Bootaction Node Filter")
PACKAGES = ("DD4002", "Bootaction pkg_list Validation")

TAGGED = sites.document("Network", "extra", {"cidr": "10.90.0.0/24", "vlan": "7", "mtu": 1500})
LVM_ROOT = [{"name": "root", "size": "20g", "filesystem": {"mountpoint": "/"}}]

CASES = {
    # addresses
    "static address twice, two nodes": (
        [node("addressing", 2, "address", value="10.81.0.2")], [DUPLICATED]),
    "static address twice, one node": (
        [node("addressing", value=[
            {"network": "oob", "address": "127.80.0.3"},
            {"network": "mgmt", "address": "10.81.0.3"},
            {"network": "mgmt", "address": "10.81.0.3"}])], [DUPLICATED]),
    "the same IPv6 address in two spellings": (
        [add(sites.document("Network", "six", {"cidr": "fd00::/64"})),
         link("data", "allowed_networks", value=["mgmt", "six"]),
         base("interfaces", "bond0", "networks", value=["mgmt", "six"]),
         node("addressing", 1, value={"network": "six", "address": "fd00::1"}),
         node("addressing", 1, value={"network": "six", "address": "fd00:0::1"}, index=2)],
        [DUPLICATED]),
    "address outside its network": (
        [node("addressing", 2, "address", value="10.82.0.2")], [LOCALITY]),
    "last address of the range": (
        [node("addressing", 2, "address", value="10.81.255.254")], []),
    "address inside the network, outside the range": (
        [node("addressing", 2, "address", value="10.81.0.1")], [RANGE]),
    "network without ranges": ([network("mgmt", "ranges", value=None)], []),
    "static address in a dhcp range": (
        [ranges(("dhcp", "10.81.0.3", "10.81.0.3"))], [RANGE]),
    "static addresses beside a reserved range": (
        [ranges(("reserved", "10.81.1.0", "10.81.1.9"))], []),
    "neither address nor dhcp": (
        [node("addressing", 2, "address", value="slaac")], [LOCALITY]),
    "address with a prefix length": (
        [node("addressing", 2, "address", value="10.0.0.0/99")], [LOCALITY]),
    "address on an unknown network": (
        [node("addressing", 2, "network", value="nowhere")], [LOCALITY]),
    "gateway outside": ([route(subnet="0.0.0.0/0", gateway="10.99.0.1")], [LOCALITY]),
    "no gateway": ([route(subnet="10.5.0.0/16")], [LOCALITY]),
    "gateway is no address": ([route(subnet="10.5.0.0/16", gateway="gw")], [LOCALITY]),
    "address without interface": (
        [base("interfaces", "bond0", "networks", value=[])], [ATTACHED]),
    "no nodes": ([drop("BaremetalNode")], [LOCALITY, DUPLICATED]),
    # networks
    "host bits": ([network("mgmt", "cidr", value="10.81.0.1/16")], [CIDR]),
    "not a CIDR": ([network("mgmt", "cidr", value="10.81.0.0/99")], [CIDR]),
    "MTU below the least": ([network("mgmt", "mtu", value=1279)], [MTU]),
    "least MTU": ([network("mgmt", "mtu", value=1280)], []),
    "MTU above the most": ([link("data", "mtu", value=65537)], [MTU]),
    "most MTU": ([link("data", "mtu", value=65536), network("mgmt", "mtu", value=65536)], []),
    "tagged network above its link": ([network("mgmt", "mtu", value=1501)], [MTU]),
    "native network above its link": ([network("pxe", "mtu", value=1501)], [MTU]),
    "link without MTU has 1500": (
        [link("data", "mtu", value=None), network("mgmt", "mtu", value=1501)], [MTU]),
    "VLAN 4094": ([network("mgmt", "vlan", value="4094")], []),
    "VLAN 4095": ([network("mgmt", "vlan", value="4095")], [VLAN]),
    "VLAN that is no number": ([network("mgmt", "vlan", value="blue")], [VLAN]),
    "VLAN twice on a link": (
        [add(TAGGED), network("extra", "vlan", value="101"),
         link("data", "allowed_networks", value=["mgmt", "extra"])], [VLAN]),
    "ranges overlap": ([ranges(STATIC, ("dhcp", "10.81.255.254", "10.81.255.254"))], [RANGES]),
    "ranges touch": (
        [ranges(("static", "10.81.0.2", "10.81.0.9"), ("dhcp", "10.81.0.10", "10.81.0.11"))], []),
    "range leaves the network": ([ranges(("static", "10.81.0.2", "10.82.0.0"))], [RANGES]),
    "range turned round": (
        [ranges(STATIC, ("dhcp", "10.81.0.9", "10.81.0.1"))], [RANGES]),
    "range of an unknown type": ([ranges(STATIC, ("fixed", "10.81.0.1", "10.81.0.1"))], [RANGES]),
    "no dhcp range": ([network("pxe", "ranges", value=[])], [DHCP]),
    "relayed dhcp": (
        [network("pxe", "ranges", value=[]),
         network("pxe", "dhcp_relay", value={"upstream_target": "10.80.0.1"})], []),
    "route to a domain without metric": (
        [network("pxe", "routedomain", value="d"),
         route(routedomain="d", gateway="10.81.0.1")], [DOMAIN]),
    "route to a domain without networks": (
        [route(routedomain="d", gateway="10.81.0.1", metric=5)], [DOMAIN]),
    "route to a domain": (
        [network("pxe", "routedomain", value="d"),
         route(routedomain="d", gateway="10.81.0.1", metric=5)], []),
    # links
    "two networks without trunking": (
        [add(TAGGED), link("pxe", "allowed_networks", value=["pxe", "extra"])], [TRUNKING]),
    "no default network without trunking": (
        [link("pxe", "trunking", value={"mode": "disabled"})], [TRUNKING]),
    "tagged default network without trunking": ([network("pxe", "vlan", value="5")], [TRUNKING]),
    "trunk of two": (
        [add(TAGGED), link("data", "allowed_networks", value=["mgmt", "extra"])], []),
    "options without a bond": (
        [link("pxe", "bonding", value={"mode": "disabled", "hash": "layer2"})], [BOND]),
    "LACP delay below the monitoring rate": (
        [link("data", "bonding", "up_delay", value=99)], [BOND]),
    "LACP default delays below the monitoring rate": (
        [link("data", "bonding", value={"mode": "802.3ad", "mon_rate": 201})], [BOND]),
    "active-backup with hash": (
        [link("data", "bonding", value={"mode": "active-backup", "hash": "layer2"})], [BOND]),
    "balance-rr with peer_rate": (
        [link("data", "bonding", value={"mode": "balance-rr", "peer_rate": "fast"})], [BOND]),
    "active-backup": (
        [link("data", "bonding", value={"mode": "active-backup", "mon_rate": 100})], []),
    "balanced-rr, as the manual spells it": (
        [link("data", "bonding", value={"mode": "balanced-rr"})], []),
    "network on two links": (
        [link("data", "allowed_networks", value=["mgmt", "pxe"])], [ALLOWED]),
    "interface network not on its link": (
        [base("interfaces", "bond0", "networks", value=["mgmt", "oob"])], [ALLOWED]),
    "interface on an unknown link": (
        [base("interfaces", "bond0", "device_link", value="none")], [ALLOWED]),
    "interface without link": (
        [base("interfaces", "bond0", "device_link", value="!")], [ALLOWED]),
    "interface without link and networks": (
        [base("interfaces", "spare", value={"slaves": ["nic3"]})], []),
    "unknown allowed network": (
        [link("data", "allowed_networks", value=["mgmt", "none"])], [REFERENCE]),
    "unknown default network": (
        [link("pxe", "trunking", "default_network", value="none")], [REFERENCE]),
    "unknown primary network": ([base("primary_network", value="none")], [REFERENCE]),
    "unknown local network": ([put("Rack", "rack1", "local_networks", value=["x"])], [REFERENCE]),
    # storage
    "root just too small": ([partitions({**ROOT, "size": "19999m"})], [BOOT]),
    "root of 20 GB in binary units": ([partitions({**ROOT, "size": "19Gib"})], []),
    "mixed-case unit": ([partitions({**ROOT, "size": "20Gb"})], []),
    "root of unknown share": ([partitions({**ROOT, "size": "50%"})], []),
    "root with a minimum": ([partitions({**ROOT, "size": ">19g"})], [BOOT]),
    "root without size": ([partitions({"name": "root", "filesystem": {"mountpoint": "/"}})],
                          [BOOT]),
    "root size unreadable": ([partitions({**ROOT, "size": "big"})], [BOOT]),
    "boot too small": (
        [partitions(ROOT, {"name": "x", "size": "999m", "filesystem": {"mountpoint": "/boot"}})],
        [BOOT]),
    "boot before root": (
        [partitions({"name": "boot", "size": "1m"}, ROOT)], [BOOT]),
    "no root": ([partitions({"name": "root", "size": "20g"})], [BOOT]),
    "no storage": ([base("storage", value={})], [BOOT]),
    "root on a logical volume": (
        [partitions({"name": "pv", "size": "10g"}), volumes(*LVM_ROOT)], []),
    "small root on a logical volume": (
        [partitions({"name": "pv", "size": "10g"}),
         volumes({**LVM_ROOT[0], "size": "1g"})], [BOOT]),
    "group on a partition": (
        [partitions(ROOT, {"name": "pv", "size": "10g", "volume_group": "data"}),
         volumes(device={"partitions": [{"name": "p", "size": "1g"}]})], []),
    "device is both": (
        [volumes(device={"volume_group": "data", "partitions": [{"name": "p", "size": "1g"}]})],
        [PARTITIONING]),
    "device is neither": ([base("storage", "physical_devices", "sdb", value={})], [PARTITIONING]),
    "partition is both": (
        [partitions({**ROOT, "volume_group": "data"}), volumes()], [PARTITIONING]),
    "group without physical volume": (
        [base("storage", "volume_groups", value={"data": {}})], [PARTITIONING]),
    "unknown group": (
        [base("storage", "physical_devices", "sdb", value={"volume_group": "none"})], [GROUP]),
    "negative size": ([partitions(ROOT, {"name": "x", "size": "-5g"})], [SIZING]),
    "negative share": ([partitions(ROOT, {"name": "x", "size": "-5%"})], [SIZING]),
    "unreadable size": ([partitions(ROOT, {"name": "x", "size": "20"})], [SIZING]),
    "no size": ([partitions(ROOT, {"name": "x"})], [SIZING]),
    "shares above the whole": (
        [partitions({**ROOT, "size": "51%"}, {"name": "x", "size": "50%"})], [SIZING]),
    "shares of the whole": (
        [partitions({**ROOT, "size": "50%"}, {"name": "x", "size": "50%"})], []),
    "all of one device": ([partitions({**ROOT, "size": "100%"})], []),
    "the whole and something": (
        [partitions({**ROOT, "size": "100%"}, {"name": "x", "size": "5m"})], [SIZING]),
    "shares on two devices": (
        [partitions({**ROOT, "size": "60%"}),
         base("storage", "physical_devices", "sdb", value={
             "partitions": [{"name": "x", "size": ">60%"}]})], []),
    "volumes above the whole": (
        [volumes({"name": "a", "size": "60%"}, {"name": "b", "size": "41%"})], [SIZING]),
    "mountpoint twice": (
        [volumes({"name": "a", "size": "1g", "filesystem": {"mountpoint": "/boot"}})], [MOUNT]),
    "partition name twice": (
        [partitions(ROOT, {"name": "x", "size": "1g"}, {"name": "x", "size": "2g"})], [NAMES]),
    # nodes
    "huge pages without size": (
        [node("platform", "kernel_params", "hugepages", value="5")], [HUGE]),
    "huge pages with size": (
        [node("platform", "kernel_params", value={
            "hugepages": "hardwareprofile:hugepages.dpdk.count",
            "hugepagesz": "hardwareprofile.hugepages.dpdk.size"})], []),
    "unknown huge pages": (
        [node("platform", "kernel_params", "x", value="hardwareprofile:hugepages.none.size")],
        [KERNEL]),
    "unknown CPU set": (
        [node("platform", "kernel_params", "x", value="hardwareprofile:cpuset.none")], [KERNEL]),
    "unknown image": ([node("platform", "image", value="none")], [PLATFORM]),
    "no image": ([node("platform", "image", value="!")], [PLATFORM]),
    "images of the region": ([drop("Image")], [PLATFORM]),
    "underscore in a name": (
        [lambda given: given[-1]["metadata"].update(name="bad_name")], [HOST]),
    "label of 63": ([lambda given: given[-1]["metadata"].update(name="a" * 63)], []),
    "label of 64": ([lambda given: given[-1]["metadata"].update(name="a" * 64)], [HOST]),
    "name of more than 255": (
        [network("mgmt", "dns", value={"domain": ".".join(["a" * 61] * 4)})], [HOST]),
    "no account": ([base("oob", "account", value=None)], [IPMI]),
    "no credential": ([base("oob", "credential", value=None)], [IPMI]),
    "no oob network": ([base("oob", "network", value=None)], [IPMI, ATTACHED]),
    "oob address by dhcp": (
        [node("addressing", 0, "address", value="dhcp"),
         network("oob", "ranges", value=[{"type": "dhcp", "start": "127.80.9.1",
                                          "end": "127.80.9.9"}])], [IPMI]),
    "libvirt": ([base("oob", value={"type": "libvirt", "libvirt_uri": "qemu+ssh://a@b/system",
                                    "network": "oob"})], []),
    "libvirt without address": ([base("oob", value={"type": "libvirt", "network": "oob"})],
                                [LIBVIRT]),
    "libvirt by another way": (
        [base("oob", value={"type": "libvirt", "libvirt_uri": "xen://", "network": "oob"})],
        [LIBVIRT]),
    "libvirt without boot_mac": (
        [base("oob", value={"type": "libvirt", "libvirt_uri": "qemu+ssh://b", "network": "oob"}),
         node("metadata", "boot_mac", value=None)], [LIBVIRT]),
    "redfish": ([base("oob", "type", value="redfish")], []),
    "redfish without login": (
        [base("oob", "type", value="redfish"), base("oob", "account", value=None)], [OOB]),
    "no way of managing": ([base("oob", "type", value="!")], [OOB]),
    "more oob parameters": ([base("oob", "ipmi_port", value=6230)], []),
    "no hardware profile": ([base("hardware_profile", value="!")], [HARDWARE]),
    "unknown hardware profile": ([base("hardware_profile", value="none")], [HARDWARE]),
    "unknown alias": ([base("interfaces", "bond0", "slaves", value=["nic9"])], [ALIAS]),
    "system names": ([base("interfaces", "bond0", "slaves", value=["eno1", "enp3s0f1"])], []),
    "bad pattern": (
        [put("HardwareProfile", "machine", "device_aliases", "nic1", "address",
             value="regexp:(")], [ALIAS]),
    "unknown rack": ([base("metadata", "rack", value="none")], [RACK]),
    "bad boot_mac": ([node("metadata", "boot_mac", value="52:54")], [MAC]),
    "boot_mac with hyphens": ([node("metadata", "boot_mac", value="52-54-00-AA-AA-AA")], []),
    "boot_mac twice": ([node("metadata", "boot_mac", value="52:54:00:00:00:02")], [MAC]),
    # booting
    "nodes without boot action": ([drop("BootAction")], [COVERED]),
    "filter on nothing": ([filtered(node_tags=["none"])], [TARGETS]),
    "filter on an unknown node": (
        [filtered(node_names=["none", "node-00001"])], [TARGETS]),
    "filter on an unknown rack": ([filtered(rack_names=["none"])], [TARGETS]),
    "filter on a rack": ([filtered(rack_names=["rack1"])], []),
    "filter without type": (
        [action(node_filter={"filter_set": [{"node_names": ["node-00001"],
                                             "node_tags": ["test"]}]})], [TARGETS, FILTER]),
    "packages": ([packages(data={"a": "1:2.0-1", "b": None})], []),
    "packages from elsewhere": ([packages(location="http://127.0.0.1/list")], []),
    "version without revision": ([packages(data={"a": "2.0"})], [PACKAGES]),
    "no packages": ([packages()], [PACKAGES]),
    "packages as text": ([packages(data="a")], [PACKAGES]),
    "repository without url": (
        [put("Region", "test", "repositories", value={"main": {"repo_type": "apt"},
                                                      "remove_unlisted": True})], [REPOSITORY]),
    "repository": (
        [put("Region", "test", "repositories", value={
            "main": {"repo_type": "apt", "url": "http://127.0.0.1/"}})], []),
}


def test_the_sound_site_has_no_findings():
    assert findings() == ()


@pytest.mark.parametrize("name", CASES)
def test_case(name):
    changes, expected = CASES[name]
    assert found(*changes) == sorted(expected)


def test_every_check_fails_in_some_case():
    covered = {title for _, expected in CASES.values() for _, title in expected}
    assert {rule.TITLE for rule in checks.registered()} - covered == set()


def test_every_check_says_what_it_is():
    titles = [rule.TITLE for rule in checks.registered()]
    assert len(titles) == len(set(titles)) == 35
    for rule in checks.registered():
        assert rule.CODE[:2] in ("DD", "PR")
        assert rule.SEVERITY in ("error", "warning")
        assert rule.REMEDY.endswith(".")
        assert rule.__doc__


def test_findings_say_where_and_what_to_do():
    for changes, _ in CASES.values():
        for item in findings(*changes):
            assert item.remedy
            if item.documents:
                assert item.file == "site.yaml"
                assert item.line > 0


def test_what_a_profile_brings_is_one_finding():
    for change in (base("primary_network", value="none"), partitions({**ROOT, "size": "1g"})):
        (item,) = findings(change)
        assert [name for _, name in item.documents] \
            == ["node-00000", "node-00001", "node-00002", "base"]


@pytest.mark.parametrize(("change", "severity"), [
    (node("addressing", 2, "address", value="10.81.0.1"), "error"),
    (base("primary_network", value="none"), "error"),
    (put("Rack", "rack1", "local_networks", value=["x"]), "warning"),
    (drop("BaremetalNode"), "warning"),
    (drop("Image"), "info"),
])
def test_severity(change, severity):
    assert {item.severity for item in findings(change)} == {severity}
