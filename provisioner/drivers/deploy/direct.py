"""Deploy interface of the ramdisk agent: it downloads the image itself and writes it.

Commands run on in the agent; the engine looks at its list of commands when a heartbeat comes or a
poll is due. Nothing of ``driver_info`` goes to the agent: BMC credentials are none of its business.
"""

import re
from collections.abc import Mapping
from typing import Any

from provisioner import exceptions
from provisioner.drivers import base
from provisioner.drivers.clients.agent import Request

_HASH_LENGTHS = {64: "sha256", 128: "sha512"}
_STATES = {"RUNNING": "running", "SUCCEEDED": "succeeded"}
_COMMANDS = "/v1/commands/"
# Getting steps makes some hardware managers probe disks and adapters first.
_STEPS_TIMEOUT = 60.0
_SYNC_TIMEOUT = 60.0
WRITE_IMAGE = {"interface": "deploy", "step": "write_image"}


class DirectDeploy(base.DeployInterface):
    """Speaks the ramdisk agent's command API (``deploy``, ``clean`` and ``standby``)."""

    transport = "agent"

    def validate(self, node: base.NodeView) -> None:
        """Check the settings and the image that ``instance_info`` must name."""
        super().validate(node)
        image_info(node)
        _configdrive(node)

    def get_steps(self, channel: base.Channel, node: base.NodeView, what: str) -> list[dict]:
        """Each step also carries ``version``: what the agent's hardware managers were."""
        command = channel.read(_command(f"{what}.get_{what}_steps", _about(node), wait=True),
                               timeout=_STEPS_TIMEOUT)
        result = _finished(command)
        version = result.get("hardware_manager_version")
        return [{**step, "version": version}
                for steps in result.get(f"{what}_steps", {}).values() for step in steps]

    def start_step(self, channel: base.Channel, node: base.NodeView, what: str,
                   step: dict) -> None:
        bare = {key: value for key, value in step.items() if key != "version"}
        params = {**_about(node), "step": bare, f"{what}_version": step.get("version")}
        channel.send(_command(f"{what}.execute_{what}_step", params))

    def start_image(self, channel: base.Channel, node: base.NodeView) -> None:
        """
        :raises InvalidSetting: if the image or its checksum is missing
        """
        arguments = {"image_info": image_info(node), "configdrive": _configdrive(node)}
        self.start_step(channel, node, "deploy", {**WRITE_IMAGE, "args": arguments})

    def command(self, channel: base.Channel, node: base.NodeView, name: str,
                step: dict | None = None) -> dict | None:
        commands = (channel.read(Request("GET", _COMMANDS)) or {}).get("commands", [])
        for command in reversed(commands):
            if command.get("command_name") == name and _runs(command, step):
                return {"name": name, "error": _error(command),
                        "state": _STATES.get(command.get("command_status"), "failed"),
                        "result": command.get("command_result")}
        return None

    def power_off(self, channel: base.Channel, node: base.NodeView) -> None:
        """A machine that is off before its agent has answered did what was asked."""
        channel.send(_command("standby.sync", {}, wait=True), timeout=_SYNC_TIMEOUT)
        try:
            channel.send(_command("standby.power_off", {}))
        except exceptions.Unreachable as error:
            if not error.where.get("sent"):
                raise


def image_info(node: base.NodeView) -> dict[str, Any]:
    """What the agent needs to know of the image that ``instance_info`` names.

    :raises InvalidSetting: if the image or its checksum is missing
    """
    info = node.instance_info
    source = info.get("image_source")
    if not source:
        raise _wrong("image_source", "is missing", "Set it to the image's URL.")
    if not re.match(r"https?://.", str(source)):
        raise _wrong("image_source", "is not a URL that the agent can fetch",
                     "Give an http or https URL.")
    return {"id": source, "urls": [source], "disk_format": info.get("image_disk_format", "raw"),
            "container_format": info.get("image_container_format", "bare"),
            "stream_raw_images": True, "node_uuid": node.uuid, **_checksum(info)}


def _checksum(info: Mapping[str, Any]) -> dict[str, str]:
    """A checksum is required: an image nobody can verify is not written."""
    found = {}
    checksum = info.get("image_checksum")
    if checksum:
        found["checksum"] = checksum
        if re.fullmatch(r"[0-9a-fA-F]+", checksum) and len(checksum) in _HASH_LENGTHS:
            found.update(os_hash_algo=_HASH_LENGTHS[len(checksum)], os_hash_value=checksum)
    algorithm, value = info.get("image_os_hash_algo"), info.get("image_os_hash_value")
    if bool(algorithm) != bool(value):
        raise _wrong("image_os_hash_algo", "and image_os_hash_value belong together",
                     "Set both, or only image_checksum.")
    if value:
        found.update(os_hash_algo=algorithm, os_hash_value=value)
    if not found:
        raise _wrong("image_checksum", "is missing",
                     "Set it, or image_os_hash_algo and image_os_hash_value.")
    return found


def _configdrive(node: base.NodeView) -> str | None:
    drive = node.instance_info.get("configdrive")
    # An object that a client sent arrives as JSON text.
    if drive is not None and (not isinstance(drive, str) or drive.lstrip().startswith("{")):
        raise _wrong("configdrive", "must be a URL, or a gzipped ISO image in base64",
                     "Give the client the folder with its files (--config-drive DIR): it builds "
                     "the image itself.")
    return drive


def _wrong(name: str, what: str, remedy: str) -> exceptions.InvalidSetting:
    return exceptions.InvalidSetting(f"instance_info/{name} {what}.", remedy=remedy, setting=name)


def _about(node: base.NodeView) -> dict[str, Any]:
    instance = {key: value for key, value in node.instance_info.items() if key != "configdrive"}
    return {"node": {"uuid": node.uuid, "name": node.name, "properties": dict(node.properties),
                     "instance_info": instance, "driver_info": {}, "driver_internal_info": {}},
            "ports": [{"address": port.address, "pxe_enabled": port.pxe_enabled,
                       "local_link_connection": dict(port.local_link_connection),
                       "physical_network": port.physical_network} for port in node.ports]}


def _command(name: str, params: Mapping[str, Any], wait: bool = False) -> Request:
    return Request("POST", _COMMANDS, {"name": name, "params": params},
                   {"wait": "true" if wait else "false"})


def _finished(command: Mapping[str, Any]) -> dict:
    """The result of a command that was waited for.

    :raises RequestRefused: if it failed
    """
    if command.get("command_status") != "SUCCEEDED":
        raise exceptions.RequestRefused(
            f"The agent's command {command.get('command_name')} failed: {_error(command)}.",
            remedy="Look at the agent's log on the node's console.")
    return command.get("command_result") or {}


def _error(command: Mapping[str, Any]) -> str | None:
    error = command.get("command_error")
    if isinstance(error, Mapping):
        texts = (str(error.get(key) or "") for key in ("message", "details"))
        return ": ".join(filter(None, texts)) or error.get("type")
    if error is None and command.get("command_status") not in _STATES:
        return f"ended as {command.get('command_status')}"
    return error


def _runs(command: Mapping[str, Any], step: Mapping[str, Any] | None) -> bool:
    """Whether the command runs this step: the same interface and name, and arguments if given."""
    if step is None:
        return True
    run = (command.get("command_params") or {}).get("step") or {}
    keys = [key for key in ("interface", "step", "args") if key in step]
    return all(run.get(key) == step[key] for key in keys)
