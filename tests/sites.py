"""Sites for tests and measurements: valid ones of any size, as YAML text or as plain documents."""

import copy

import yaml

_Dumper = yaml.CSafeDumper


def document(kind: str, name: str, data: dict, namespace: str = "drydock") -> dict:
    """A document in the envelope of today."""
    return {"schema": f"{namespace}/{kind}/v1",
            "metadata": {"schema": "metadata/Document/v1", "name": name}, "data": data}


def old(given: dict) -> dict:
    """The same document in the old envelope."""
    return {"apiVersion": "drydock/v1", "kind": given["schema"].split("/")[1],
            "metadata": {"name": given["metadata"]["name"], "region": "test"},
            "spec": given["data"]}


def dump(documents: list[dict]) -> str:
    return yaml.dump_all(copy.deepcopy(documents), Dumper=_Dumper, sort_keys=False)


def by_name(documents: list[dict], kind: str, name: str) -> dict:
    """The body of one document of a list, to change it."""
    for given in documents:
        if given["schema"].split("/")[1] == kind and given["metadata"]["name"] == name:
            return given["data"]
    raise KeyError((kind, name))


def _network(name, cidr, vlan=None, **more):
    data = {"cidr": cidr, "mtu": 1500, **more}
    if vlan:
        data["vlan"] = vlan
    return document("Network", name, data)


def _networks():
    return [
        _network("oob", "127.80.0.0/16",
                 ranges=[{"type": "static", "start": "127.80.0.2", "end": "127.80.255.254"}]),
        _network("pxe", "10.80.0.0/16",
                 ranges=[{"type": "dhcp", "start": "10.80.1.0", "end": "10.80.255.254"}]),
        _network("mgmt", "10.81.0.0/16", "101",
                 ranges=[{"type": "static", "start": "10.81.0.2", "end": "10.81.255.254"}],
                 routes=[{"subnet": "0.0.0.0/0", "gateway": "10.81.0.1", "metric": 10}],
                 dns={"domain": "test.example", "servers": "10.81.0.1"}),
    ]


def _links():
    plain = {"mtu": 1500, "bonding": {"mode": "disabled"}}
    return [
        document("NetworkLink", "oob", {
            **plain, "trunking": {"mode": "disabled", "default_network": "oob"},
            "allowed_networks": ["oob"]}),
        document("NetworkLink", "pxe", {
            **plain, "trunking": {"mode": "disabled", "default_network": "pxe"},
            "allowed_networks": ["pxe"]}),
        document("NetworkLink", "data", {
            "mtu": 1500, "trunking": {"mode": "802.1q"}, "allowed_networks": ["mgmt"],
            "bonding": {"mode": "802.3ad", "mon_rate": 100, "up_delay": 100, "down_delay": 100}}),
    ]


def _profiles():
    alias = {"bus_type": "pci", "dev_type": "network"}
    hardware = document("HardwareProfile", "machine", {
        "boot_mode": "uefi", "bootstrap_protocol": "pxe",
        "device_aliases": {"nic1": {**alias, "address": "0000:00:03.0"},
                           "nic2": {**alias, "address": "0000:00:04.0"},
                           "nic3": {**alias, "address": "0000:00:05.0"},
                           "disk1": {"bus_type": "scsi", "address": "2:0.0.0"}},
        "cpu_sets": {"host": "0,1"}, "hugepages": {"dpdk": {"size": "1G", "count": 4}}})
    base = document("HostProfile", "base", {
        "hardware_profile": "machine", "primary_network": "mgmt",
        "oob": {"type": "ipmi", "network": "oob", "account": "admin", "credential": "sesame"},
        "storage": {"physical_devices": {"disk1": {"partitions": [
            {"name": "root", "size": "20g", "filesystem": {"mountpoint": "/"}},
            {"name": "boot", "size": "1g", "filesystem": {"mountpoint": "/boot"}}]}}},
        "platform": {"image": "os", "kernel_params": {
            "isolcpus": "hardwareprofile:cpuset.host"}},
        "interfaces": {
            "pxe": {"device_link": "pxe", "slaves": ["nic1"], "networks": ["pxe"]},
            "bond0": {"device_link": "data", "slaves": ["nic2", "nic3"], "networks": ["mgmt"]}},
        "metadata": {"tags": ["test"], "owner_data": {"role": "worker"}, "rack": "rack1"}})
    child = document("HostProfile", "worker", {
        "host_profile": "base", "metadata": {"tags": ["worker"]}})
    return [hardware, base, child]


def _node(index):
    high, low = divmod(index + 2, 256)
    mac = f"52:54:00:{index >> 16 & 255:02x}:{index >> 8 & 255:02x}:{index & 255:02x}"
    return document("BaremetalNode", f"node-{index:05d}", {
        "host_profile": "worker",
        "metadata": {"boot_mac": mac, "owner_data": {"slot": f"u{index % 40}"}},
        "platform": {"kernel_params": {"console": "ttyS0"}},
        "addressing": [{"network": "oob", "address": f"127.80.{high}.{low}"},
                       {"network": "pxe", "address": "dhcp"},
                       {"network": "mgmt", "address": f"10.81.{high}.{low}"}]})


def site(nodes: int = 3) -> list[dict]:
    """Documents of a site without any finding."""
    boot = document("BootAction", "hello", {"assets": [
        {"type": "file", "path": "/etc/hello", "data": "hello", "permissions": "644"}]})
    image = document("Image", "os", {
        "url": "http://127.0.0.1:6480/os.raw", "sha256": "0" * 64,
        "kernel": "http://127.0.0.1:6480/kernel", "ramdisk": "http://127.0.0.1:6480/ramdisk"},
        namespace="provisioner")
    return [document("Region", "test", {}), document("Rack", "rack1", {"labels": {"hall": "a"}}),
            *_networks(), *_links(), *_profiles(), boot, image,
            *(_node(index) for index in range(nodes))]


def text(nodes: int = 3) -> str:
    """The same as YAML."""
    return dump(site(nodes))
