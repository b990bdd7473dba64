"""Operations on the network interfaces of a machine."""

import ipaddress

from provisioner.simulator.maas import interface as i
from provisioner.simulator.maas.errors import (
    ApiError,
    choice,
    conflict,
    invalid,
    missing,
    required,
)
from provisioner.simulator.maas.interface import Interface
from provisioner.simulator.maas.machine import Machine
from provisioner.simulator.maas.network import Subnet, Vlan
from provisioner.simulator.maas.routing import Answer, Call, operation

_ALL, _ONE = "nodes/{system_id}/interfaces/", "nodes/{system_id}/interfaces/{id}/"
_NUMBERS = ("mtu", "bond_miimon", "bond_downdelay", "bond_updelay", "bond_num_grat_arp",
            "bridge_fd")


def _machine(call: Call, what: str | None = None) -> Machine:
    """:param what: what is about to be done, for the refusal in states that allow no change"""
    machine = call.region.machine(call.part["system_id"], "Node")
    if what and machine.status not in i.EDITABLE:
        raise conflict(f"Cannot {what} because the machine is not New, Ready, Allocated, or "
                       "Broken.")
    return machine


def _interface(machine: Machine, key) -> Interface:
    for known in machine.interfaces:
        if str(key) in (str(known.id), known.name):
            return known
    raise missing("Interface")


def _view(machine: Machine, interface: Interface) -> dict:
    return interface.view(machine.system_id, machine.interfaces)


def _vlan(call: Call) -> Vlan | None:
    """The VLAN that the request names. :raises ApiError: there is none"""
    key = call.one("vlan")
    if not key:
        return None
    if not key.isdigit() or int(key) not in call.region.site.vlans:
        raise choice("vlan", key)
    return call.region.site.vlans[int(key)]


@operation(_ALL)
def interfaces(call: Call) -> list:
    machine = _machine(call)
    return [_view(machine, one) for one in machine.interfaces]


@operation(_ONE)
def interface(call: Call) -> dict:
    machine = _machine(call)
    return _view(machine, _interface(machine, call.part["id"]))


def _parameters(call: Call, names: tuple[str, ...]) -> dict:
    """Those of ``names`` that the request has, numbers as numbers."""
    found: dict = {}
    for name in names:
        if not call.has(name):
            continue
        if name in _NUMBERS:
            found[name] = call.number(name)
        elif name == "bridge_stp":
            found[name] = call.flag(name)
        else:
            found[name] = call.one(name)
    return found


def _parents(call: Call, machine: Machine, field: str) -> list[Interface]:
    wanted = call.many(field)
    if not wanted:
        raise required(field)
    found = []
    for key in wanted:
        known = next((one for one in machine.interfaces if str(one.id) == key), None)
        if known is None:
            raise choice(field, key)
        found.append(known)
    return found


def _add(call: Call, machine: Machine, new: Interface) -> dict:
    """Put a built device in place: its parents lose their addresses."""
    if any(one.name == new.name for one in machine.interfaces):
        raise invalid(name=f"Node {machine.hostname} already has an interface named "
                           f"'{new.name}'.")
    if new.kind != "vlan":
        for parent in new.parents:
            parent.links = []
    if new.vlan is not None:
        new.links = [call.region.link("link_up")]
    new.tags = call.many("tags")
    machine.interfaces.append(new)
    return _view(machine, new)


@operation(_ALL, "POST", "create_physical", admin=True)
def create_physical(call: Call) -> dict:
    machine = _machine(call, "create physical interface")
    mac = call.one("mac_address")
    if not mac:
        raise required("mac_address")
    owner = call.region.by_mac(mac)
    if owner:
        name = next(one.name for one in owner.interfaces if one.mac == mac)
        raise invalid(mac_address=f"This MAC address is already in use by {name} (physical) on "
                                  f"{owner.hostname}.")
    name = call.one("name") or f"eth{len(machine.interfaces)}"
    return _add(call, machine, Interface(
        call.region.ids.new("interface"), name, "physical", mac.lower(), _vlan(call),
        params=_parameters(call, ("mtu", "accept_ra"))))


@operation(_ALL, "POST", "create_bond")
def create_bond(call: Call) -> dict:
    machine = _machine(call, "create bond interface")
    parents = _parents(call, machine, "parents")
    if not call.one("name"):
        raise required("name")
    mode = call.one("bond_mode", "active-backup")
    if mode not in i.BOND_MODES:
        raise choice("bond_mode", mode)
    if len({parent.vlan.id if parent.vlan else None for parent in parents}) > 1:
        raise invalid(parents="All parents must belong to the same VLAN.")
    taken = [one.name for one in machine.interfaces
             if one.kind == "bond" and set(map(id, one.parents)) & set(map(id, parents))]
    if taken:
        raise invalid(parents=f"Interfaces already in-use: {taken[0]}.")
    params = {**_parameters(call, ("mtu",)), **i.BOND_DEFAULTS,
              **_parameters(call, tuple(i.BOND_DEFAULTS))}
    if params.get("mtu"):
        for parent in parents:
            parent.params["mtu"] = params["mtu"]
    return _add(call, machine, Interface(
        call.region.ids.new("interface"), call.one("name"), "bond",
        call.one("mac_address") or parents[0].mac, _vlan(call) or parents[0].vlan, parents,
        params=params))


@operation(_ALL, "POST", "create_vlan")
def create_vlan(call: Call) -> dict:
    machine = _machine(call, "create VLAN interface")
    parent, vlan = _parents(call, machine, "parent")[0], _vlan(call)
    if vlan is None:
        raise required("vlan")
    if parent.vlan and parent.vlan.fabric is not vlan.fabric:
        raise invalid(vlan="A VLAN interface can only belong to a tagged VLAN of its parent's "
                           "fabric.")
    if vlan.vid == 0:
        raise invalid(vlan="A VLAN interface can only belong to a tagged VLAN.")
    return _add(call, machine, Interface(
        call.region.ids.new("interface"), f"{parent.name}.{vlan.vid}", "vlan", parent.mac, vlan,
        [parent], params=_parameters(call, ("mtu",))))


@operation(_ALL, "POST", "create_bridge")
def create_bridge(call: Call) -> dict:
    machine = _machine(call, "create bridge interface")
    parent = _parents(call, machine, "parent")[0]
    defaults = {"bridge_type": "standard", "bridge_stp": False, "bridge_fd": 15}
    params = {**defaults, **_parameters(call, (*defaults, "mtu"))}
    return _add(call, machine, Interface(
        call.region.ids.new("interface"), call.one("name") or "br0", "bridge",
        call.one("mac_address") or parent.mac, _vlan(call) or parent.vlan, [parent],
        params=params))


@operation(_ONE, "PUT")
def update(call: Call) -> dict:
    machine = _machine(call, "update interface")
    one = _interface(machine, call.part["id"])
    one.name = call.one("name") or one.name
    one.mac = call.one("mac_address") or one.mac
    if call.has("tags"):
        one.tags = call.many("tags")
    if call.has("vlan"):
        vlan = _vlan(call)
        if vlan is not one.vlan:
            one.links = []
        one.vlan = vlan
    one.params.update(_parameters(call, ("mtu", *i.BOND_DEFAULTS)))
    return _view(machine, one)


@operation(_ONE, "DELETE")
def delete(call: Call) -> Answer:
    machine = _machine(call, "delete interface")
    gone = _interface(machine, call.part["id"])
    machine.interfaces = [one for one in machine.interfaces
                          if one is not gone and gone not in one.parents]
    return Answer("", 204)


@operation(_ONE, "POST", "disconnect")
def disconnect(call: Call) -> dict:
    machine = _machine(call, "disconnect interface")
    one = _interface(machine, call.part["id"])
    if one.kind == "vlan":
        raise invalid(vlan="VLAN interface requires connection to a VLAN.")
    one.links, one.vlan = [], None
    return _view(machine, one)


@operation(_ONE, "POST", "add_tag")
def add_tag(call: Call) -> dict:
    machine = _machine(call)
    one = _interface(machine, call.part["id"])
    one.tags = sorted({*one.tags, call.one("tag", "")})
    return _view(machine, one)


@operation(_ONE, "POST", "remove_tag")
def remove_tag(call: Call) -> dict:
    machine = _machine(call)
    one = _interface(machine, call.part["id"])
    one.tags = [tag for tag in one.tags if tag != call.one("tag")]
    return _view(machine, one)


def _subnet(call: Call, one: Interface) -> Subnet | None:
    """The subnet to link to. :raises ApiError: none, or not on the interface's VLAN"""
    key = call.one("subnet")
    if not key:
        return None
    found = call.region.site.subnets.get(int(key)) if key.isdigit() else next(
        (known for known in call.region.site.subnets.values()
         if key in (known.name, f"cidr:{known.cidr}", known.cidr)), None)
    reachable = found is not None and (found.vlan is one.vlan or call.flag("force"))
    if not reachable:
        raise ApiError(400, {"subnet": [f"None found with id={key}.",
                                        "This field is required."]})
    return found


def _check_address(call: Call, subnet: Subnet, address: str) -> None:
    if ipaddress.ip_address(address) not in subnet.network:
        raise invalid(ip_address="IP address is not in the given subnet "
                                 f"'{subnet.name}:{subnet.cidr}(vid={subnet.vlan.vid})'.")
    for known in call.region.site.ranges.values():
        if known.kind == "dynamic" and known.subnet is subnet and known.contains(address):
            raise invalid(ip_address=f"IP address is inside a dynamic range {known.start} to "
                                     f"{known.end}.")
    for machine in call.region.machines.values():
        for one in machine.interfaces:
            if any(link.address == address for link in one.links):
                raise ApiError(404, "IP address is already in use.")


@operation(_ONE, "POST", "link_subnet")
def link_subnet(call: Call) -> dict:
    machine = _machine(call, "link subnet")
    one = _interface(machine, call.part["id"])
    mode = call.one("mode", "").lower()
    if mode not in ("auto", "dhcp", "static", "link_up"):
        raise choice("mode", call.one("mode"))
    subnet, address = _subnet(call, one), None
    if subnet is None and mode in ("auto", "static"):
        raise required("subnet")
    if mode == "static":
        address = call.one("ip_address")
        if address:
            _check_address(call, subnet, address)
    one.links = [link for link in one.links if link.mode != "link_up"]
    link = call.region.link(mode, subnet=subnet, address=address)
    one.links.append(link)
    if one.vlan is None and subnet is not None:
        one.vlan = subnet.vlan
    if call.flag("default_gateway"):
        _gateway(machine, subnet, link.id)
    return _view(machine, one)


def _gateway(machine: Machine, subnet: Subnet | None, link: int) -> None:
    if subnet is None or not subnet.gateway_ip:
        raise invalid(default_gateway="Cannot be set as the default gateway: the subnet has no "
                                      "gateway.")
    machine.gateways["ipv4"] = {"gateway_ip": subnet.gateway_ip, "link_id": link}


@operation(_ONE, "POST", "unlink_subnet")
def unlink_subnet(call: Call) -> dict:
    machine = _machine(call, "unlink subnet")
    one = _interface(machine, call.part["id"])
    link = next((link for link in one.links if str(link.id) == call.one("id")), None)
    if link is None:
        raise choice("id", call.one("id"))
    one.links.remove(link)
    if not one.links and one.vlan:
        one.links = [call.region.link("link_up", subnet=link.subnet)]
    return _view(machine, one)


@operation(_ONE, "POST", "set_default_gateway")
def set_default_gateway(call: Call) -> dict:
    machine = _machine(call, "set default gateway")
    one = _interface(machine, call.part["id"])
    usable = [link for link in one.links if link.subnet and link.subnet.gateway_ip]
    if not usable:
        raise invalid(all_="This interface has no usable gateways.")
    _gateway(machine, usable[0].subnet, usable[0].id)
    return _view(machine, one)
