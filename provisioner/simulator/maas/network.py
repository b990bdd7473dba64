"""Networks of the site: fabrics, VLANs, subnets, address ranges, routes, domains."""

import dataclasses
import ipaddress

from provisioner.simulator.maas.routing import ROOT


@dataclasses.dataclass
class Fabric:
    id: int
    name: str
    class_type: str | None = None
    description: str = ""


@dataclasses.dataclass
class Vlan:
    """``relay`` is the VLAN that DHCP requests are relayed to."""

    id: int
    vid: int
    fabric: Fabric
    name: str = "untagged"
    mtu: int = 1500
    dhcp_on: bool = False
    primary_rack: str | None = None
    secondary_rack: str | None = None
    relay: "Vlan | None" = None
    space: str = "undefined"

    def view(self) -> dict:
        return {"vid": self.vid, "mtu": self.mtu, "dhcp_on": self.dhcp_on, "external_dhcp": None,
                "relay_vlan": self.relay.view() if self.relay else None, "name": self.name,
                "fabric_id": self.fabric.id, "fabric": self.fabric.name, "space": self.space,
                "primary_rack": self.primary_rack, "secondary_rack": self.secondary_rack,
                "id": self.id, "resource_uri": f"{ROOT}vlans/{self.id}/"}


@dataclasses.dataclass
class Subnet:
    id: int
    name: str
    cidr: str
    vlan: Vlan
    gateway_ip: str | None = None
    dns_servers: list[str] = dataclasses.field(default_factory=list)
    description: str = ""
    managed: bool = True
    allow_dns: bool = True
    allow_proxy: bool = True
    active_discovery: bool = False
    rdns_mode: int = 2

    @property
    def network(self):
        return ipaddress.ip_network(self.cidr)

    def view(self) -> dict:
        return {"name": self.name, "description": self.description, "vlan": self.vlan.view(),
                "cidr": self.cidr, "rdns_mode": self.rdns_mode, "gateway_ip": self.gateway_ip,
                "dns_servers": list(self.dns_servers), "allow_dns": self.allow_dns,
                "allow_proxy": self.allow_proxy, "active_discovery": self.active_discovery,
                "managed": self.managed, "disabled_boot_architectures": [],
                "space": self.vlan.space, "id": self.id,
                "resource_uri": f"{ROOT}subnets/{self.id}/"}


@dataclasses.dataclass
class Range:
    """``kind`` is ``dynamic`` or ``reserved``; both bounds belong to it."""

    id: int
    kind: str
    start: str
    end: str
    subnet: Subnet
    comment: str
    user: dict

    def contains(self, address: str) -> bool:
        return (ipaddress.ip_address(self.start) <= ipaddress.ip_address(address)
                <= ipaddress.ip_address(self.end))

    def overlaps(self, start: str, end: str) -> bool:
        return (ipaddress.ip_address(self.start) <= ipaddress.ip_address(end)
                and ipaddress.ip_address(start) <= ipaddress.ip_address(self.end))

    def view(self) -> dict:
        return {"subnet": self.subnet.view(), "type": self.kind, "start_ip": self.start,
                "end_ip": self.end, "user": self.user, "comment": self.comment, "id": self.id,
                "resource_uri": f"{ROOT}ipranges/{self.id}/"}


@dataclasses.dataclass
class StaticRoute:
    id: int
    source: Subnet
    destination: Subnet
    gateway_ip: str
    metric: int = 0

    def view(self) -> dict:
        return {"source": self.source.view(), "destination": self.destination.view(),
                "gateway_ip": self.gateway_ip, "metric": self.metric, "id": self.id,
                "resource_uri": f"{ROOT}static-routes/{self.id}/"}


@dataclasses.dataclass
class Domain:
    id: int
    name: str
    authoritative: bool = True
    ttl: int | None = None

    def view(self) -> dict:
        return {"authoritative": self.authoritative, "ttl": self.ttl, "name": self.name,
                "resource_record_count": 0, "is_default": self.id == 0, "id": self.id,
                "resource_uri": f"{ROOT}domains/{self.id}/"}
