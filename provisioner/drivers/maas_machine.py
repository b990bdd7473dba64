"""A node's machine in its MAAS region: how it is found, read and spoken to.

A machine is known by its ``system_id`` (``properties/maas_system_id``, kept when it is enrolled);
one that was deleted and enlisted anew has another, and is found again by its boot MAC, its name or
the address of its BMC.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from provisioner import exceptions
from provisioner.drivers import base
from provisioner.drivers.clients.maas import Request, Watch, check_key, check_url

SYSTEM_ID = "maas_system_id"
#: prefix of driver_info keys that are power parameters of MAAS, ``maas_power_on_uri`` for one
_POWER = "maas_power_"
SETTINGS = (
    base.Setting("maas_url", "URL of the region, as http://HOST:5240/MAAS.", kind="url",
                 required=True),
    base.Setting("maas_api_key", "API key of an administrator, as CONSUMER:TOKEN:SECRET.",
                 required=True, secret=True),
    base.Setting("maas_verify_ca", "Certificate of the region's own authority, in PEM."),
    base.Setting("maas_system_id", "The machine's system_id; found by MAC, name or BMC address "
                 "if it is not given."),
    base.Setting("maas_architecture", "Architecture of machines that are enlisted.",
                 default="amd64/generic"),
    base.Setting("maas_power_type", "Power type of MAAS, for machines that are enlisted; ipmi if "
                 "there is an address of a BMC, else manual."),
    base.Setting("maas_power_address", "Address of the BMC, for MAAS.", kind="host"),
    base.Setting("maas_power_user", "User of the BMC, for MAAS."),
    base.Setting("maas_power_pass", "Password of that user.", secret=True),
    base.Setting("maas_erase", "How disks are erased when a machine is released.", kind="choice",
                 choices=("none", "quick", "secure", "full"), default="quick"),
    base.Setting("maas_unlock", "Unlock a machine that is locked in MAAS when it is to be "
                 "released.", kind="bool", default=False),
    base.Setting("maas_testing_scripts", "Hardware tests to run after commissioning.",
                 default="none"),
    base.Setting("maas_skip_bmc_config", "Leave the BMC alone when commissioning.", kind="bool",
                 default=True))

# Numbers of a machine's status; they have not changed since MAAS 2.4.
(NEW, COMMISSIONING, FAILED_COMMISSIONING, MISSING, READY, RESERVED, DEPLOYED, RETIRED, BROKEN,
 DEPLOYING, ALLOCATED, FAILED_DEPLOYMENT, RELEASING, FAILED_RELEASING, ERASING, FAILED_ERASING,
 RESCUE, ENTERING_RESCUE, FAILED_RESCUE, EXITING_RESCUE, FAILED_EXIT, TESTING,
 FAILED_TESTING) = range(23)

#: seconds for a request; MAAS answers slowly, and asks racks and BMCs while it does
TIMEOUT = 30.0
LIST_TIMEOUT = 60.0
#: seconds that a record may be old when a machine is only waited for
AGE = 4.0


class MaasInterface(base.Interface):
    """What all interfaces of MAAS share: the settings that lead to the region."""

    transport = "maas"
    settings = SETTINGS

    def validate(self, node: base.NodeView) -> None:
        values = base.check_settings(self.settings, node.driver_info)
        check_url(values["maas_url"])
        check_key(values["maas_api_key"])


def option(node: base.NodeView, name: str) -> Any:
    """The value of a setting, its default if it is not given."""
    return base.check_settings([one for one in SETTINGS if one.name == name],
                               node.driver_info)[name]


def gone(node: base.NodeView) -> exceptions.RequestRefused:
    return exceptions.RequestRefused(
        f"MAAS has no machine for node {node.name or node.uuid}: it was deleted there, or never "
        "enlisted.", gone=True, node=node.uuid,
        remedy="Enlist it in MAAS, or ask for 'manage' from state enroll, which does.")


class Handle:
    """One machine, in one call of a driver.

    :ivar system_id: its id in the region
    """

    def __init__(self, channel: base.Channel, node: base.NodeView, system_id: str):
        self._channel, self.node, self.system_id = channel, node, system_id

    def record(self, age: float = 0.0) -> dict | None:
        """What the region says of its state; None if it has no such machine.

        :param age: seconds that the answer may be old
        """
        found = self._channel.read(Watch((self.system_id,), age), LIST_TIMEOUT)
        return found.get(self.system_id)

    def require(self, age: float = 0.0) -> dict:
        """:raises RequestRefused: the region has no such machine"""
        record = self.record(age)
        if record is None:
            raise gone(self.node)
        return record

    def operate(self, op: str, **params: Any) -> dict:
        """A named operation that changes the machine; its record afterwards."""
        return self._channel.send(
            Request("POST", f"machines/{self.system_id}/", op, params), TIMEOUT)

    def get(self, path: str, op: str | None = None, **params: Any) -> Any:
        """Read what is below ``nodes/<id>/``."""
        return self._channel.read(
            Request("GET", f"nodes/{self.system_id}/{path}", op, params), TIMEOUT)

    def query(self, op: str, timeout: float = TIMEOUT) -> Any:
        """A named operation that reads."""
        return self._channel.read(Request("GET", f"machines/{self.system_id}/", op), timeout)

    def send(self, method: str, path: str, op: str | None = None, **params: Any) -> Any:
        """Change what is below ``nodes/<id>/``."""
        return self._channel.send(
            Request(method, f"nodes/{self.system_id}/{path}", op, params), TIMEOUT)

    def update(self, **params: Any) -> dict:
        """Change fields of the record."""
        return self._channel.send(
            Request("PUT", f"machines/{self.system_id}/", None, params), TIMEOUT)

    def region(self, method: str, path: str, op: str | None = None, **params: Any) -> Any:
        """A request that is about no machine."""
        request = Request(method, path, op, params)
        if request.changes:
            return self._channel.send(request, TIMEOUT)
        return self._channel.read(request, TIMEOUT)


def known_id(node: base.NodeView) -> str | None:
    return node.properties.get(SYSTEM_ID) or node.driver_info.get(SYSTEM_ID)


def handle(channel: base.Channel, node: base.NodeView) -> Handle:
    """The node's machine.

    :raises RequestRefused: the region has none
    """
    own = known_id(node)
    if own is None:
        found = find(channel, node)
        if found is None:
            raise gone(node)
        own = found["system_id"]
    return Handle(channel, node, own)


def find(channel: base.Channel, node: base.NodeView) -> dict | None:
    """The node's machine in the region, by boot MAC, name, or address of its BMC.

    :raises RequestRefused: the name belongs to a machine with other MACs
    """
    macs = [port.address.lower() for port in node.ports]
    if macs:
        found = _list(channel, mac_address=macs)
        if found:
            return found[0]
    named = next((one for one in _list(channel, hostname=node.name)
                  if one["hostname"] == node.name), None) if node.name else None
    if named is None:
        return _by_bmc(channel, node)
    theirs = {one["mac_address"] for one in named.get("interface_set") or ()}
    if macs and theirs:
        raise exceptions.RequestRefused(
            f"MAAS has another machine called {node.name} ({named['system_id']}), with MACs "
            f"{', '.join(sorted(theirs))}.", node=node.uuid,
            remedy="Correct the node's ports, or rename the machine in MAAS.")
    return named


def _list(channel: base.Channel, **filters: Any) -> list[dict]:
    return channel.read(Request("GET", "machines/", None, filters), LIST_TIMEOUT)


def _by_bmc(channel: base.Channel, node: base.NodeView) -> dict | None:
    address = node.driver_info.get("maas_power_address")
    if not address:
        return None
    try:
        known = channel.read(Request("GET", "machines/", "power_parameters"), LIST_TIMEOUT)
    except exceptions.RequestRefused as error:
        if error.where.get("status") == 403:
            return None  # for administrators only
        raise
    own = next((own for own, parameters in known.items()
                if parameters.get("power_address") == address), None)
    return next(iter(_list(channel, id=own)), None) if own else None


def power_parameters(info: Mapping[str, Any]) -> dict[str, Any]:
    """Fields that tell MAAS how to power a machine, from ``driver_info``."""
    fields = {f"power_parameters_{key.removeprefix('maas_')}": value
              for key, value in info.items()
              if key.startswith(_POWER) and key != "maas_power_type"}
    kind = info.get("maas_power_type") or ("ipmi" if info.get("maas_power_address")
                                           else "manual")
    return {"power_type": kind, **(fields if kind != "manual" else {})}


def learnt(record: Mapping[str, Any]) -> dict[str, str]:
    """Properties of a node that a record tells."""
    told = {"cpus": record.get("cpu_count") or None, "memory_mb": record.get("memory") or None,
            "local_gb": int((record.get("storage") or 0) / 1000) or None}
    found = {key: str(value) for key, value in told.items() if value is not None}
    return {SYSTEM_ID: record["system_id"], **found}


def is_one_of(record: Mapping[str, Any], statuses: Iterable[int]) -> bool:
    return record["status"] in set(statuses)
