"""Network interfaces of a machine, and their links to subnets."""

import dataclasses

from provisioner.simulator.maas.network import Subnet, Vlan
from provisioner.simulator.maas.routing import ROOT

#: status numbers in which the network of a machine may be changed: New, Ready, Allocated, Broken
EDITABLE = frozenset({0, 4, 8, 10})
BOND_MODES = ("balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb",
              "balance-alb")
#: parameter of a bond -> what it is when nobody says
BOND_DEFAULTS = {"bond_mode": "active-backup", "bond_miimon": 100, "bond_downdelay": 0,
                 "bond_updelay": 0, "bond_lacp_rate": "fast", "bond_num_grat_arp": 1,
                 "bond_xmit_hash_policy": "layer2"}


@dataclasses.dataclass
class Link:
    """``mode`` is ``auto``, ``dhcp``, ``static`` or ``link_up``."""

    id: int
    mode: str
    subnet: Subnet | None = None
    address: str | None = None

    def view(self) -> dict:
        shown: dict = {"id": self.id, "mode": self.mode}
        if self.address and self.mode in ("static", "auto"):
            shown["ip_address"] = self.address
        if self.subnet:
            shown["subnet"] = self.subnet.view()
        return shown


@dataclasses.dataclass
class Interface:
    """``parents`` are interfaces of the same machine, such as the slaves of a bond."""

    id: int
    name: str
    kind: str
    mac: str
    vlan: Vlan | None = None
    parents: list["Interface"] = dataclasses.field(default_factory=list)
    links: list[Link] = dataclasses.field(default_factory=list)
    params: dict = dataclasses.field(default_factory=dict)
    tags: list[str] = dataclasses.field(default_factory=list)
    pci: str = ""
    discovered: list[Link] | None = None

    @property
    def mtu(self) -> int:
        own = self.params.get("mtu")
        return own or (self.vlan.mtu if self.vlan else 1500)

    def view(self, system_id: str, siblings: list["Interface"]) -> dict:
        physical = self.kind == "physical"
        return {
            "discovered": None if self.discovered is None else [
                {"subnet": link.subnet.view(), "ip_address": link.address}
                for link in self.discovered],
            "name": self.name, "numa_node": 0 if physical else None, "tags": list(self.tags),
            "vlan": self.vlan.view() if self.vlan else None, "type": self.kind,
            "link_connected": physical, "effective_mtu": self.mtu,
            "links": [link.view() for link in self.links], "id": self.id,
            "children": [one.name for one in siblings if self in one.parents],
            "interface_speed": 10000 if self.pci else 0,
            "product": "Simulated NIC" if self.pci else None, "sriov_max_vf": 0,
            "link_speed": 10000 if self.pci else 0, "params": dict(self.params),
            "firmware_version": "1.0" if self.pci else None, "system_id": system_id,
            "vendor": "Simulated" if self.pci else None, "enabled": True,
            "parents": [one.name for one in self.parents], "mac_address": self.mac,
            "resource_uri": f"{ROOT}nodes/{system_id}/interfaces/{self.id}/"}
