"""From the nodes of a design to rows: what prepare_site writes."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from provisioner import exceptions, states
from provisioner.db import nodes, ports
from provisioner.db.models import INTERFACE_KINDS
from provisioner.db.session import Transaction
from provisioner.drivers.base import HardwareType
from provisioner.site.model import BaremetalNode, Image

#: ``oob.type`` of a design -> hardware type
DRIVERS = {"ipmi": "ipmi", "redfish": "redfish", "maas": "maas", "manual": "manual-management",
           "fake": "fake-hardware"}
#: network interface of designs that say access VLANs
SWITCH = "switch"
_LOGIN = {"account": "username", "credential": "password"}
#: a MAAS region has a URL and a key of its own: what ``oob`` says of the BMC is for MAAS to use
_ADDRESS = {"maas": "power_address"}
_MAAS_LOGIN = {"account": "power_user", "credential": "power_pass"}


def driver_of(node: BaremetalNode) -> str:
    """:raises Invalid: if the design names no type that we know"""
    if node.oob_type not in DRIVERS:
        raise exceptions.Invalid(f"Node {node.name} has oob.type {node.oob_type!r}.",
                                 remedy=f"Use one of: {', '.join(sorted(DRIVERS))}.")
    return DRIVERS[node.oob_type]


def driver_info(node: BaremetalNode, image: Image | None) -> dict[str, Any]:
    """Settings of the node's driver, in plain: the caller seals them.

    Keys of ``oob`` that already begin with the type's prefix are passed on as they are.
    """
    prefix = f"{node.oob_type}_"
    login = _MAAS_LOGIN if node.oob_type == "maas" else _LOGIN
    info: dict[str, Any] = {}
    for key, value in node.oob_parameters.items():
        if key.startswith(prefix):
            info[key] = value
        elif key in login:
            info[prefix + login[key]] = value
    if node.bmc_address:
        info[prefix + _ADDRESS.get(node.oob_type, "address")] = node.bmc_address
    if image is not None:
        info["deploy_kernel"], info["deploy_ramdisk"] = image.kernel, image.ramdisk
        if image.kernel_params:
            info["kernel_append_params"] = image.kernel_params
    return info


def wanted(node: BaremetalNode, image: Image | None, hardware_type: HardwareType,
           site: str, layout: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The node's user columns as the design wants them; ``driver_info`` in plain.

    :param layout: for a machine that a bootstrapper sets up
    """
    capabilities = {"capabilities": f"boot_mode:{node.boot_mode}"} if node.boot_mode else {}
    if layout is not None:
        capabilities = {**capabilities, "layout": layout}
    interfaces = {f"{kind}_interface": hardware_type.default(kind) for kind in INTERFACE_KINDS}
    return {"name": node.name, "driver": hardware_type.name, "properties": capabilities,
            "driver_info": driver_info(node, image),
            "extra": {"site": site, "rack": node.rack, "labels": dict(node.owner_data),
                      "tags": list(node.tags)}, **interfaces}


def with_vlans(values: dict[str, Any], hardware_type: HardwareType,
               vlans: Mapping[str, int]) -> dict[str, Any]:
    """Columns with access VLANs: a design that says them wants the switch ports set.

    :param vlans: of :func:`provisioner_conductor.access_vlans.settings`
    """
    if not vlans or SWITCH not in hardware_type.interfaces.get("network", {}):
        return values
    return {**values, "network_interface": SWITCH,
            "driver_info": {**values["driver_info"], **vlans}}


def write(tx: Transaction, values: Mapping[str, Any], macs: tuple[str, ...],
          known: sa.Row | None, opened: Mapping[str, Any]) -> str:
    """Create or adopt one node and its ports: ``created``, ``updated`` or ``unchanged``.

    :param values: columns, ``driver_info`` sealed
    :param opened: ``driver_info`` of ``known`` and of ``values``, in plain, to compare them
    """
    if known is None:
        uuid = nodes.create(tx, dict(values))
        for mac in macs:
            _port(tx, uuid, mac)
        return "created"
    changed = _update(tx, values, known, opened)
    own = {port.address for port in ports.of_node(tx, known.uuid)}
    for mac in macs:
        if mac not in own:
            _port(tx, known.uuid, mac)
            changed = True
    return "updated" if changed else "unchanged"


def _port(tx: Transaction, node: str, mac: str) -> None:
    taken = ports.nodes_of(tx, [mac])
    if taken:
        raise exceptions.Duplicate(f"MAC address {mac} belongs to node {taken[0]} already.",
                                   remedy="Correct boot_mac, or delete the other node's port.")
    ports.create(tx, {"node_uuid": node, "address": mac})


def _update(tx: Transaction, values: Mapping[str, Any], known: sa.Row,
            opened: Mapping[str, Any]) -> bool:
    """Set what differs."""
    fresh = difference(values, known, opened)
    if fresh:
        nodes.update_user(tx, known, fresh)
    return bool(fresh)


def difference(values: Mapping[str, Any], known: sa.Row,
               opened: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a known node that must be written, as they should be.

    Inventory adds to ``properties`` and ``extra``, so those are merged.

    :raises InvalidState: if the driver differs where it cannot change
    """
    merged = {"properties": {**known.properties, **values["properties"]},
              "extra": {**known.extra, **values["extra"]}}
    fresh = {key: value for key, value in merged.items() if getattr(known, key) != value}
    if opened["known"] != {**opened["known"], **opened["wanted"]}:
        fresh["driver_info"] = {**known.driver_info, **values["driver_info"]}
    if values.get("network_interface") == SWITCH != known.network_interface and (
            known.provision_state in states.EDITABLE):
        fresh["network_interface"] = SWITCH
    if known.driver != values["driver"]:
        if known.provision_state not in states.EDITABLE:
            raise exceptions.InvalidState(
                f"Node {known.name} is {known.provision_state}; its driver cannot change now.",
                remedy="Destroy it first.")
        fresh.update({key: value for key, value in values.items()
                      if key == "driver" or key.endswith("_interface")})
    return fresh
