"""Networking of a node as its config drive tells it: ``network_data.json`` of OpenStack. Pure.

The design names devices by alias or by the name the system gives them; an image knows interfaces
by their MAC addresses only, which the inventory has. Where one of them cannot be told nothing is
said at all: half a network keeps the image's own from working.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from provisioner.site.model import (
    DEFAULT_ROUTES,
    BaremetalNode,
    Interface,
    Network,
    NetworkLink,
    Site,
    parse_network,
)
from provisioner_conductor import access_vlans

#: label of links that are left alone, with all their networks
NO_CONFIG = "noconfig"


@dataclasses.dataclass
class Told:
    """:ivar document: for the drive, or None
    :ivar missing: devices of which nobody knows the MAC address
    """

    document: dict[str, Any] | None
    missing: list[str]


def build(site: Site, node: BaremetalNode, inventory: Mapping[str, Any]) -> Told:
    """Links, addresses, routes and name servers of the node's configured interfaces."""
    devices = _Devices(site, node, inventory)
    links: list[dict] = []
    networks: list[dict] = []
    servers: dict[str, None] = {}
    for interface in node.interfaces:
        link = site.links.get(interface.device_link or "")
        if link is None or NO_CONFIG in link.labels or not interface.slaves:
            continue
        links += _physical(interface, link, devices)
        for name in interface.networks:
            known = site.networks.get(name)
            if known is not None:
                own, told = _on_network(node, interface, link, known)
                links += own
                networks += told
                servers |= dict.fromkeys(known.dns_servers if told else ())
    if devices.missing or not links:
        return Told(None, devices.missing)
    macs = {entry["id"]: entry["ethernet_mac_address"] for entry in links
            if entry["type"] != "vlan"}
    for entry in links:
        if entry["type"] == "vlan":
            entry["vlan_mac_address"] = macs[entry["vlan_link"]]
    return Told({"links": links, "networks": networks, "services": [
        {"type": "dns", "address": server} for server in servers]}, [])


class _Devices:
    """MAC addresses by what a design calls a device."""

    def __init__(self, site: Site, node: BaremetalNode, inventory: Mapping[str, Any]):
        self._node = node
        self._boot = access_vlans.boot_interface(site, node)
        self._found = [entry for entry in inventory.get("interfaces") or []
                       if entry.get("mac_address")]
        self.missing: list[str] = []

    def mac(self, interface: Interface, device: str) -> str:
        """``""`` if nobody knows; then it is among the missing."""
        alias = self._node.alias(device)
        for entry in self._found:
            if entry.get("name") == device if alias is None else alias.matches(
                    "pci", entry.get("pci_address") or ""):
                return entry["mac_address"].lower()
        if interface == self._boot and len(interface.slaves) == 1 and self._node.boot_mac:
            return self._node.boot_mac
        self.missing.append(device)
        return ""


def _physical(interface: Interface, link: NetworkLink, devices: _Devices) -> Iterator[dict]:
    """The interface itself: a device, or a bond and its devices."""
    macs = [devices.mac(interface, device) for device in interface.slaves]
    if link.bond_mode == "disabled":
        yield {"id": interface.name, "type": "phy", "ethernet_mac_address": macs[0],
               "mtu": int(link.mtu)}
        return
    ids = [f"{interface.name}-{number}" for number in range(len(macs))]
    for ident, mac in zip(ids, macs, strict=True):
        yield {"id": ident, "type": "phy", "ethernet_mac_address": mac, "mtu": int(link.mtu)}
    bonding = link.bonding
    options = {"bond_mode": bonding["mode"], "bond_miimon": int(bonding["mon_rate"]),
               "bond_updelay": int(bonding["up_delay"]),
               "bond_downdelay": int(bonding["down_delay"])}
    if bonding["mode"] == "802.3ad":
        options |= {"bond_xmit_hash_policy": bonding["hash"],
                    "bond_lacp_rate": bonding["peer_rate"]}
    yield {"id": interface.name, "type": "bond", "bond_links": ids, "mtu": int(link.mtu),
           "ethernet_mac_address": macs[0], **options}


def _on_network(node: BaremetalNode, interface: Interface, link: NetworkLink, network: Network
                ) -> tuple[list[dict], list[dict]]:
    """The VLAN, if the network is not the link's own, and the node's address in the network."""
    links, ident = [], interface.name
    if network.vlan and network.name != link.default_network:
        ident = f"{interface.name}.{network.vlan}"
        links = [{"id": ident, "type": "vlan", "vlan_link": interface.name,
                  "vlan_id": int(network.vlan), "mtu": int(network.mtu or link.mtu)}]
    address = next((item for item in node.addressing if item.network == network.name), None)
    if address is None or network.prefix is None:
        return links, []
    family = f"ipv{network.prefix.version}"
    told = {"id": network.name, "network_id": network.name, "link": ident,
            "type": family if address.static else f"{family}_dhcp"}
    if address.static:
        told |= {"ip_address": address.address, "netmask": str(network.prefix.netmask),
                 "routes": list(_routes(network, network.name == node.primary_network))}
    return links, [told]


def _routes(network: Network, primary: bool) -> Iterator[dict]:
    """Only the primary network has the default route."""
    for route in network.routes:
        prefix = parse_network(route.subnet)
        if prefix is None or not route.gateway or (
                route.subnet in DEFAULT_ROUTES and not primary):
            continue
        yield {"network": str(prefix.network_address), "netmask": str(prefix.netmask),
               "gateway": route.gateway}
