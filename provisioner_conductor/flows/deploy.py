"""deploy and rebuild: an image onto the disk, and the machine booted from it."""

from provisioner import states
from provisioner.steps import StepSpec
from provisioner_conductor.flows.base import Flow, Request
from provisioner_conductor.flows.ramdisk import boot_ramdisk, leave_ramdisk


def _plan(request: Request) -> list[StepSpec]:
    image = []
    if request.interface("deploy").needs_agent:
        image = [*boot_ramdisk(), StepSpec("agent.image"), *leave_ramdisk()]
    own = []
    if "design" in request.args:
        image.insert(0, StepSpec("bootaction.context", {"design": request.args["design"]}))
        own = [StepSpec("bootaction.delivered")]
    return [
        *image,
        *own,
        StepSpec("boot.local"),
        StepSpec("boot.device", {"device": "disk", "persistent": True}),
        StepSpec("network.mode", {"mode": "production"}),
        StepSpec("power.set", {"target": states.POWER_ON}),
    ]


FLOWS = [
    Flow("deploy", _plan, event="deploy", maintenance=False,
         validates=("power", "management", "boot", "deploy", "network")),
    Flow("rebuild", _plan, event="rebuild", maintenance=False,
         validates=("power", "management", "boot", "deploy", "network")),
]
