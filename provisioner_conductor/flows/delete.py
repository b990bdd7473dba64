"""delete: take the instance off the machine, then clean it for the next one."""

from provisioner import states
from provisioner.steps import StepSpec
from provisioner_conductor.flows import external
from provisioner_conductor.flows.base import Flow, Request
from provisioner_conductor.flows.clean import automated


def _plan(request: Request) -> list[StepSpec]:
    if external.is_external(request):
        # Nothing is forgotten of the instance before the region has taken it off the machine.
        return [StepSpec("network.mode", {"mode": "provisioning"}), *automated(request),
                StepSpec("node.clear_instance", event="clean")]
    return [
        StepSpec("power.set", {"target": states.POWER_OFF}),
        StepSpec("network.mode", {"mode": "provisioning"}),
        # From here on a failure is one of cleaning, not of tearing down.
        StepSpec("node.clear_instance", event="clean"),
        *automated(request),
    ]


FLOWS = [Flow("delete", _plan, event="delete", validates=("power",))]
