"""Verbs of ``states/provision``: since when, with which arguments, and what those must look like.
"""

import base64
import binascii
from typing import Any

from provisioner import exceptions, states
from provisioner_api import arguments, microversion

#: what clients may ask for -> first minor version that knows it
VERB_VERSIONS = {"active": 1, "deleted": 1, "rebuild": 1, "manage": 4, "provide": 4, "inspect": 6,
                 "abort": 13, "clean": 15, "adopt": 17, "rescue": 38, "unrescue": 38,
                 "deploy": 73, "undeploy": 73, "unhold": 85, "service": 87}
#: abort came late to some states
ABORT_VERSIONS = {states.INSPECT_WAIT: 41, states.DEPLOY_WAIT: 110}
ARGUMENTS = ("target", "configdrive", "clean_steps", "deploy_steps", "service_steps",
             "rescue_password", "disable_ramdisk", "runbook")
#: argument -> event -> first minor version that knows it there
_EVENTS = {
    "configdrive": {"deploy": 1, "rebuild": 35},
    "clean_steps": {"clean": 15},
    "deploy_steps": {"deploy": 69, "rebuild": 69},
    "service_steps": {"service": 87},
    "rescue_password": {"rescue": 38},
    "disable_ramdisk": {"clean": 70, "service": 108},
    "runbook": {"clean": 92, "service": 92},
}
#: arguments without which an event makes no sense
_NEEDED = {"clean": "clean_steps", "service": "service_steps", "rescue": "rescue_password"}
_CLEAN_INTERFACES = frozenset({"vendor", "power", "management", "firmware", "deploy", "bios",
                               "raid"})
_STEP_KEYS = {"clean_steps": ({"interface", "step"}, {"args", "order", "execute_on_child_nodes",
                                                      "limit_child_node_execution"}),
              "deploy_steps": ({"interface", "step", "args", "priority"}, set())}
_STEP_KEYS["service_steps"] = _STEP_KEYS["clean_steps"]
_DRIVE_KINDS = {"meta_data": dict, "network_data": dict, "vendor_data": dict,
                "user_data": (dict, list, str, type(None))}


def check(event: str, given: dict[str, Any], version: int) -> dict[str, Any]:
    """The arguments of a verb, but for its target, checked.

    :raises Invalid: :raises NotAcceptable:
    """
    found = {name: value for name, value in given.items()
             if name != "target" and value is not None}
    for name in found:
        events = _EVENTS[name]
        if event not in events:
            raise exceptions.Invalid(f"Argument {name} is not valid with this target.",
                                     remedy=f"It goes with: {', '.join(sorted(events))}.")
        microversion.require(version, events[event], f"argument {name}")
    if "runbook" in found:
        raise exceptions.Invalid(f"Runbook {found['runbook']} could not be found.",
                                 remedy="Give the steps instead.")
    needed = _NEEDED.get(event)
    if needed and not found.get(needed):
        raise exceptions.Invalid(f"{needed} is required for this target.")
    return {name: _parse(name, value, version) for name, value in found.items()}


def _parse(name: str, value: Any, version: int) -> Any:
    if name.endswith("_steps"):
        return _steps(name, value)
    if name == "configdrive":
        return _configdrive(value, version)
    if name == "disable_ramdisk":
        return arguments.boolean(value, name)
    if not isinstance(value, str):
        raise exceptions.Invalid(f"{name} must be a text.")
    return value


def _steps(name: str, value: Any) -> list[dict]:
    if not isinstance(value, list):
        raise exceptions.Invalid(f"{name} must be a list.")
    needed, more = _STEP_KEYS[name]
    for position, step in enumerate(value):
        where = f"{name}[{position}]"
        if not isinstance(step, dict) or not needed <= set(step):
            raise exceptions.Invalid(f"{where} needs {', '.join(sorted(needed))}.")
        if set(step) - needed - more:
            raise exceptions.Invalid(f"{where} must not have "
                                     f"{', '.join(sorted(set(step) - needed - more))}.")
        _check_step(where, step)
    return value


def _check_step(where: str, step: dict) -> None:
    if step["interface"] not in _CLEAN_INTERFACES:
        raise exceptions.Invalid(f"{where}: interface {step['interface']!r} is not valid.",
                                 remedy=f"Use one of {', '.join(sorted(_CLEAN_INTERFACES))}.")
    if not isinstance(step["step"], str) or not step["step"]:
        raise exceptions.Invalid(f"{where}: step must be a text.")
    if not isinstance(step.get("args", {}), dict):
        raise exceptions.Invalid(f"{where}: args must be an object.")
    for key in ("priority", "order"):
        if key in step and arguments.integer(step[key], f"{where}.{key}") < 0:
            raise exceptions.Invalid(f"{where}: {key} must not be negative.")


def _configdrive(value: Any, version: int) -> str | dict:
    if isinstance(value, dict):
        microversion.require(version, 56, "configdrive as an object")
        return _drive_object(value, version)
    if not isinstance(value, str):
        raise exceptions.Invalid("configdrive must be a text or an object.")
    if "://" in value:
        return value
    try:
        base64.b64decode(value.encode(), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise exceptions.Invalid("configdrive is neither a URL nor base64.",
                                 remedy="Send a gzipped ISO image in base64.") from None
    return value


def _drive_object(value: dict, version: int) -> dict:
    unknown = sorted(set(value) - set(_DRIVE_KINDS))
    if unknown:
        raise exceptions.Invalid(f"configdrive must not have {', '.join(unknown)}.",
                                 remedy=f"It has {', '.join(_DRIVE_KINDS)}.")
    if "vendor_data" in value:
        microversion.require(version, 59, "configdrive with vendor_data")
    for key, item in value.items():
        if not isinstance(item, _DRIVE_KINDS[key]):
            raise exceptions.Invalid(f"configdrive/{key} is of the wrong type.")
    return value
