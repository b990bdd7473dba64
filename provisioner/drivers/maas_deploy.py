"""Deployment by MAAS, by verb: enroll, allocate, configure, deploy, release, rescue."""

import base64
from collections.abc import Callable, Mapping
from typing import Any

from provisioner import exceptions
from provisioner.drivers import base, maas_inspect, maas_network, maas_storage
from provisioner.drivers import maas_machine as m
from provisioner.drivers import maas_work as work
from provisioner.drivers.base import DONE, IDLE, RUNNING, Collected, Progress
from provisioner.drivers.clients.maas import Request
from provisioner.drivers.maas_machine import Handle, MaasInterface, handle

AGENT_NAME = "provisioner"
#: annotation of a machine that tells whose it is; kept until it is released
OWNER = "provisioner_node"
_RELEASABLE = frozenset({m.ALLOCATED, m.RESERVED, m.DEPLOYING, m.DEPLOYED, m.BROKEN,
                         m.FAILED_DEPLOYMENT, m.FAILED_ERASING, m.FAILED_RELEASING})
_IN_RESCUE = frozenset({m.RESCUE, m.ENTERING_RESCUE, m.FAILED_RESCUE, m.FAILED_EXIT})
_ERASE: dict[str, dict] = {
    "none": {"erase": False}, "quick": {"erase": True, "quick_erase": True},
    "secure": {"erase": True, "secure_erase": True}, "full": {"erase": True}}
#: verbs that are over when the last request of theirs is answered
_AT_ONCE = frozenset({"enroll", "network", "storage", "platform"})


def layout_of(node: base.NodeView) -> Mapping[str, Any]:
    """How the machine is to be set up: plain data with ``network``, ``storage``, ``platform``."""
    return node.instance_info.get("layout") or node.properties.get("layout") or {}


class MaasDeploy(MaasInterface, base.External, work.Unused):
    """Every verb asks for the machine's state first, so each may be begun twice."""

    def validate(self, node: base.NodeView) -> None:
        super().validate(node)
        user_data(node)

    def begin(self, channel: base.Channel, node: base.NodeView, verb: str,
              args: Mapping[str, Any]) -> Progress:
        if verb == "enroll":
            return _enroll(channel, node)
        if verb not in _BEGIN:
            raise exceptions.Unsupported(f"MAAS has no {verb}.")
        return _BEGIN[verb](handle(channel, node), args)

    def look(self, channel: base.Channel, node: base.NodeView, verb: str,
             args: Mapping[str, Any]) -> Progress:
        if verb in _AT_ONCE:
            return Progress(IDLE)
        return work.progress(handle(channel, node), verb, args)

    def collect(self, channel: base.Channel, node: base.NodeView, verb: str) -> Collected:
        return Collected(tuple(maas_inspect.findings(handle(channel, node), "installation")))


def _enroll(channel: base.Channel, node: base.NodeView) -> Progress:
    """Find the machine, or enlist it; give it the node's name."""
    known = m.known_id(node)
    record = Handle(channel, node, known).record() if known else None
    record = record or m.find(channel, node)
    if record is None:
        record = channel.send(Request("POST", "machines/", None, _new(node)), m.TIMEOUT)
        return Progress(DONE, f"Enlisted as {record['system_id']}", properties=m.learnt(record))
    machine, changes = Handle(channel, node, record["system_id"]), {}
    if node.name and record["hostname"] != node.name:
        changes["hostname"] = node.name
    wanted = node.driver_info.get("maas_power_type")
    if wanted and wanted != record.get("power_type"):
        changes.update(m.power_parameters(node.driver_info))
    if changes and not record.get("locked"):
        machine.update(**changes)
    return Progress(DONE, f"Found as {record['system_id']}", properties=m.learnt(record))


def _new(node: base.NodeView) -> dict[str, Any]:
    """Fields of a machine to be enlisted. :raises RequestRefused: nothing identifies it"""
    macs = [port.address for port in node.ports]
    if not macs and not node.driver_info.get("maas_power_address"):
        raise exceptions.RequestRefused(
            f"Node {node.name or node.uuid} is not in MAAS and cannot be enlisted: it has "
            "neither a port nor maas_power_address.", node=node.uuid,
            remedy="Create a port with the MAC address that the machine boots from.")
    named = {"hostname": node.name} if node.name else {}
    return {"architecture": m.option(node, "maas_architecture"), "mac_addresses": macs,
            "commission": False, **named, **m.power_parameters(node.driver_info)}


def _allocate(machine: Handle, args: Mapping[str, Any]) -> Progress:
    """Reserve the machine for us. One whose deployment failed is released first."""
    record = machine.require()
    if m.is_one_of(record, {m.DEPLOYING, m.DEPLOYED}) and _is_ours(machine, record):
        return work.over(record)
    if record["status"] == m.ALLOCATED:
        return Progress(DONE, "Allocated already", properties=m.learnt(record))
    if m.is_one_of(record, work.VERBS["allocate"].running):
        return Progress(RUNNING, record["status_name"])
    if m.is_one_of(record, {m.FAILED_DEPLOYMENT, m.FAILED_RELEASING, m.FAILED_ERASING}):
        machine.operate("release", comment="a deployment has failed")
        return Progress(RUNNING, "Releasing after a failure")
    if record["status"] != m.READY:
        raise work.refuse(record, "allocated", "Bring it to Ready in MAAS, or release it there.")
    record = machine.region("POST", "machines/", "allocate", system_id=machine.system_id,
                            agent_name=AGENT_NAME)
    marks = (layout_of(machine.node).get("platform") or {}).get("annotations") or {}
    machine.operate("set_workload_annotations", **marks, **{OWNER: machine.node.uuid})
    return work.over(record)


def _is_ours(machine: Handle, record: Mapping[str, Any]) -> bool:
    marks = record.get("workload_annotations") or record.get("owner_data") or {}
    return marks.get(OWNER) == machine.node.uuid


def _configured(apply: Callable[[Handle, Mapping], None], part: str) -> Callable:
    """A verb that sets up one part of the layout, from the beginning each time."""
    def begin(machine: Handle, args: Mapping[str, Any]) -> Progress:
        wanted = layout_of(machine.node).get(part)
        if not wanted:
            return Progress(DONE, f"The node's layout has no {part}; left as it is")
        # A record that others wait for too will do: where it is out of date MAAS refuses.
        if m.is_one_of(machine.require(m.AGE), {m.DEPLOYING, m.DEPLOYED}):
            return Progress(DONE, "Installed already")
        apply(machine, wanted)
        return Progress(DONE)
    return begin


def _platform(machine: Handle, wanted: Mapping[str, Any]) -> None:
    """Kernel parameters by a tag of the node's own, and the tags of the design."""
    known = {tag["name"]: tag for tag in machine.region("GET", "tags/")}
    names = list(wanted.get("tags") or ())
    params = wanted.get("kernel_params")
    if params:
        own = f"{machine.node.name or machine.node.uuid}_kp"
        names.append(own)
        if known.get(own, {}).get("kernel_opts", params) != params:
            machine.region("PUT", f"tags/{own}/", kernel_opts=params)
    for name in names:
        if name not in known:
            more = {"kernel_opts": params} if params and name == names[-1] else {}
            machine.region("POST", "tags/", name=name, **more)
        if not known.get(name, {}).get("definition"):
            machine.region("POST", f"tags/{name}/", "update_nodes", add=machine.system_id)


def _deploy(machine: Handle, args: Mapping[str, Any]) -> Progress:
    record = machine.require()
    if m.is_one_of(record, {m.DEPLOYING, m.DEPLOYED}):
        if not _is_ours(machine, record):
            raise work.refuse(record, "deployed", "Release it in MAAS, or ask for 'adopt'.")
        return work.over(record) if record["status"] == m.DEPLOYED else Progress(
            RUNNING, record["status_name"])
    if record["status"] != m.ALLOCATED:
        raise work.refuse(record, "deployed", "Repeat the request: it is allocated first.")
    machine.operate("deploy", **deployment(machine.node))
    return Progress(RUNNING, "Deploying")


def deployment(node: base.NodeView) -> dict[str, Any]:
    """Parameters of ``deploy``: image, kernel, user data."""
    info, platform = node.instance_info, layout_of(node).get("platform") or {}
    wanted = {"distro_series": info.get("image_source") or platform.get("image"),
              "hwe_kernel": info.get("maas_kernel") or platform.get("kernel"),
              "user_data": user_data(node), "agent_name": AGENT_NAME}
    return {name: value for name, value in wanted.items() if value}


def user_data(node: base.NodeView) -> str | None:
    """The node's user data in base64, or None: MAAS takes anything, so it is checked here.

    :raises InvalidSetting: it is neither text nor in a config drive given as an object
    """
    drive = node.instance_info.get("configdrive")
    given = node.instance_info.get("user_data")
    if given is None and isinstance(drive, Mapping):
        given = drive.get("user_data")
    elif given is None and drive:
        raise exceptions.InvalidSetting(
            "MAAS takes no config drive; instance_info/configdrive is one.",
            remedy="Give it as an object with user_data.", setting="configdrive")
    if given is None:
        return None
    if not isinstance(given, str):
        raise exceptions.InvalidSetting("instance_info/user_data must be text.",
                                        remedy="Give what cloud-init is to read, as text.",
                                        setting="user_data")
    return base64.b64encode(given.encode()).decode()


def _release(machine: Handle, args: Mapping[str, Any]) -> Progress:
    """Take what runs on the machine off it. What is under way is ended first."""
    record = machine.record()
    if record is None:
        return work.absent(machine, "release")
    if record.get("locked"):
        _unlock(machine, record)
    status = record["status"]
    if status == m.COMMISSIONING:
        machine.operate("abort")
        return Progress(RUNNING, "Ending commissioning")
    if status in _IN_RESCUE:
        machine.operate("exit_rescue_mode")
        return Progress(RUNNING, "Leaving rescue mode")
    if status in _RELEASABLE:
        record = machine.operate("release", comment=f"node {machine.node.uuid}",
                                 **_erasure(machine.node, args))
        status = record["status"]
    if status in work.VERBS["release"].done:
        return work.over(record)
    if status in work.VERBS["release"].running:
        return Progress(RUNNING, record["status_name"])
    raise work.refuse(record, "released", "Bring it to Ready in MAAS.")


def _erasure(node: base.NodeView, args: Mapping[str, Any]) -> dict[str, bool]:
    """How disks are erased: as asked for, else as the node's settings say."""
    if not args.get("erase"):
        return {"erase": False}
    asked = {name: True for name in ("secure_erase", "quick_erase") if args.get(name)}
    return {"erase": True, **asked} if asked else _ERASE[m.option(node, "maas_erase")]


def _unlock(machine: Handle, record: Mapping[str, Any]) -> None:
    if not m.option(machine.node, "maas_unlock"):
        raise exceptions.RequestRefused(
            f"MAAS machine {record['hostname']} ({record['system_id']}) is locked there.",
            remedy="Unlock it in MAAS, or set maas_unlock in driver_info.", locked=True)
    machine.operate("unlock")


def _rescue(machine: Handle, args: Mapping[str, Any]) -> Progress:
    """From Ready, Broken or Deployed only: from elsewhere MAAS does not find back."""
    record = machine.require()
    if record["status"] == m.RESCUE:
        return work.over(record)
    if not m.is_one_of(record, {m.READY, m.BROKEN, m.DEPLOYED, m.FAILED_RESCUE,
                                m.ENTERING_RESCUE}):
        raise work.refuse(record, "rescued", "Wait until it is deployed.")
    if record["status"] != m.ENTERING_RESCUE:
        machine.operate("rescue_mode")
    return Progress(RUNNING, "Entering rescue mode")


def _unrescue(machine: Handle, args: Mapping[str, Any]) -> Progress:
    record = machine.require()
    if record["status"] == m.DEPLOYED:
        return work.over(record)
    if m.is_one_of(record, _IN_RESCUE):
        machine.operate("exit_rescue_mode")
    elif record["status"] != m.EXITING_RESCUE:
        raise work.refuse(record, "unrescued", "Look at it in MAAS.")
    return Progress(RUNNING, "Exiting rescue mode")


_BEGIN = {"allocate": _allocate, "deploy": _deploy, "release": _release, "rescue": _rescue,
          "unrescue": _unrescue, "network": _configured(maas_network.apply, "network"),
          "storage": _configured(maas_storage.apply, "storage"),
          "platform": _configured(_platform, "platform")}
