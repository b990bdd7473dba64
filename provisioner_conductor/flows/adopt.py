"""adopt: take over a machine that already runs its instance."""

from provisioner.steps import StepSpec
from provisioner_conductor.flows.base import Flow, Request


def _plan(request: Request) -> list[StepSpec]:
    return [StepSpec("power.verify"), StepSpec("boot.local")]


FLOWS = [Flow("adopt", _plan, event="adopt", validates=("power",))]
