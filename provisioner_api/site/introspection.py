"""What a design says of one node, for that node itself. Pure; nothing of its BMC is in it."""

from typing import Any

from provisioner.site.model import BaremetalNode, Interface, Site


def describe(site: Site, node: BaremetalNode) -> dict[str, Any]:
    """Name, place, labels, network and platform of a node, as plain data."""
    rack = site.racks.get(node.rack or "")
    return {
        "hostname": node.name, "fqdn": node.fqdn, "site": site.name, "tags": list(node.tags),
        "labels": dict(node.owner_data),
        "rack": {"name": node.rack, "location": rack.location if rack else {},
                 "labels": rack.labels if rack else {}},
        "image": node.image, "kernel_params": node.kernel_cmdline,
        "primary_network": node.primary_network,
        "interfaces": [_interface(site, node, interface) for interface in node.interfaces],
        "networks": {item.network: _network(site, item.network)
                     for item in node.addressing if item.network in _used(node)}}


def _used(node: BaremetalNode) -> set[str]:
    """Networks on the node's own interfaces: that of its BMC is not among them."""
    return {name for interface in node.interfaces for name in interface.networks}


def _interface(site: Site, node: BaremetalNode, interface: Interface) -> dict[str, Any]:
    link = site.links.get(interface.device_link or "")
    addresses = {item.network: item.address for item in node.addressing}
    return {"name": interface.name, "slaves": list(interface.slaves),
            "mtu": link.mtu if link else None, "bonding": dict(link.bonding) if link else None,
            "networks": [{"network": name, "address": addresses.get(name),
                          "vlan": site.networks[name].vlan if name in site.networks else None}
                         for name in interface.networks]}


def _network(site: Site, name: str) -> dict[str, Any] | None:
    known = site.networks.get(name)
    return None if known is None else {
        "cidr": known.cidr, "vlan": known.vlan, "mtu": known.mtu, "gateway": known.gateway,
        "dns_domain": known.dns_domain, "dns_servers": list(known.dns_servers),
        "routes": [{"subnet": route.subnet, "gateway": route.gateway, "metric": route.metric}
                   for route in known.routes if route.subnet]}
