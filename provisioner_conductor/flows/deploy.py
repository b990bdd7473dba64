"""deploy and rebuild: an image onto the disk, and the machine booted from it."""

from provisioner import states
from provisioner.steps import StepSpec
from provisioner_conductor.flows import external
from provisioner_conductor.flows.base import Flow, Request
from provisioner_conductor.flows.ramdisk import boot_ramdisk, leave_ramdisk


def _plan(request: Request) -> list[StepSpec]:
    if external.is_external(request):
        return _with_boot_actions(request, external.deploy())
    image = []
    if request.interface("deploy").needs_agent:
        image = [*boot_ramdisk(), StepSpec("agent.image"), *leave_ramdisk()]
    return [
        *_with_boot_actions(request, image),
        StepSpec("boot.local"),
        StepSpec("boot.device", {"device": "disk", "persistent": True}),
        StepSpec("network.mode", {"mode": "production"}),
        StepSpec("power.set", {"target": states.POWER_ON}),
    ]


def _with_boot_actions(request: Request, image: list[StepSpec]) -> list[StepSpec]:
    """For a node of a design: its key comes with the image, and is then forgotten here."""
    if "design" not in request.args:
        return image
    return [StepSpec("bootaction.context", {"design": request.args["design"]}), *image,
            StepSpec("bootaction.delivered")]


def _rebuild(request: Request) -> list[StepSpec]:
    if external.is_external(request):
        return [external.release(erase=False), *external.deploy()]
    return _plan(request)


FLOWS = [
    Flow("deploy", _plan, event="deploy", maintenance=False, keeps=("configdrive",),
         validates=("power", "management", "boot", "deploy", "network")),
    Flow("rebuild", _rebuild, event="rebuild", maintenance=False, keeps=("configdrive",),
         validates=("power", "management", "boot", "deploy", "network")),
]
