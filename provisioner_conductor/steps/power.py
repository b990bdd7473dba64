"""Power: absolute verbs, read back by the engine's wait."""

from provisioner import states
from provisioner.steps import REPEAT, Done, Outcome, Wait, step
from provisioner_conductor.context import Context

#: seconds after which an acknowledged request that shows no effect is sent again
RESEND = 15.0


@step("power.verify", on_interrupt=REPEAT, run_limit=60)
def verify(context: Context) -> Outcome:
    """Read the power state: proves address and credentials."""
    state = context.machine.call("power", "get_power_state")
    return Done({"power_state": state}, node={"power_state": state})


@step("power.set", on_interrupt=REPEAT, run_limit=60, abortable=False)
def set_power(context: Context) -> Outcome:
    """Bring the machine to ``args["target"]`` and see that it is there.

    Repeating is safe: the state is read before anything is asked for.
    """
    target = context.args["target"]
    wanted = states.POWER_TARGETS[target]
    state = context.machine.call("power", "get_power_state")
    if state == wanted:
        return Done({"power_state": state}, node={"power_state": state,
                                                  "target_power_state": None})
    sent_at = context.kept.get("sent_at")
    waited = context.waited()
    soft = target == states.SOFT_POWER_OFF
    if sent_at is None or (waited - sent_at >= RESEND and not soft):
        context.machine.call("power", "set_power_state", target)
        sent_at = waited
    until = context.args.get("timeout") or (
        context.conf.soft_power_off_timeout if soft else context.conf.power_timeout)
    return Wait("power", until=until, poll=context.conf.power_poll, result={"sent_at": sent_at},
                node={"target_power_state": wanted},
                late=f"The machine was asked for \"{target}\" {until:.0f} s ago and still "
                     f"reports \"{state}\". Check the BMC and the machine's power supply.")


@step("power.reset", on_interrupt=REPEAT, run_limit=60)
def reset(context: Context) -> Outcome:
    """Reset a machine that may not be powered off; one that is off is powered on.

    A repetition resets once more, which harms nothing that the first one has not.
    """
    state = context.machine.call("power", "get_power_state")
    target = states.REBOOT if state == states.POWER_ON else states.POWER_ON
    if not context.kept.get("sent"):
        context.machine.call("power", "set_power_state", target)
        return Wait("power", until=context.conf.power_timeout, poll=context.conf.power_poll,
                    result={"sent": True}, late="The machine did not come back from its reset.")
    if state != states.POWER_ON:
        return Wait("power", until=context.conf.power_timeout, poll=context.conf.power_poll,
                    late="The machine did not come back from its reset.")
    return Done(node={"power_state": state, "target_power_state": None})
