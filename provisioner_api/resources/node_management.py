"""Short calls to a machine that a conductor makes while the client waits."""

from provisioner import exceptions, states
from provisioner_api import arguments
from provisioner_api.call import NO_CONTENT, Answer, Call, ok


def _node(call: Call, ident: str):
    with call.services.database.reader() as tx:
        return call.node(tx, ident)


def get_boot_device(call: Call, ident: str) -> Answer:
    """``GET /v1/nodes/<ident>/management/boot_device``"""
    arguments.none(call)
    row = _node(call, ident)
    found = call.services.conductor_client.hardware(row, "management", "get_boot_device")
    return ok({"boot_device": found.get("boot_device"), "persistent": found.get("persistent")})


def set_boot_device(call: Call, ident: str) -> Answer:
    """``PUT /v1/nodes/<ident>/management/boot_device``"""
    given = arguments.named(call, ("boot_device", "persistent"), ("boot_device",))
    device = given["boot_device"]
    if device not in states.BOOT_DEVICES:
        raise exceptions.Invalid(f"Boot device {device!r} is not known.",
                                 remedy=f"Use one of: {', '.join(states.BOOT_DEVICES)}.")
    persistent = arguments.boolean(given.get("persistent") or False, "persistent")
    row = _node(call, ident)
    call.services.conductor_client.hardware(row, "management", "set_boot_device", device=device,
                                            persistent=persistent)
    return NO_CONTENT


def supported_boot_devices(call: Call, ident: str) -> Answer:
    """``GET /v1/nodes/<ident>/management/boot_device/supported``"""
    arguments.none(call)
    row = _node(call, ident)
    found = call.services.conductor_client.hardware(row, "management", "supported_boot_devices")
    return ok({"supported_boot_devices": list(found)})


def inject_nmi(call: Call, ident: str) -> Answer:
    """``PUT /v1/nodes/<ident>/management/inject_nmi``"""
    arguments.named(call, ())
    row = _node(call, ident)
    call.services.conductor_client.hardware(row, "management", "inject_nmi")
    return NO_CONTENT
