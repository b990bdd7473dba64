"""power: a task of one step, or two for a reboot."""

from provisioner import exceptions, states
from provisioner.steps import StepSpec
from provisioner_conductor.flows.base import Flow, Request


def _plan(request: Request) -> list[StepSpec]:
    target, timeout = request.args.get("target"), request.args.get("timeout")
    if target not in states.POWER_TARGETS:
        raise exceptions.Invalid(f"Power target {target!r} is unknown.",
                                 remedy=f"Use one of: {', '.join(states.POWER_TARGETS)}.")
    _supported(request, target)
    kept_on = request.node.disable_power_off
    if kept_on and states.POWER_TARGETS[target] == states.POWER_OFF:
        raise exceptions.Conflict("This node may not be powered off.",
                                  remedy="Unset the node's 'disable_power_off' field first.")
    if target == states.REBOOT and kept_on:
        return [StepSpec("power.reset")]
    if target in (states.REBOOT, states.SOFT_REBOOT):
        off = states.SOFT_POWER_OFF if target == states.SOFT_REBOOT else states.POWER_OFF
        return [StepSpec("power.set", {"target": off, "timeout": timeout}),
                StepSpec("power.set", {"target": states.POWER_ON, "timeout": timeout})]
    return [StepSpec("power.set", {"target": target, "timeout": timeout})]


def _supported(request: Request, target: str) -> None:
    known = request.interface("power").supported()
    needed = states.SOFT_POWER_OFF if target == states.SOFT_REBOOT else target
    if needed not in known:
        raise exceptions.Invalid(f"Power target {target!r} is not supported by this hardware.",
                                 remedy=f"Use one of: {', '.join(known)}.")


FLOWS = [Flow("power", _plan, provision=False, validates=("power",))]
