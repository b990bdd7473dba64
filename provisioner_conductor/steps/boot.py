"""What the machine boots next: a script row for its firmware, and the boot device in its BMC."""

from provisioner import exceptions
from provisioner.db import agents, boot_scripts
from provisioner.drivers.base import RamdiskBoot
from provisioner.steps import REPEAT, Done, Outcome, Wait, step
from provisioner_conductor.context import Context


def _addresses(context: Context) -> list[str]:
    return [port.address for port in context.ports if port.pxe_enabled]


@step("boot.ramdisk", on_interrupt=REPEAT)
def ramdisk(context: Context) -> Outcome:
    """Render the script that boots the deploy ramdisk; forget the agent of an earlier boot."""
    addresses = _addresses(context)
    if not addresses:
        raise exceptions.InvalidSetting(
            f"Node {context.node.name or context.node.uuid} has no port to boot from.",
            remedy="Create a port with pxe_enabled and the MAC address of its boot interface.")
    params = list(context.args.get("kernel_params", ()))
    if context.args.get("inspect"):
        params.append(f"ipa-inspection-callback-url="
                      f"{context.conf.ramdisk_api_url}/v1/continue_inspection")
    script = context.machine.interface("boot").ramdisk_script(
        context.machine.view, RamdiskBoot(context.conf.ramdisk_api_url, tuple(params)))

    def write(tx) -> None:
        boot_scripts.put(tx, context.node.uuid, addresses, script)
        agents.reset(tx, context.node.uuid)
    return Done({"addresses": addresses}, write=write)


@step("boot.local", on_interrupt=REPEAT)
def local(context: Context) -> Outcome:
    """Render the script that sends firmware on to the local disk; the agent's time is over."""
    script = context.machine.interface("boot").local_script(context.machine.view)

    def write(tx) -> None:
        boot_scripts.put(tx, context.node.uuid, _addresses(context), script)
        agents.reset(tx, context.node.uuid)
    return Done(write=write)


@step("boot.device", on_interrupt=REPEAT)
def device(context: Context) -> Outcome:
    """Set the boot device and read it back; one that cannot be read is believed."""
    wanted, persistent = context.args["device"], context.args.get("persistent", False)
    shown = context.machine.call("management", "get_boot_device")
    if context.kept.get("sent") and shown.get("boot_device") in (wanted, None):
        return Done({"boot_device": shown.get("boot_device")})
    context.machine.call("management", "set_boot_device", wanted, persistent)
    return Wait("boot device", until=60, poll=context.conf.power_poll, result={"sent": True},
                late=f"The BMC does not keep boot device \"{wanted}\"; it shows "
                     f"\"{shown.get('boot_device')}\". Check the BMC's boot settings.")
