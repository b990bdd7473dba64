"""The network of a MAAS machine, set up from a layout.

``network`` of a layout is a list of devices in the order in which they are built::

    {"name": "bond0", "kind": "bond", "slaves": [DEVICE, ...], "mtu": 9000,
     "bond": {"mode": "802.3ad", "hash": "layer3+4", "peer_rate": "fast", "mon_rate": 100,
              "up_delay": 200, "down_delay": 200},
     "networks": [{"cidr": "10.0.0.0/24", "tagged": true, "mode": "static",
                   "address": "10.0.0.9", "gateway": true, "mtu": 9000}, ...]}

``kind`` is ``physical`` (one slave), ``bond`` or ``bridge`` (one slave, which may be a device that
was built before); ``mode`` is ``static``, ``auto``, ``dhcp`` or ``link_up``. A DEVICE is
``{"name": "eth0"}``, ``{"mac": ...}`` or ``{"businfo": "pci@0000:00:03.0"}``, where
``{"businfo": "pci@", "pattern": ...}`` takes the first device in order whose address matches.

Subnets are known by their CIDR and must exist in the region; the VLANs follow from them. What was
built before is taken down first, so that an interrupted attempt leaves nothing behind.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from provisioner import exceptions
from provisioner.drivers import base
from provisioner.drivers.maas_inspect import DEVICES
from provisioner.drivers.maas_machine import Handle

#: option of a design's bond -> parameter of MAAS
_BOND = {"mode": "bond_mode", "hash": "bond_xmit_hash_policy", "peer_rate": "bond_lacp_rate",
         "mon_rate": "bond_miimon", "up_delay": "bond_updelay", "down_delay": "bond_downdelay"}
_LACP = "802.3ad"
_HASHED = frozenset({_LACP, "balance-xor", "balance-tlb"})


def apply(machine: Handle, layout: Sequence[Mapping[str, Any]]) -> None:
    """Take down what there is and build the layout.

    :raises RequestRefused: a subnet or a device is not there, or MAAS refuses
    """
    builder = _Builder(machine)
    builder.clear()
    links = [builder.build(wanted) for wanted in layout]
    for interface, networks in links:
        builder.link(interface, networks)


def _refused(machine: Handle, message: str, remedy: str) -> exceptions.RequestRefused:
    return exceptions.RequestRefused(message, remedy=remedy, node=machine.node.uuid)


class _Builder:
    """One set-up of one machine."""

    def __init__(self, machine: Handle):
        self._machine = machine
        self._subnets = {one["cidr"]: one for one in machine.region("GET", "subnets/")}
        self._interfaces: list[dict] = machine.get("interfaces/")

    def clear(self) -> None:
        """Leave physical interfaces without addresses."""
        built = [one for one in self._interfaces if one["type"] != "physical"]
        for one in sorted(built, key=lambda one: -one["id"]):
            self._drop(one)
        self._interfaces = [one for one in self._interfaces if one["type"] == "physical"]
        for one in self._interfaces:
            for link in one["links"]:
                if link["mode"] != "link_up":
                    self._machine.send("POST", f"interfaces/{one['id']}/", "unlink_subnet",
                                       id=link["id"])

    def _drop(self, one: Mapping[str, Any]) -> None:
        """Delete a device; one that went with its parent is gone already."""
        try:
            self._machine.send("DELETE", f"interfaces/{one['id']}/")
        except exceptions.RequestRefused as error:
            if error.where.get("status") != 404:
                raise

    def build(self, wanted: Mapping[str, Any]) -> tuple[dict, list[tuple[dict, Mapping]]]:
        """The device, and the interfaces that are to be linked, each with its network."""
        parents = [self._find(device) for device in wanted["slaves"]]
        native = self._native(wanted)
        kind = wanted.get("kind", "physical")
        if kind == "bond":
            made = self._bond(wanted, parents, native)
        elif kind == "bridge":
            made = self._add("create_bridge", name=wanted["name"], parent=parents[0]["id"],
                             **_mtu(wanted))
        else:
            made = self._connect(parents[0], native, wanted.get("mtu"))
        return made, [(self._on(made, network), network) for network in wanted["networks"]]

    def _bond(self, wanted: Mapping[str, Any], parents: list[dict],
              native: Mapping[str, Any] | None) -> dict:
        vlan = native or next((one["vlan"] for one in parents if one["vlan"]), None)
        for parent in parents:
            self._connect(parent, vlan, None)
        options = wanted.get("bond") or {}
        fields = {parameter: options[name] for name, parameter in _BOND.items()
                  if name in options}
        mode = fields.get("bond_mode")
        if mode != _LACP:
            fields.pop("bond_lacp_rate", None)
        if mode not in _HASHED:
            fields.pop("bond_xmit_hash_policy", None)
        return self._add("create_bond", name=wanted["name"], vlan=vlan["id"] if vlan else None,
                         parents=[one["id"] for one in parents], **fields, **_mtu(wanted))

    def _add(self, op: str, **fields: Any) -> dict:
        made = self._machine.send("POST", "interfaces/", op, **fields)
        self._interfaces.append(made)
        return made

    def _connect(self, one: dict, vlan: Mapping[str, Any] | None, mtu: int | None) -> dict:
        """Put an interface on a VLAN, unless it is there already."""
        fields: dict[str, Any] = {}
        if vlan is not None and (one["vlan"] or {}).get("id") != vlan["id"]:
            fields["vlan"] = vlan["id"]
        if mtu and one.get("effective_mtu") != mtu:
            fields["mtu"] = mtu
        if not fields:
            return one
        changed = self._machine.send("PUT", f"interfaces/{one['id']}/", **fields)
        one.update(changed)
        return one

    def _native(self, wanted: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The VLAN that the device itself is on: its untagged network's, or vid 0."""
        networks = wanted["networks"]
        for network in networks:
            if not network.get("tagged"):
                return self._subnet(network)["vlan"]
        if not networks:
            return None
        fabric = self._subnet(networks[0])["vlan"]["fabric_id"]
        return self._machine.region("GET", f"fabrics/{fabric}/vlans/0/")

    def _on(self, device: dict, network: Mapping[str, Any]) -> dict:
        """The interface for a network: the device itself, or a VLAN interface on it."""
        if not network.get("tagged"):
            return device
        vlan = self._subnet(network)["vlan"]
        return self._add("create_vlan", parent=device["id"], vlan=vlan["id"], **_mtu(network))

    def _subnet(self, network: Mapping[str, Any]) -> Mapping[str, Any]:
        found = self._subnets.get(network["cidr"])
        if found is None:
            raise _refused(self._machine, f"MAAS has no subnet {network['cidr']}.",
                           "Create the subnet in MAAS, or correct the design's network.")
        return found

    def link(self, device: dict, interfaces: Iterable[tuple[dict, Mapping[str, Any]]]) -> None:
        """Give each interface its address. :param device: for which they were built"""
        for one, network in interfaces:
            mode = network.get("mode") or ("static" if network.get("address") else "link_up")
            fields: dict[str, Any] = {"mode": mode.upper(),
                                      "subnet": self._subnet(network)["id"]}
            if mode == "static":
                fields["ip_address"] = network["address"]
            if network.get("gateway") and mode != "link_up":
                fields["default_gateway"] = True
            self._machine.send("POST", f"interfaces/{one['id']}/", "link_subnet", **fields)

    def _find(self, device: Mapping[str, Any]) -> dict:
        name = named(self._machine.node, device)
        for one in self._interfaces:
            if name == one["name"] or (device.get("mac") or "").lower() == one["mac_address"]:
                return one
        raise _refused(
            self._machine, f"The machine has no network interface {_described(device)}.",
            "Inspect the node again, or correct the interface or its device alias.")


def _mtu(wanted: Mapping[str, Any]) -> dict[str, int]:
    return {"mtu": wanted["mtu"]} if wanted.get("mtu") else {}


def named(node: base.NodeView, device: Mapping[str, Any]) -> str | None:
    """What the operating system calls a device; by its bus address that commissioning told."""
    if device.get("name"):
        return device["name"]
    known: Mapping[str, str] = node.properties.get(DEVICES) or {}
    bus = device.get("businfo") or ""
    if not device.get("pattern"):
        return known.get(bus)
    try:
        pattern = re.compile(device["pattern"])
    except re.error:
        return None
    return next((known[address] for address in sorted(known) if address.startswith(bus)
                 and pattern.match(address[len(bus):])), None)


def _described(device: Mapping[str, Any]) -> str:
    return " ".join(f"{name} {value}" for name, value in device.items() if value)
