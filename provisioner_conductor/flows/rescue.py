"""rescue and unrescue: into a system that runs from memory, and back."""

from provisioner import exceptions
from provisioner.steps import StepSpec
from provisioner_conductor.flows import external
from provisioner_conductor.flows.base import Flow, Request


def _only_external(request: Request, verb: str) -> list[StepSpec]:
    if not external.is_external(request):
        raise exceptions.Invalid(
            f"A node whose deploy interface is {request.node.deploy_interface} has no {verb}.",
            remedy="Only machines of a bootstrapper such as MAAS can be rescued.")
    return [external.verb(verb)]


def _rescue(request: Request) -> list[StepSpec]:
    return _only_external(request, "rescue")


def _unrescue(request: Request) -> list[StepSpec]:
    return _only_external(request, "unrescue")


FLOWS = [Flow("rescue", _rescue, event="rescue", validates=("power", "deploy")),
         Flow("unrescue", _unrescue, event="unrescue", validates=("power", "deploy"))]
