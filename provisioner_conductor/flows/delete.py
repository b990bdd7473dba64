"""delete: take the instance off the machine, then clean it for the next one."""

from provisioner import exceptions, states
from provisioner.steps import StepSpec
from provisioner_conductor.flows import external
from provisioner_conductor.flows.base import Flow, Request
from provisioner_conductor.flows.clean import automated
from provisioner_conductor.flows.ramdisk import boot_ramdisk, leave_ramdisk

#: (secure_erase, quick_erase) -> the ramdisk's step: quick takes tables and signatures only,
#: secure lets drives erase themselves, both do so where that is a matter of seconds
_ERASING = {(False, False): "erase_devices", (True, False): "erase_devices",
            (False, True): "erase_devices_metadata", (True, True): "erase_devices_express"}


def erasing(request: Request) -> list[StepSpec]:
    """The steps of an erasure that was asked for; automated cleaning if none was.

    :raises Invalid: if neither a ramdisk nor a bootstrapper can do it
    """
    given = request.args
    secure, quick = bool(given.get("secure_erase")), bool(given.get("quick_erase"))
    if not {"erase", "secure_erase", "quick_erase"} & set(given):
        return automated(request)
    wanted = bool(given.get("erase", secure or quick))
    if external.is_external(request):
        how = {"secure_erase": secure, "quick_erase": quick} if secure or quick else {}
        return [external.release(wanted, **how)]
    if not wanted:
        return []
    if not request.interface("deploy").needs_agent:
        raise exceptions.Invalid("This deploy interface cannot erase disks.",
                                 remedy="Ask without erase, or use another deploy interface.")
    step = {"interface": "deploy", "step": _ERASING[secure, quick], "args": {}}
    return [*boot_ramdisk(), StepSpec("agent.step", {"what": "clean", "step": step}),
            *leave_ramdisk()]


def _plan(request: Request) -> list[StepSpec]:
    if external.is_external(request):
        # Nothing is forgotten of the instance before the region has taken it off the machine.
        return [StepSpec("network.mode", {"mode": "provisioning"}), *erasing(request),
                StepSpec("node.clear_instance", event="clean")]
    return [
        StepSpec("power.set", {"target": states.POWER_OFF}),
        StepSpec("network.mode", {"mode": "provisioning"}),
        # From here on a failure is one of cleaning, not of tearing down.
        StepSpec("node.clear_instance", event="clean"),
        *erasing(request),
    ]


FLOWS = [Flow("delete", _plan, event="delete", validates=("power",))]
