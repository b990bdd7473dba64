"""Switch ports: provisioning while the ramdisk works, production afterwards."""

from provisioner.steps import REPEAT, Done, Outcome, Wait, step
from provisioner_conductor.context import Context
from provisioner_conductor.hardware import port_view


@step("network.mode", on_interrupt=REPEAT, run_limit=120)
def mode(context: Context) -> Outcome:
    """Bring every port of the node into ``args["mode"]`` and read it back."""
    wanted, changed = context.args["mode"], []
    for port in map(port_view, context.ports):
        shown = context.machine.call("network", "interrogate", port).get("mode")
        if shown not in (wanted, None):
            context.machine.call("network", "set_mode", port, wanted)
            changed.append(port.address)
    if not changed:
        return Done({"mode": wanted})
    return Wait("switch", until=120, poll=context.conf.power_poll,
                late=f"Ports {', '.join(changed)} do not show mode {wanted}. Check the switch.")
