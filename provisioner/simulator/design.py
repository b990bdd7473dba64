"""A site design for a simulated fleet, so that a fleet of any size can be deployed.

The documents are Drydock's, with the image that the simulator serves. One network leads to the
BMCs, one is booted from; addresses and MACs are those of the machines.
"""

import hashlib
import json
import sys
import urllib.request
from collections.abc import Iterable, Mapping, Sequence

import yaml

_CHUNK = 1 << 20


def image_digest(url: str) -> str:
    """SHA-256 of what ``url`` serves."""
    digest = hashlib.sha256()
    with urllib.request.urlopen(url) as answer:
        while chunk := answer.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _document(kind: str, name: str, data: dict, family: str = "drydock") -> dict:
    return {"schema": f"{family}/{kind}/v1", "data": data,
            "metadata": {"schema": "metadata/Document/v1", "name": name}}


def _shared(images: str, digest: str, network: str) -> list[dict]:
    """What the machines have in common. :param network: of the BMCs, as a prefix"""
    return [
        _document("Region", "fleet", {"authorized_keys": []}),
        _document("Rack", "rack1", {"local_networks": ["pxe"]}),
        _document("Network", "oob", {"cidr": network, "mtu": 1500}),
        _document("Network", "pxe", {"cidr": "10.64.0.0/16", "mtu": 1500, "ranges": [
            {"type": "dhcp", "start": "10.64.1.0", "end": "10.64.255.254"}]}),
        *[_document("NetworkLink", name, {
            "mtu": 1500, "trunking": {"mode": "disabled", "default_network": name},
            "allowed_networks": [name]}) for name in ("oob", "pxe")],
        _document("HardwareProfile", "simulated", {
            "vendor": "Simulated", "boot_mode": "bios", "device_aliases": {
                "nic": {"bus_type": "pci", "address": "0000:00:03.0", "dev_type": "network"},
                "disk": {"bus_type": "scsi", "address": "2:0.0.0", "dev_type": "disk"}}}),
        _document("Image", "demo-os", {
            "url": f"{images}/demo-os.raw", "sha256": digest,
            "kernel": f"{images}/deploy.kernel", "ramdisk": f"{images}/deploy.ramdisk"},
            family="provisioner"),
    ]


def _profile(machine: Mapping) -> dict:
    return _document("HostProfile", "simulated", {
        "hardware_profile": "simulated", "primary_network": "pxe",
        "oob": {"type": "ipmi", "network": "oob", "account": machine["user"],
                "credential": machine["password"], "ipmi_port": str(machine["bmc_port"])},
        "storage": {"physical_devices": {"disk": {"partitions": [
            {"name": "root", "size": "30g", "filesystem": {"mountpoint": "/"}}]}}},
        "platform": {"image": "demo-os"},
        "interfaces": {"pxe": {"device_link": "pxe", "slaves": ["nic"], "networks": ["pxe"]}},
        "metadata": {"tags": ["simulated"], "rack": "rack1"}})


def _node(machine: Mapping) -> dict:
    return _document("BaremetalNode", machine["name"], {
        "host_profile": "simulated", "metadata": {"boot_mac": machine["mac"]},
        "addressing": [{"network": "oob", "address": machine["address"]},
                       {"network": "pxe", "address": "dhcp"}]})


def design(machines: Iterable[Mapping], images: str, digest: str,
           network: str = "127.0.0.0/8") -> str:
    """The documents of a site as YAML.

    :param machines: as ``--write-nodes`` writes them: name, mac, address, bmc_port, user, password
    :param images: base URL of the image server
    :param digest: SHA-256 of ``demo-os.raw``
    """
    machines = list(machines)
    documents = [*_shared(images, digest, network), _profile(machines[0]),
                 _document("BootAction", "none", {"signaling": False, "assets": [
                     {"type": "file", "path": "/etc/motd", "permissions": "644",
                      "data": "A simulated machine.\n", "data_pipeline": ["utf8_encode"]}]}),
                 *map(_node, machines)]
    return yaml.safe_dump_all(documents, sort_keys=False)


def main(argv: Sequence[str] | None = None) -> int:
    """``python -m provisioner.simulator.design NODES IMAGES-URL``: documents on standard output.

    NODES is the file that ``provisioner-simulator --write-nodes`` wrote.
    """
    nodes, images = sys.argv[1:] if argv is None else argv
    with open(nodes, encoding="utf-8") as file:
        machines = json.load(file)
    print(design(machines, images, image_digest(f"{images}/demo-os.raw")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
