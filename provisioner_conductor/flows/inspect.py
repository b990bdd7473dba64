"""inspect: what is in the machine, told by its ramdisk or by its BMC."""

from provisioner.steps import StepSpec
from provisioner_conductor.flows import external
from provisioner_conductor.flows.base import Flow, Request
from provisioner_conductor.flows.ramdisk import boot_ramdisk, leave_ramdisk


def _plan(request: Request) -> list[StepSpec]:
    if external.is_external(request, "inspect"):
        return external.inspect()
    checks = []
    if "expected" in request.args:
        checks = [StepSpec("node.check_inventory", {"expected": request.args["expected"]})]
    if request.interface("inspect").needs_agent:
        return [*boot_ramdisk(inspect=True), *leave_ramdisk(), *checks]
    return [StepSpec("power.verify"), StepSpec("inspect.inventory"), *checks]


FLOWS = [Flow("inspect", _plan, event="inspect", validates=("power", "inspect"))]
