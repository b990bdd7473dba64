"""A site design for the machines of a simulated region.

Each machine boots from an untagged network, has a bond of its other two interfaces that carries a
tagged one, and its root on LVM: the region must have the subnets of ``SUBNETS``.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence

import yaml

#: for ``--subnet`` of the simulator
SUBNETS = ("10.64.0.0/16=10.64.0.1", "10.65.0.0/16@101")


def _document(kind: str, name: str, data: dict) -> dict:
    return {"schema": f"drydock/{kind}/v1", "data": data,
            "metadata": {"schema": "metadata/Document/v1", "name": name}}


def _networks() -> list[dict]:
    return [
        _document("Network", "oob", {"cidr": "10.88.0.0/16", "mtu": 1500}),
        _document("Network", "pxe", {
            "cidr": "10.64.0.0/16", "mtu": 1500, "ranges": [
                {"type": "static", "start": "10.64.1.0", "end": "10.64.255.254"}],
            "routes": [{"subnet": "0.0.0.0/0", "gateway": "10.64.0.1", "metric": 10}]}),
        _document("Network", "data", {
            "cidr": "10.65.0.0/16", "mtu": 1500, "vlan": "101", "ranges": [
                {"type": "static", "start": "10.65.1.0", "end": "10.65.255.254"}]}),
        *[_document("NetworkLink", name, {
            "mtu": 1500, "trunking": {"mode": "disabled", "default_network": name},
            "allowed_networks": [name]}) for name in ("oob", "pxe")],
        _document("NetworkLink", "bond", {
            "bonding": {"mode": "802.3ad", "hash": "layer3+4", "peer_rate": "fast"},
            "mtu": 1500, "trunking": {"mode": "802.1q"}, "allowed_networks": ["data"]})]


def _hardware() -> dict:
    aliases = {f"nic{number}": {"bus_type": "pci", "address": f"0000:00:{3 + number:02x}.0",
                                "dev_type": "network"} for number in range(3)}
    aliases["disk"] = {"bus_type": "scsi", "address": "2:0.0.0", "dev_type": "disk"}
    return _document("HardwareProfile", "simulated", {
        "vendor": "Simulated", "boot_mode": "bios", "device_aliases": aliases})


def _storage() -> dict:
    return {
        "physical_devices": {"disk": {"partitions": [
            {"name": "boot", "size": "1g", "bootable": True,
             "filesystem": {"mountpoint": "/boot", "fstype": "ext4"}},
            {"name": "pv", "size": ">20g", "volume_group": "vg0"}]}},
        "volume_groups": {"vg0": {"logical_volumes": [
            {"name": "root", "size": "50%", "filesystem": {"mountpoint": "/"}},
            {"name": "log", "size": ">1g", "filesystem": {
                "mountpoint": "/var/log", "fstype": "xfs"}}]}}}


def _profile(region: Mapping[str, str], image: str) -> dict:
    return _document("HostProfile", "simulated", {
        "hardware_profile": "simulated", "primary_network": "pxe",
        "oob": {"type": "maas", "network": "oob", "account": "maas", "credential": "maas",
                "maas_url": region["url"], "maas_api_key": region["api_key"]},
        "storage": _storage(),
        "platform": {"image": image, "kernel": "ga-22.04",
                     "kernel_params": {"console": "ttyS0"}},
        "interfaces": {
            "pxe": {"device_link": "pxe", "slaves": ["nic0"], "networks": ["pxe"]},
            "bond0": {"device_link": "bond", "slaves": ["nic1", "nic2"],
                      "networks": ["data"]}},
        "metadata": {"tags": ["simulated"], "rack": "rack1", "owner_data": {"role": "test"}}})


def _node(number: int, machine: Mapping[str, str]) -> dict:
    low = f"{number >> 8}.{number & 255}"
    return _document("BaremetalNode", machine["name"], {
        "host_profile": "simulated", "metadata": {"boot_mac": machine["mac"]},
        "addressing": [{"network": "oob", "address": machine["bmc"]},
                       {"network": "pxe", "address": f"10.64.{low}"},
                       {"network": "data", "address": f"10.65.{low}"}]})


def design(region: Mapping[str, str], machines: Iterable[Mapping[str, str]],
           image: str = "jammy") -> str:
    """The documents of a site as YAML.

    :param region: url and api_key
    :param machines: name, mac and bmc of each
    """
    documents = [
        _document("Region", "fleet", {"authorized_keys": []}),
        _document("Rack", "rack1", {"local_networks": ["pxe"]}), *_networks(), _hardware(),
        _profile(region, image),
        _document("BootAction", "none", {"signaling": False, "assets": [
            {"type": "file", "path": "/etc/motd", "permissions": "644",
             "data": "A simulated machine.\n", "data_pipeline": ["utf8_encode"]}]}),
        *(_node(number, machine) for number, machine in enumerate(machines, 257))]
    return yaml.safe_dump_all(documents, sort_keys=False)


def main(argv: Sequence[str] | None = None) -> int:
    """``python -m provisioner.simulator.maas.design NODES``: documents on standard output.

    NODES is the file that the simulator's ``--write-nodes`` wrote.
    """
    (nodes,) = sys.argv[1:] if argv is None else argv
    with open(nodes, encoding="utf-8") as file:
        written = json.load(file)
    print(design(written, written["nodes"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
