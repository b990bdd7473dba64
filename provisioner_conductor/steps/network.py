"""Switch ports: provisioning while the ramdisk works, production afterwards."""

from provisioner.steps import REPEAT, Done, Outcome, Wait, step
from provisioner_conductor.context import Context
from provisioner_conductor.hardware import port_view

#: seconds after which a change that does not show is asked for again
RESEND = 30.0


@step("network.mode", on_interrupt=REPEAT, run_limit=120)
def mode(context: Context) -> Outcome:
    """Bring every port of the node into ``args["mode"]`` and read it back."""
    wanted = context.args["mode"]
    wrong = [port for port in map(port_view, context.ports)
             if context.machine.call("network", "interrogate", port).get("mode")
             not in (wanted, None)]
    if not wrong:
        return Done({"mode": wanted})
    sent_at, waited = context.kept.get("sent_at"), context.waited()
    if sent_at is None or waited - sent_at >= RESEND:
        for port in wrong:
            context.machine.call("network", "set_mode", port, wanted)
        sent_at = waited
    addresses = ", ".join(port.address for port in wrong)
    return Wait("switch", until=120, poll=context.conf.power_poll, result={"sent_at": sent_at},
                late=f"Ports {addresses} do not show mode {wanted}. Check the switch.")
