"""Documents against their schemas, in both envelopes."""

import json
import pathlib

import jsonschema
import pytest
from referencing import Registry, Resource

from provisioner.site import schema
from provisioner.site.documents import KINDS, load
from tests import sites

GOOD = {
    "Region": {"tag_definitions": [{"tag": "a", "definition_type": "lshw_xpath",
                                    "definition": "//x"}],
               "authorized_keys": ["ssh-rsa a"],
               "repositories": {"remove_unlisted": True, "main": {
                   "repo_type": "apt", "url": "http://127.0.0.1/", "arches": ["amd64"],
                   "options": {"a": "b"}}}},
    "Rack": {"tor_switches": {"a": {"mgmt_ip": "1.1.1.1", "sdn_api_uri": "x://y"}},
             "location": {"clli": "X", "grid": "A1"}, "local_networks": ["a"],
             "labels": {"a": "b"}},
    "NetworkLink": {"labels": {"noconfig": True}, "bonding": {
        "mode": "802.3ad", "hash": "layer3+4", "peer_rate": "slow", "mon_rate": 100,
        "up_delay": 200, "down_delay": 200}, "mtu": 9000, "linkspeed": "auto",
        "trunking": {"mode": "802.1q", "default_network": "a"}, "allowed_networks": []},
    "Network": {"cidr": "10.0.0.0/8", "vlan": "5", "mtu": 1500, "routedomain": "d",
                "ranges": [{"type": "static", "start": "10.0.0.1", "end": "10.0.0.2"}],
                "routes": [{"subnet": "0.0.0.0/0", "gateway": "10.0.0.1", "metric": 10},
                           {"routedomain": "d", "gateway": "10.0.0.1", "metric": 10}],
                "dns": {"domain": "a.b", "servers": "1.1.1.1,2.2.2.2"},
                "dhcp_relay": {"self_ip": "1.1.1.1", "upstream_target": "2.2.2.2"},
                "labels": {"noconfig": "yes"}},
    "HardwareProfile": {"vendor": "v", "generation": "1", "hw_version": "2", "bios_version": "3",
                        "boot_mode": "uefi", "bootstrap_protocol": "pxe", "pxe_interface": 0,
                        "device_aliases": {"a": {"address": "x", "bus_type": "pci",
                                                 "dev_type": "y"}},
                        "cpu_sets": {"a": "2,4"}, "hugepages": {"a": {"size": "1G", "count": 0}}},
    "HostProfile": {
        "host_profile": "a", "hardware_profile": "b", "primary_network": "c",
        "oob": {"type": "ipmi", "network": "oob", "account": "a", "credential": "b",
                "libvirt_uri": "x", "ipmi_port": 623, "cipher": "3", "verify": False},
        "storage": {"physical_devices": {"sda": {"labels": {"a": "b"}, "volume_group": "v"},
                                         "sdb": {"partitions": [
                                             {"name": "a", "size": "1g", "bootable": True,
                                              "part_uuid": "u", "volume_group": "v",
                                              "labels": {"a": "b"}, "filesystem": {
                                                  "mountpoint": "/", "fstype": "xfs",
                                                  "mount_options": "ro", "fs_uuid": "u",
                                                  "fs_label": "l"}}]}},
                    "volume_groups": {"v": {"vg_uuid": "u", "logical_volumes": [
                        {"name": "a", "size": "5%", "lv_uuid": "u", "filesystem": {}}]}}},
        "platform": {"image": "a", "kernel": "b", "kernel_params": {"a": True, "b": 5}},
        "interfaces": {"a": {"device_link": "l", "slaves": ["x"], "networks": ["n"],
                             "labels": {"a": "b"},
                             "sriov": {"vf_count": 5, "trustedmode": True}},
                       "!b": {}, "c": None},
        "metadata": {"tags": ["a"], "owner_data": {"a": "b"}, "rack": "r",
                     "boot_mac": "52:54:00:00:00:01"}},
    "BaremetalNode": {"host_profile": "a", "addressing": [{"network": "a", "address": "dhcp"}]},
    "BootAction": {"signaling": False, "assets": [
        {"type": "unit", "path": "/a", "data": "x", "permissions": "644",
         "data_pipeline": ["base64_decode", "template"]},
        {"type": "file", "path": "/a", "location": "http://127.0.0.1/{{a}}",
         "location_pipeline": ["template"]},
        {"type": "pkg_list", "path": "/a", "data": {"a": None, "b": "1-1"}}],
        "node_filter": {"filter_set_type": "union", "filter_set": [
            {"filter_type": "intersection", "node_names": ["a"], "node_tags": ["b"],
             "node_labels": {"a": "b"}, "rack_names": ["r"], "rack_labels": {"a": "b"}}]}},
    "Image": {"url": "https://127.0.0.1/i", "sha256": "ab" * 32, "kernel": "k", "ramdisk": "r",
              "disk_format": "qcow2", "kernel_params": "quiet"},
}

BAD = [
    ("Region", {"unknown": 1}, "DD001"), ("Region", {"authorized_keys": "a"}, "DD001"),
    ("Region", {"tag_definitions": [{"definition_type": "other"}]}, "DD001"),
    ("Rack", {"tor_switches": {"a": {"b": "c"}}}, "DD001"), ("Rack", {"location": []}, "DD001"),
    ("NetworkLink", {}, "DD000"),
    ("NetworkLink", {"allowed_networks": [], "bonding": {"mode": "lacp"}}, "DD000"),
    ("NetworkLink", {"allowed_networks": [], "mtu": "1500"}, "DD001"),
    ("Network", {}, "DD000"), ("Network", {"cidr": "10.0.0.0/8", "vlan": 5}, "DD001"),
    ("Network", {"cidr": "10.0.0.0/8", "routes": [{"nexthop": "a"}]}, "DD001"),
    ("HardwareProfile", {"boot_mode": "efi"}, "DD001"),
    ("HardwareProfile", {"device_aliases": {"a": {"address": "x"}}}, "DD000"),
    ("HardwareProfile", {"hugepages": {"a": {"count": -1}}}, "DD001"),
    ("HostProfile", {"interfaces": {"a": {"speed": 1}}}, "DD001"),
    ("HostProfile", {"storage": {"physical_devices": {"a": {"partitions": [{}]}}}}, "DD000"),
    ("HostProfile", {"metadata": {"tags": [5]}}, "DD001"),
    ("HostProfile", {"addressing": []}, "DD001"),
    ("BaremetalNode", {"host_profile": "a"}, "DD000"),
    ("BaremetalNode", {"addressing": []}, "DD000"),
    ("BaremetalNode", {"addressing": [{"network": "a"}]}, "DD000"),
    ("BootAction", {}, "DD000"), ("BootAction", {"assets": [{"path": "/a"}]}, "DD001"),
    ("BootAction", {"assets": [{"type": "file", "path": "a"}]}, "DD001"),
    ("BootAction", {"assets": [{"type": "file", "permissions": 644}]}, "DD001"),
    ("BootAction", {"assets": [{"type": "file", "data_pipeline": ["rot13"]}]}, "DD001"),
    ("BootAction", {"assets": [], "node_filter": {"names": []}}, "DD001"),
    ("Image", {**GOOD["Image"], "sha256": "ab"}, "DD001"), ("Image", {}, "DD001"),
    ("Image", {**GOOD["Image"], "url": "no address"}, "DD001"),
]


def check(kind, data, old=False):
    given = sites.document(kind, "x", data, KINDS[kind].split("/")[0])
    (document,) = load(sites.dump([sites.old(given) if old else given]), "f").items
    return schema.check(document)


@pytest.mark.parametrize("kind", KINDS)
def test_schemas_are_schemas(kind):
    jsonschema.Draft7Validator.check_schema(schema.of(kind))
    assert "$ref" not in str(schema.of(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_everything_documented_is_allowed(kind):
    document, findings = check(kind, GOOD[kind])
    assert findings == []
    assert document.data == GOOD[kind]


@pytest.mark.parametrize(("kind", "data", "code"), BAD)
def test_violations(kind, data, code):
    document, findings = check(kind, data)
    assert document is None
    assert [(item.code, item.severity) for item in findings] == [(code, "error")]
    assert findings[0].documents == ((KINDS[kind], "x"),)
    assert findings[0].line > 0


def test_every_violation_is_reported():
    _, findings = check("Network", {"cidr": 5, "vlan": 5, "extra": 1, "other": 2})
    assert len(findings) == 3


def test_the_old_envelope_is_mended():
    document, findings = check("Network", {
        "cidr": "10.0.0.0/8", "vlan": 5, "colour": 1, "mtu": "1500", "routes": None,
        "dns": {"domain": "d", "ttl": 5}}, old=True)
    assert {item.severity for item in findings} == {"warning"}
    assert len(findings) == 5
    assert document.data == {"cidr": "10.0.0.0/8", "vlan": "5", "mtu": 1500,
                             "dns": {"domain": "d"}}


def test_the_old_envelope_is_checked_all_the_same():
    document, findings = check("Network", {"cidr": ["a"], "vlan": 5}, old=True)
    assert document is None
    assert sorted(item.severity for item in findings) == ["error", "warning"]


@pytest.mark.parametrize("value", [["sesame"], {"sesame": 1}])
def test_secrets_are_not_repeated(value):
    _, findings = check("HostProfile", {"oob": {"credential": value}})
    assert findings
    assert "sesame" not in str(findings)


def test_positions_of_violations():
    text = ("schema: drydock/Network/v1\nmetadata: {name: n}\ndata:\n  cidr: 10.0.0.0/8\n"
            "  vlan: 100\n  colour: red\n")
    _, findings = schema.check(load(text, "f").items[0])
    assert sorted((item.line, item.column) for item in findings) == [(5, 9), (6, 3)]
    assert "'100'" in next(item.message for item in findings if item.line == 5)


def _editor_schema():
    """The schema that editors use, with its references to the kinds' files resolved."""
    folder = pathlib.Path(schema.__file__).parent / "schemas"
    resources = [(path.name, Resource.from_contents(json.loads(path.read_text())))
                 for path in folder.glob("*.json")]
    registry = Registry().with_resources(resources)
    return jsonschema.Draft7Validator(json.loads((folder / "document.json").read_text()),
                                      registry=registry)


@pytest.mark.parametrize("old", [False, True])
def test_editors_get_the_same_answers(old):
    validator = _editor_schema()
    for kind, data, valid in [(kind, GOOD[kind], True) for kind in KINDS] \
            + [(kind, data, False) for kind, data, _ in BAD]:
        if old and kind == "Image":
            continue
        given = sites.document(kind, "x", data, KINDS[kind].split("/")[0])
        given = sites.old(given) if old else given
        assert validator.is_valid(given) == valid, (kind, data)
    assert validator.is_valid({"schema": "other/Network/v1", "data": 5})
