"""Tables of what belongs to the site rather than to a machine."""

import collections
import itertools

from provisioner.simulator.maas.errors import missing
from provisioner.simulator.maas.network import (
    Domain,
    Fabric,
    Range,
    StaticRoute,
    Subnet,
    Vlan,
)
from provisioner.simulator.maas.routing import ROOT


class Ids:
    """Numbers by kind, each given once."""

    def __init__(self):
        self._next: dict = collections.defaultdict(lambda: itertools.count(1))

    def new(self, kind: str) -> int:
        return next(self._next[kind])

    def start(self, **first: int) -> None:
        """Let the ids of these kinds go on from here."""
        self._next.update({kind: itertools.count(number) for kind, number in first.items()})


class Table(dict):
    """Things of one kind by their key. :param kind: what a 404 calls them"""

    def __init__(self, kind: str):
        super().__init__()
        self.kind = kind

    def find(self, key):
        """:raises ApiError: 404"""
        key = int(key) if isinstance(key, str) and key.isdigit() else key
        if key not in self:
            raise missing(self.kind)
        return self[key]


class Sites:
    """Networks by id; spaces, zones and tags by name, pools by id."""

    def __init__(self, ids: Ids):
        self._ids = ids
        self.fabrics, self.vlans = Table("Fabric"), Table("VLAN")
        self.subnets, self.ranges = Table("Subnet"), Table("IPRange")
        self.routes, self.domains = Table("StaticRoute"), Table("Domain")
        self.spaces, self.zones = Table("Space"), Table("Zone")
        self.pools, self.tags = Table("ResourcePool"), Table("Tag")
        self.domains[0] = Domain(0, "maas")
        self.add_zone("default", "")
        self.add_pool("default", "Default pool")

    def add_zone(self, name: str, description: str) -> dict:
        self.zones[name] = {"name": name, "description": description,
                            "id": self._ids.new("zone"), "resource_uri": f"{ROOT}zones/{name}/"}
        return self.zones[name]

    def add_pool(self, name: str, description: str) -> dict:
        number = self._ids.new("pool") - 1
        self.pools[number] = {"name": name, "description": description, "id": number,
                              "resource_uri": f"{ROOT}resourcepool/{number}/"}
        return self.pools[number]

    def add_domain(self, name: str, **more) -> Domain:
        domain = Domain(self._ids.new("domain"), name, **more)
        self.domains[domain.id] = domain
        return domain

    def add_fabric(self, name: str | None, class_type: str | None = None) -> Fabric:
        """A fabric, with the untagged VLAN that each has."""
        number = self._ids.new("fabric")
        fabric = Fabric(number, name or f"fabric-{number}", class_type)
        self.fabrics[number] = fabric
        self.add_vlan(fabric, 0, "untagged")
        return fabric

    def add_vlan(self, fabric: Fabric, vid: int, name: str, mtu: int = 1500) -> Vlan:
        vlan = Vlan(self._ids.new("vlan"), vid, fabric, name, mtu)
        self.vlans[vlan.id] = vlan
        return vlan

    def add_subnet(self, name: str, cidr: str, vlan: Vlan, **more) -> Subnet:
        subnet = Subnet(self._ids.new("subnet"), name, cidr, vlan, **more)
        self.subnets[subnet.id] = subnet
        return subnet

    def add_range(self, kind: str, bounds: tuple[str, str], subnet: Subnet, comment: str,
                  user: dict) -> Range:
        found = Range(self._ids.new("range"), kind, *bounds, subnet, comment, user)
        self.ranges[found.id] = found
        return found

    def add_route(self, source: Subnet, destination: Subnet, gateway: str,
                  metric: int) -> StaticRoute:
        route = StaticRoute(self._ids.new("route"), source, destination, gateway, metric)
        self.routes[route.id] = route
        return route

    def vlan_of(self, fabric: Fabric, vid: int) -> Vlan | None:
        return next((one for one in self.vlans.values()
                     if one.fabric is fabric and one.vid == vid), None)
