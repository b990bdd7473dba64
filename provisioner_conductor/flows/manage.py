"""manage: prove that the BMC answers, or come back from a state that needs no proof."""

from provisioner import states
from provisioner.steps import StepSpec
from provisioner_conductor.flows import external
from provisioner_conductor.flows.base import Flow, Request


def _plan(request: Request) -> list[StepSpec]:
    if request.node.provision_state != states.ENROLL:
        return []
    first = external.enroll() if external.is_external(request) else []
    return [*first, StepSpec("power.verify")]


FLOWS = [Flow("manage", _plan, event="manage", validates=("power", "management"))]
