"""The steps of the agent's hardware manager, as its get_*_steps commands list them."""

MANAGER = "GenericHardwareManager"
VERSION = {"generic": "1.1"}
KINDS = ("deploy", "clean", "service")

_WRITE_IMAGE_ARGS = {
    "image_info": {"description": "What to write and where to get it.", "required": True},
    "configdrive": {"description": "Config drive: base64 of gzip, or a URL.", "required": False}}


def _step(name, priority, abortable, argsinfo):
    return {"step": name, "interface": "deploy", "priority": priority, "reboot_requested": False,
            "abortable": abortable, "argsinfo": argsinfo}


_STEPS = {
    "deploy": (_step("write_image", 0, False, _WRITE_IMAGE_ARGS),
               _step("erase_devices_metadata", 0, False, None)),
    "clean": (_step("erase_devices", 10, True, None),
              _step("erase_devices_metadata", 99, True, None)),
    "service": (_step("erase_devices_metadata", 0, True, None),)}


def listing(kind: str) -> dict:
    """The result of ``get_<kind>_steps``."""
    return {f"{kind}_steps": {MANAGER: [dict(step) for step in _STEPS[kind]]},
            "hardware_manager_version": dict(VERSION)}


def offered(kind: str, name: str) -> bool:
    return any(step["step"] == name for step in _STEPS[kind])
