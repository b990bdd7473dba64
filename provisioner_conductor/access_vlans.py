"""Access VLANs of a machine's switch ports, as far as its design says them. Pure.

A network's own ``vlan`` is a tag, and an access port has none: its network is untagged. What the
switch calls that network is the label ``access_vlan``. The network in which ramdisks boot has the
label ``provisioning``; without one it is that of the boot interface's link that has a dhcp range.
"""

from provisioner.site.model import BaremetalNode, Interface, Network, Site

LABEL = "access_vlan"
PROVISIONING = "provisioning"


def settings(site: Site, node: BaremetalNode) -> dict[str, int]:
    """``switch_provisioning_vlan`` and ``switch_production_vlan``; empty unless both are said."""
    boot = boot_interface(site, node)
    if boot is None:
        return {}
    production = site.networks.get(_native(site, boot) or "")
    provisioning = next((network for network in site.networks.values()
                         if PROVISIONING in network.labels), None) or _booting(site, boot)
    found = {"switch_provisioning_vlan": _number(provisioning),
             "switch_production_vlan": _number(production)}
    return {} if None in found.values() else found


def boot_interface(site: Site, node: BaremetalNode) -> Interface | None:
    """The one that the hardware profile's ``pxe_interface`` counts, or that has DHCP."""
    index = node.hardware.pxe_interface if node.hardware else None
    if index is not None and 0 <= int(index) < len(node.interfaces):
        return node.interfaces[int(index)]
    return next((one for one in node.interfaces if any(
        _has_dhcp(site.networks.get(name)) for name in one.networks)), None)


def _native(site: Site, interface: Interface) -> str | None:
    link = site.links.get(interface.device_link or "")
    return link.default_network if link else None


def _booting(site: Site, interface: Interface) -> Network | None:
    link = site.links.get(interface.device_link or "")
    names = link.allowed_networks if link else ()
    return next((site.networks[name] for name in names
                 if _has_dhcp(site.networks.get(name))), None)


def _has_dhcp(network: Network | None) -> bool:
    return network is not None and any(item.type == "dhcp" for item in network.ranges)


def _number(network: Network | None) -> int | None:
    text = network.labels.get(LABEL) if network else None
    return int(text) if text and text.isdigit() and 1 <= int(text) <= 4094 else None
