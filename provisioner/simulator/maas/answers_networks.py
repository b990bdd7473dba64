"""Operations on the networks of the site."""

import ipaddress

from provisioner.simulator.maas.errors import choice, conflict, invalid, missing, required
from provisioner.simulator.maas.network import Fabric, Subnet, Vlan
from provisioner.simulator.maas.routing import ROOT, Answer, Call, operation

_GONE = Answer("", 204)


def _fabric_view(call: Call, fabric: Fabric) -> dict:
    vlans = [one.view() for one in call.region.site.vlans.values() if one.fabric is fabric]
    return {"class_type": fabric.class_type, "name": fabric.name, "id": fabric.id,
            "vlans": vlans, "resource_uri": f"{ROOT}fabrics/{fabric.id}/"}


@operation("fabrics/")
def fabrics(call: Call) -> list:
    return [_fabric_view(call, one) for one in call.region.site.fabrics.values()]


@operation("fabrics/", "POST", admin=True)
def create_fabric(call: Call) -> dict:
    name = call.one("name")
    if name and any(one.name == name for one in call.region.site.fabrics.values()):
        raise invalid(name="Fabric with this Name already exists.")
    return _fabric_view(call, call.region.site.add_fabric(name, call.one("class_type")))


@operation("fabrics/{id}/")
def fabric(call: Call) -> dict:
    return _fabric_view(call, call.region.site.fabrics.find(call.part["id"]))


@operation("fabrics/{id}/", "PUT", admin=True)
def update_fabric(call: Call) -> dict:
    found = call.region.site.fabrics.find(call.part["id"])
    found.name = call.one("name") or found.name
    found.class_type = call.one("class_type", found.class_type)
    return _fabric_view(call, found)


@operation("fabrics/{id}/vlans/")
def vlans(call: Call) -> list:
    return _fabric_view(call, call.region.site.fabrics.find(call.part["id"]))["vlans"]


@operation("fabrics/{id}/vlans/", "POST", admin=True)
def create_vlan(call: Call) -> dict:
    site = call.region.site
    found, vid = site.fabrics.find(call.part["id"]), call.number("vid")
    if vid is None:
        raise required("vid")
    if not 0 <= vid <= 4094:
        raise invalid(vid="VID must be between 0 and 4094.")
    if site.vlan_of(found, vid):
        raise invalid(all_="A VLAN with the specified VID already exists in the destination "
                           "fabric.")
    made = site.add_vlan(found, vid, call.one("name") or str(vid), call.number("mtu", 1500))
    made.space = call.one("space") or made.space
    return made.view()


def _vlan(call: Call) -> Vlan:
    site = call.region.site
    found = site.vlan_of(site.fabrics.find(call.part["fabric"]), int(call.part["vid"]))
    if found is None:
        raise missing("VLAN")
    return found


def _update_vlan(call: Call, found: Vlan) -> dict:
    site = call.region.site
    racks = {name: call.one(name) or getattr(found, name)
             for name in ("primary_rack", "secondary_rack")}
    if call.flag("dhcp_on") and not racks["primary_rack"]:
        raise invalid(all_="dhcp can only be turned on when a primary rack controller is set.")
    dynamic = any(one.kind == "dynamic" and one.subnet.vlan is found
                  for one in site.ranges.values())
    if call.flag("dhcp_on") and not dynamic:
        raise invalid(all_="dhcp can only be turned on when a dynamic IP range is defined.")
    found.primary_rack, found.secondary_rack = racks["primary_rack"], racks["secondary_rack"]
    found.name, found.mtu = call.one("name") or found.name, call.number("mtu", found.mtu)
    found.dhcp_on = call.flag("dhcp_on", found.dhcp_on)
    found.space = _space(call, found)
    if call.has("relay_vlan"):
        key = call.number("relay_vlan")
        found.relay = site.vlans.find(key) if key else None
    return found.view()


def _space(call: Call, found: Vlan) -> str:
    key = call.one("space")
    if not key:
        return found.space
    by_id = {str(one["id"]): name for name, one in call.region.site.spaces.items()}
    return by_id.get(key, key)


@operation("fabrics/{fabric}/vlans/{vid}/")
def vlan(call: Call) -> dict:
    return _vlan(call).view()


@operation("fabrics/{fabric}/vlans/{vid}/", "PUT", admin=True)
def update_vlan(call: Call) -> dict:
    return _update_vlan(call, _vlan(call))


@operation("fabrics/{fabric}/vlans/{vid}/", "DELETE", admin=True)
def delete_vlan(call: Call) -> Answer:
    found = _vlan(call)
    if found.vid == 0:
        raise conflict("This VLAN is the default VLAN in the fabric, it cannot be deleted.")
    del call.region.site.vlans[found.id]
    return _GONE


@operation("vlans/{id}/")
def vlan_by_id(call: Call) -> dict:
    return call.region.site.vlans.find(call.part["id"]).view()


@operation("vlans/{id}/", "PUT", admin=True)
def update_vlan_by_id(call: Call) -> dict:
    return _update_vlan(call, call.region.site.vlans.find(call.part["id"]))


@operation("subnets/")
def subnets(call: Call) -> list:
    return [one.view() for one in call.region.site.subnets.values()]


def _vlan_for(call: Call, default: Vlan | None) -> Vlan:
    """The VLAN that a subnet is to be on."""
    site = call.region.site
    if call.one("vlan"):
        key = call.one("vlan")
        if not key.isdigit() or int(key) not in site.vlans:
            raise choice("vlan", key)
        return site.vlans[int(key)]
    if call.has("fabric") or call.has("vid"):
        on = site.fabrics.find(call.one("fabric", "1"))
        found = site.vlan_of(on, call.number("vid", 0))
        if found is None:
            raise choice("vid", call.one("vid"))
        return found
    return default or next(iter(site.vlans.values()))


def _check_gateway(gateway: str | None, cidr: str) -> None:
    if gateway and ipaddress.ip_address(gateway) not in ipaddress.ip_network(cidr):
        raise invalid(gateway_ip="Gateway IP must be within CIDR range.")


@operation("subnets/", "POST", admin=True)
def create_subnet(call: Call) -> dict:
    cidr = call.one("cidr")
    if not cidr:
        raise required("cidr")
    if any(one.cidr == cidr for one in call.region.site.subnets.values()):
        raise invalid(cidr="Subnet with this Cidr already exists.")
    _check_gateway(call.one("gateway_ip"), cidr)
    made = call.region.site.add_subnet(
        call.one("name") or cidr, cidr, _vlan_for(call, None),
        gateway_ip=call.one("gateway_ip") or None,
        dns_servers=_servers(call), managed=call.flag("managed", True),
        allow_proxy=call.flag("allow_proxy", True))
    return made.view()


def _servers(call: Call) -> list[str]:
    return [one for value in call.many("dns_servers") for one in value.split()]


def _subnet(call: Call) -> Subnet:
    key = call.part["id"]
    for one in call.region.site.subnets.values():
        if key in (str(one.id), one.name, f"cidr:{one.cidr}"):
            return one
    raise missing("Subnet")


@operation("subnets/{id}/")
def subnet(call: Call) -> dict:
    return _subnet(call).view()


@operation("subnets/{id}/", "PUT", admin=True)
def update_subnet(call: Call) -> dict:
    found = _subnet(call)
    _check_gateway(call.one("gateway_ip"), found.cidr)
    found.name = call.one("name") or found.name
    found.vlan = _vlan_for(call, found.vlan)
    if call.has("gateway_ip"):
        found.gateway_ip = call.one("gateway_ip") or None
    if call.has("dns_servers"):
        found.dns_servers = _servers(call)
    return found.view()


@operation("subnets/{id}/", "DELETE", admin=True)
def delete_subnet(call: Call) -> Answer:
    del call.region.site.subnets[_subnet(call).id]
    return _GONE


def _spans(call: Call, found: Subnet) -> list[tuple[int, int, str]]:
    """Taken spans of a subnet, in order: (first, last, purpose)."""
    spans = [(int(ipaddress.ip_address(one.start)), int(ipaddress.ip_address(one.end)), one.kind)
             for one in call.region.site.ranges.values() if one.subnet is found]
    if found.gateway_ip:
        address = int(ipaddress.ip_address(found.gateway_ip))
        spans.append((address, address, "gateway-ip"))
    return sorted(spans)


def _span(first: int, last: int) -> dict:
    return {"start": str(ipaddress.ip_address(first)), "end": str(ipaddress.ip_address(last)),
            "num_addresses": last - first + 1}


@operation("subnets/{id}/", op="reserved_ip_ranges")
def reserved_ranges(call: Call) -> list:
    return [{**_span(first, last), "purpose": [purpose]}
            for first, last, purpose in _spans(call, _subnet(call))]


@operation("subnets/{id}/", op="unreserved_ip_ranges")
def unreserved_ranges(call: Call) -> list:
    found = _subnet(call)
    network, free = found.network, []
    first = int(network.network_address) + 1
    for start, end, _ in _spans(call, found):
        if start > first:
            free.append(_span(first, start - 1))
        first = max(first, end + 1)
    if first < int(network.broadcast_address):
        free.append(_span(first, int(network.broadcast_address) - 1))
    return free


@operation("subnets/{id}/", op="statistics")
def statistics(call: Call) -> dict:
    found = _subnet(call)
    free = [one["num_addresses"] for one in unreserved_ranges(call)]
    total = found.network.num_addresses - 2
    usage = (total - sum(free)) / total
    return {"num_available": sum(free), "largest_available": max(free, default=0),
            "num_unavailable": total - sum(free), "total_addresses": total, "usage": usage,
            "usage_string": f"{usage:.0%}", "available_string": f"{1 - usage:.0%}",
            "first_address": str(found.network.network_address + 1),
            "last_address": str(found.network.broadcast_address - 1),
            "ip_version": found.network.version}


@operation("subnets/{id}/", op="ip_addresses")
def addresses(call: Call) -> list:
    _subnet(call)
    return []


@operation("ipranges/")
def ranges(call: Call) -> list:
    return [one.view() for one in call.region.site.ranges.values()]


@operation("ipranges/", "POST", admin=True)
def create_range(call: Call) -> dict:
    start, end, kind = call.one("start_ip"), call.one("end_ip"), call.one("type")
    for name, value in (("type", kind), ("start_ip", start), ("end_ip", end)):
        if not value:
            raise required(name)
    site = call.region.site
    within = site.subnets.find(call.one("subnet")) if call.one("subnet") else next(
        (one for one in site.subnets.values() if ipaddress.ip_address(start) in one.network),
        None)
    if within is None:
        raise required("subnet")
    if any(one.subnet is within and one.overlaps(start, end) for one in site.ranges.values()):
        text = f"Requested {kind} range conflicts with an existing IP address or range."
        raise invalid(start_ip=text, end_ip=text)
    return site.add_range(kind, (start, end), within, call.one("comment", ""),
                          _user_view(call)).view()


def _user_view(call: Call) -> dict:
    return {"is_superuser": call.user.admin, "username": call.user.name,
            "email": f"{call.user.name}@example.com", "is_local": True,
            "resource_uri": f"{ROOT}users/{call.user.name}/"}


@operation("ipranges/{id}/", "DELETE")
def delete_range(call: Call) -> Answer:
    call.region.site.ranges.find(call.part["id"])
    del call.region.site.ranges[int(call.part["id"])]
    return _GONE


@operation("static-routes/")
def routes(call: Call) -> list:
    return [one.view() for one in call.region.site.routes.values()]


@operation("static-routes/", "POST", admin=True)
def create_route(call: Call) -> dict:
    site = call.region.site
    source, destination = (site.subnets.find(call.one(name, "0"))
                           for name in ("source", "destination"))
    gateway = call.one("gateway_ip", "")
    if not gateway or ipaddress.ip_address(gateway) not in source.network:
        raise invalid(gateway_ip="Enter an IP address in the source subnet.")
    return site.add_route(source, destination, gateway, call.number("metric", 0)).view()


@operation("static-routes/{id}/", "DELETE", admin=True)
def delete_route(call: Call) -> Answer:
    call.region.site.routes.find(call.part["id"])
    del call.region.site.routes[int(call.part["id"])]
    return _GONE


@operation("domains/")
def domains(call: Call) -> list:
    return [one.view() for one in call.region.site.domains.values()]


@operation("domains/", "POST", admin=True)
def create_domain(call: Call) -> dict:
    name = call.one("name")
    if any(one.name == name for one in call.region.site.domains.values()):
        raise invalid(name="Domain with this Name already exists.")
    return call.region.site.add_domain(name, authoritative=call.flag("authoritative", True),
                                       ttl=call.number("ttl")).view()


def _space_view(call: Call, space: dict) -> dict:
    site = call.region.site
    return {"description": "", "name": space["name"], "id": space["id"],
            "subnets": [one.view() for one in site.subnets.values()
                        if one.vlan.space == space["name"]],
            "vlans": [one.view() for one in site.vlans.values() if one.space == space["name"]],
            "resource_uri": f"{ROOT}spaces/{space['id']}/"}


@operation("spaces/")
def spaces(call: Call) -> list:
    return [_space_view(call, one) for one in call.region.site.spaces.values()]


@operation("spaces/", "POST", admin=True)
def create_space(call: Call) -> dict:
    name = call.one("name")
    if not name:
        raise required("name")
    call.region.site.spaces[name] = {"name": name, "id": call.region.ids.new("space")}
    return _space_view(call, call.region.site.spaces[name])
