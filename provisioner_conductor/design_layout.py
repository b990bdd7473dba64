"""From a node of a design to its layout: plain data that a bootstrapper's driver sets up.

What the data means is said by the drivers that read it (``provisioner/drivers/maas_network.py``
and ``maas_storage.py``). Pure.
"""

from collections.abc import Iterable
from typing import Any

from provisioner.drivers.base import HardwareType
from provisioner.site import sizes
from provisioner.site.model import BaremetalNode, Interface, NetworkLink, Site
from provisioner.site.storage import Device, Filesystem, Partition

_NO_BOND = "disabled"
#: label, of any value, of a link that is not to be configured
_NO_CONFIG = "noconfig"
#: what is mounted from the disk that is booted from; the first that a design has decides
_BOOT = ("/boot/efi", "/boot", "/")


def layout_for(hardware_type: HardwareType, site: Site,
               node: BaremetalNode) -> dict[str, Any] | None:
    """The node's layout if a bootstrapper is to set it up, else None."""
    if not hardware_type.interface("deploy", None).external:
        return None
    return layout(site, node)


def layout(site: Site, node: BaremetalNode) -> dict[str, Any]:
    """``network``, ``storage`` and ``platform`` of a node."""
    return {"network": network(site, node), "storage": storage(node), "platform": {
        "image": node.image, "kernel": node.kernel, "kernel_params": node.kernel_cmdline,
        "tags": list(node.tags), "annotations": dict(node.owner_data)}}


def device(node: BaremetalNode, name: str) -> dict[str, str]:
    """A slave or physical device: by its bus address if an alias gives one, else by its name."""
    alias = node.alias(name)
    if alias is None:
        return {"name": name}
    if alias.pattern is not None:
        return {"businfo": f"{alias.bus_type}@", "pattern": alias.pattern}
    return {"businfo": alias.businfo}


def network(site: Site, node: BaremetalNode) -> list[dict[str, Any]]:
    """The devices to be built, in the design's order; links that nobody configures left out."""
    built = []
    for interface in node.interfaces:
        link = site.links.get(interface.device_link or "")
        if link is None or _NO_CONFIG in link.labels:
            continue
        built.append(_device(site, node, interface, link))
    return built


def _device(site: Site, node: BaremetalNode, interface: Interface,
            link: NetworkLink) -> dict[str, Any]:
    bonded = link.bond_mode != _NO_BOND
    wanted: dict[str, Any] = {
        "name": interface.name, "kind": "bond" if bonded else "physical", "mtu": int(link.mtu),
        "slaves": [device(node, slave) for slave in interface.slaves],
        "networks": [_network(site, node, link, name) for name in interface.networks
                     if name in site.networks]}
    if bonded:
        wanted["bond"] = {key: value for key, value in link.bonding.items()
                          if key in ("mode", "hash", "peer_rate", "mon_rate", "up_delay",
                                     "down_delay")}
    return wanted


def _network(site: Site, node: BaremetalNode, link: NetworkLink, name: str) -> dict[str, Any]:
    found = site.networks[name]
    native = name == link.default_network or not found.vlan
    address = node.address_on(name)
    dynamic = any(item.network == name and not item.static for item in node.addressing)
    wanted = {"cidr": found.cidr, "tagged": not native,
              "mode": "static" if address else "dhcp" if dynamic else "link_up"}
    if address:
        wanted["address"] = address
    if found.mtu:
        wanted["mtu"] = int(found.mtu)
    if name == node.primary_network and found.gateway:
        wanted["gateway"] = True
    return wanted


def storage(node: BaremetalNode) -> dict[str, Any]:
    """Disks and volume groups; ``{}`` where the design says nothing of storage."""
    if not node.storage.devices:
        return {}
    groups = [{"name": group.name, "uuid": group.vg_uuid, "logical_volumes": [
        {"name": volume.name, "size": _size(volume.size),
         "filesystem": _filesystem(volume.filesystem)} for volume in group.logical_volumes]}
        for group in node.storage.volume_groups]
    boot = _boot_disk(node)
    return {"devices": [{**_disk(node, one), "boot": one.name == boot}
                        for one in node.storage.devices],
            "volume_groups": [group for group in groups
                              if group["name"] in _joined(node.storage.physical_volumes())]}


def _joined(volumes: Iterable[tuple]) -> set[str]:
    """Names of volume groups that have a physical volume on this node."""
    return {group for _, group in volumes}


def _disk(node: BaremetalNode, one: Device) -> dict[str, Any]:
    return {"device": device(node, one.name), "volume_group": one.volume_group,
            "partitions": [_partition(part) for part in one.partitions]}


def _boot_disk(node: BaremetalNode) -> str | None:
    """The disk with the boot files, or with the volume group that has the root."""
    mounts = node.storage.mounts()
    path = next((mounts[point][0] for point in _BOOT if point in mounts), None)
    if path is None:
        return None
    if path[1] == "physical_devices":
        return path[2]
    return next((volume[2] for volume, group in node.storage.physical_volumes()
                 if group == path[2]), None)


def _partition(part: Partition) -> dict[str, Any]:
    return {"name": part.name, "size": _size(part.size), "bootable": part.bootable,
            "uuid": part.part_uuid, "volume_group": part.volume_group,
            "filesystem": _filesystem(part.filesystem)}


def _size(text: str | None) -> dict[str, Any] | None:
    size = sizes.parse(text)
    return None if size is None else {
        "bytes": size.bytes, "percent": size.percent, "at_least": size.at_least}


def _filesystem(found: Filesystem | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {"fstype": found.fstype, "mountpoint": found.mountpoint,
            "mount_options": found.mount_options, "label": found.fs_label,
            "uuid": found.fs_uuid}
