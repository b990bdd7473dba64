"""inspect: what is in the machine, told by its ramdisk or by its BMC."""

from provisioner.steps import StepSpec
from provisioner_conductor.flows import external
from provisioner_conductor.flows.base import Flow, Request
from provisioner_conductor.flows.ramdisk import boot_ramdisk, leave_ramdisk


def _plan(request: Request) -> list[StepSpec]:
    if external.is_external(request, "inspect"):
        return external.inspect()
    if request.interface("inspect").needs_agent:
        return [*boot_ramdisk(inspect=True), *leave_ramdisk()]
    return [StepSpec("power.verify"), StepSpec("inspect.inventory")]


FLOWS = [Flow("inspect", _plan, event="inspect", validates=("power", "inspect"))]
