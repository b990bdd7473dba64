"""From a design and the rows of its nodes to what a plan is made of, one node at a time.

Secrets are opened here to compare them, and do not leave: a plan gets words in their place.
"""

import json
import re
import types
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from provisioner import exceptions, secrets, states
from provisioner.site import plan
from provisioner.site.model import BaremetalNode, Site
from provisioner_conductor import access_vlans, design_layout, design_nodes, progress
from provisioner_conductor.foresight import Foresight
from provisioner_conductor.orders import Orders
from provisioner_conductor.world import World, copy_of, newborn

#: user name and password in a URL, well-formed or not
_LOGIN = re.compile(r"(?<=://)[^/\s\"]*@")
#: columns of which a plan shows every key that the design names
_COLUMNS = ("driver_info", "properties", "extra")


class Outlooks:
    """What is seen of the nodes of a site, and what lies ahead of them.

    :param conf: options of the conductor group
    """

    def __init__(self, hardware: Any, conf: Any, site: Site, wish: plan.Wish, world: World):
        self._hardware = hardware
        self._site = site
        self._wish = wish
        self._world = world
        self._writes = "prepare_site" in wish.actions
        self._orders = Orders(site, wish.design)
        self._foresight = Foresight(hardware, conf, tuple(
            action for action in wish.actions if action != "prepare_site"),
            self._orders)

    def of(self, name: str) -> tuple[plan.Seen | None, plan.Outlook]:
        """What is known of a node of the design, and its outlook."""
        node = self._site.node(name)
        image = self._site.image_of(node)
        row = self._world.nodes.get(name)
        try:
            driver = self._hardware.type(design_nodes.driver_of(node))
        except exceptions.ProvisionerError as error:
            return self._seen(node, row, {}, {}), self._blocked(row, {}, error)
        layout = design_layout.layout_for(driver, self._site, node)
        wanted = design_nodes.with_vlans(
            design_nodes.wanted(node, image, driver, self._wish.site, layout), driver,
            access_vlans.settings(self._site, node))
        known = self._hardware.open(row.driver_info) if row is not None else {}
        secret = {setting.name for setting in driver.settings().values() if setting.secret}
        fields = _fields(wanted, node.boot_macs)
        seen = self._seen(node, row, fields, known)
        hide(fields, seen, secret)
        try:
            ahead = self._ahead(node, row, wanted, known)
        except exceptions.ProvisionerError as error:
            return seen, self._blocked(row, fields, error)
        own = progress.image_for(driver, self._site, node)
        return seen, self._outlook(own, ahead, fields)

    def _seen(self, node: BaremetalNode, row: sa.Row | None, fields: Mapping[str, Any],
              known: Mapping[str, Any]) -> plan.Seen | None:
        """:param known: ``driver_info`` in plain"""
        if row is None:
            return None
        own = self._world.ports[row.uuid]
        there = {field: value for field, value in _fields(
            {"driver": row.driver, "driver_info": known, "properties": row.properties,
             "extra": row.extra}, [port.address for port in own]).items() if field in fields}
        return plan.Seen(row.uuid, row.provision_state, there, image_fields(row),
                         tuple(self._drift(node, row, own)))

    def _ahead(self, node: BaremetalNode, row: sa.Row | None, wanted: Mapping[str, Any],
               known: Mapping[str, Any]) -> types.SimpleNamespace:
        """The node as it is when the first verb begins. :raises ProvisionerError:"""
        if row is None:
            if not self._writes:
                raise exceptions.Conflict(f"Node {node.name} is not known yet.",
                                          remedy="Run prepare_site first, or plan it as well.")
            self._check_macs(node, None)
            ahead = newborn(wanted)
            ahead.ports = [_port(mac) for mac in node.boot_macs]
            return ahead
        if row.task is not None:
            raise exceptions.NodeBusy(f"Task {row.task} is at work on node {node.name}.",
                                      remedy="Wait for it to end, then plan again.")
        ahead, own = copy_of(row), list(self._world.ports[row.uuid])
        if self._writes:
            self._check_macs(node, row.uuid)
            fresh = design_nodes.difference(wanted, row, {
                "wanted": wanted["driver_info"], "known": known})
            vars(ahead).update(fresh)
            there = {port.address for port in own}
            own += [_port(mac) for mac in node.boot_macs if mac not in there]
        ahead.ports = own
        return ahead

    def _check_macs(self, node: BaremetalNode, uuid: str | None) -> None:
        for mac in node.boot_macs:
            holder = self._world.holders.get(mac, uuid)
            if holder != uuid:
                raise exceptions.Duplicate(
                    f"MAC address {mac} belongs to node {holder} already.",
                    remedy="Correct boot_mac, or delete the other node's port.")

    def _outlook(self, image: progress.Wanted, ahead: types.SimpleNamespace,
                 fields: Mapping[str, Any]) -> plan.Outlook:
        aim = progress.Aim(image, rebuild=True, reports=self._orders.signals(ahead.name))
        verbs, blocked = self._foresight.of(ahead, ahead.ports, aim)
        wanted = _image(progress.instance_info(image)) if image else {}
        return plan.Outlook(fields, self._writes, ahead.provision_state, image_fields(ahead),
                            wanted, tuple(verbs), blocked)

    def _blocked(self, row: sa.Row | None, fields: Mapping[str, Any],
                 error: exceptions.ProvisionerError) -> plan.Outlook:
        """Nothing is done to this node."""
        state, image = (row.provision_state, image_fields(row)) if row is not None else (None, {})
        return plan.Outlook(fields, False, state, image, blocked=plan.Blocked(
            self._wish.actions[0], error.message, error.remedy))

    def _drift(self, node: BaremetalNode, row: sa.Row, own: list[sa.Row]):
        """What no action mends: power, maintenance, ports, and what inspection has found."""
        if row.provision_state == states.ACTIVE and row.power_state == states.POWER_OFF:
            yield plan.Drift("power_state", states.POWER_ON, row.power_state,
                             f"Power it on: openstack baremetal node power on {node.name}")
        if row.maintenance:
            yield plan.Drift("maintenance", False, True,
                             "Mend what its maintenance reason says, then unset maintenance.")
        for port in own:
            if port.address in node.boot_macs and not port.pxe_enabled:
                yield plan.Drift(f"ports/{port.address}/pxe_enabled", True, False,
                                 "Set the port's pxe_enabled, so that the machine can boot.")
        yield from _inventory_drift(node, self._world.inventories.get(row.uuid))


def _inventory_drift(node: BaremetalNode, inventory: Mapping[str, Any] | None):
    """Where the machine that was inspected is not the one of the design."""
    found = inventory or {}
    entries, boot = found.get("interfaces"), found.get("boot")
    macs = sorted(str(entry.get("mac_address")).lower() for entry in _listed(entries)
                  if entry.get("mac_address"))
    for mac in node.boot_macs:
        if macs and mac not in macs:
            yield plan.Drift("inventory/interfaces", mac, macs,
                             "Correct boot_mac, or inspect again: the machine has no such port.")
    mode = boot.get("current_boot_mode") if isinstance(boot, Mapping) else None
    if node.boot_mode and mode and mode != node.boot_mode:
        yield plan.Drift("inventory/boot_mode", node.boot_mode, mode,
                         "Set the firmware's boot mode, or correct the hardware profile.")


def _listed(entries: Any) -> list[Mapping]:
    """Those of a machine's report that can be read; a ramdisk may send anything."""
    return [entry for entry in entries if isinstance(entry, Mapping)] \
        if isinstance(entries, list) else []


def _fields(columns: Mapping[str, Any], macs: Iterable[str]) -> dict[str, Any]:
    """Columns as fields, in plain."""
    fields = {"driver": columns["driver"]}
    fields |= {f"{column}/{key}": value for column in _COLUMNS
               for key, value in columns[column].items()}
    return {**fields, **{f"ports/{mac}": mac for mac in macs}}


def hide(fields: dict[str, Any], seen: plan.Seen | None, secret: set[str]) -> None:
    """Put words in place of secrets, which say only whether two values are equal.

    :param fields: wanted ones; changed, as are those of ``seen``
    :param secret: keys of ``driver_info`` that the driver declares secret
    """
    there = seen.fields if seen is not None else {}
    for field, value in fields.items():
        column, _, key = field.partition("/")
        named = secrets.is_secret_name(key) or (column == "driver_info" and key in secret)
        if not named and _open(value) and _open(there.get(field)):
            continue
        if field in there:
            there[field] = plan.SECRET if there[field] == value else plan.OTHER
        fields[field] = plan.SECRET


def _open(value: Any) -> bool:
    """Whether there is no secret anywhere in a value: no key that names one, no login in a URL."""
    return secrets.mask(value) == value and not _LOGIN.search(json.dumps(value))


def image_fields(node: Any) -> dict[str, str]:
    """What is known of the image of the instance on a node; empty without an instance."""
    if node.provision_state not in progress.INSTANCE_STATES:
        return {}
    return _image(node.instance_info)


def _image(info: Mapping[str, Any]) -> dict[str, str]:
    """``image/...`` fields of an ``instance_info``."""
    source, digest = info.get("image_source"), info.get("image_os_hash_value")
    found = {"image/url": _LOGIN.sub("", source) if isinstance(source, str) else None,
             "image/sha256": digest if isinstance(digest, str) else None}
    return {field: value for field, value in found.items() if value}


def _port(mac: str) -> types.SimpleNamespace:
    return types.SimpleNamespace(address=mac, pxe_enabled=True, local_link_connection={},
                                 physical_network=None)
