"""provide and clean: make a machine fit for the next user, or run the steps asked for."""

from provisioner import exceptions
from provisioner.steps import StepSpec
from provisioner_conductor.flows import external
from provisioner_conductor.flows.base import Flow, Request
from provisioner_conductor.flows.ramdisk import boot_ramdisk, leave_ramdisk


def automated(request: Request) -> list[StepSpec]:
    """The steps of automated cleaning; none where it is switched off."""
    wanted = request.node.automated_clean
    wanted = request.conf.automated_clean if wanted is None else wanted
    if external.is_external(request):
        return [external.release(erase=bool(wanted))]
    if not wanted or not request.interface("deploy").needs_agent:
        return []
    return [*boot_ramdisk(), StepSpec("agent.plan_clean"), *leave_ramdisk()]


def _provide(request: Request) -> list[StepSpec]:
    if request.node.retired:
        raise exceptions.Invalid("A retired node cannot be made available.",
                                 remedy="Unset the node's 'retired' field first.")
    return automated(request)


def _clean(request: Request) -> list[StepSpec]:
    wanted = request.args.get("clean_steps")
    if not wanted:
        raise exceptions.Invalid("clean needs clean_steps.",
                                 remedy="Give a list of {\"interface\", \"step\", \"args\"}.")
    if external.is_external(request):
        return _erase(wanted)
    asked = [StepSpec("agent.step", {"what": "clean", "step": {
        "interface": entry["interface"], "step": entry["step"],
        "args": entry.get("args") or {}}}) for entry in wanted]
    return [*boot_ramdisk(), *asked, *leave_ramdisk()]


def _erase(wanted: list[dict]) -> list[StepSpec]:
    """A bootstrapper erases what it releases, and has no other clean step."""
    other = [entry["step"] for entry in wanted if entry["step"] not in external.ERASING]
    if other:
        raise exceptions.Invalid(
            f"Step {other[0]} is not known to the node's deploy interface.",
            remedy=f"Use one of: {', '.join(external.ERASING)}.")
    return [external.verb("allocate"), external.release(erase=True)]


FLOWS = [
    Flow("provide", _provide, event="provide", fault="clean failure", validates=("power",)),
    Flow("clean", _clean, event="clean", final="manage", fault="clean failure",
         validates=("power", "network")),
]
