"""delete: take the instance off the machine, then clean it for the next one."""

from provisioner import states
from provisioner.steps import StepSpec
from provisioner_conductor.flows.base import Flow, Request
from provisioner_conductor.flows.clean import automated


def _plan(request: Request) -> list[StepSpec]:
    return [
        StepSpec("power.set", {"target": states.POWER_OFF}),
        StepSpec("network.mode", {"mode": "provisioning"}),
        # From here on a failure is one of cleaning, not of tearing down.
        StepSpec("node.clear_instance", event="clean"),
        *automated(request),
    ]


FLOWS = [Flow("delete", _plan, event="delete", validates=("power",))]
