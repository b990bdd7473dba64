"""Steps that change only what is known of a node."""

from provisioner import exceptions
from provisioner.db import agents, boot_scripts
from provisioner.steps import REPEAT, Done, Outcome, step
from provisioner_conductor.context import Context


@step("node.clear_instance", on_interrupt=REPEAT)
def clear_instance(context: Context) -> Outcome:
    """Forget the instance that was on the node."""
    def write(tx) -> None:
        boot_scripts.remove(tx, context.node.uuid)
        agents.reset(tx, context.node.uuid)
    return Done(node={"instance_info": {}, "instance_uuid": None, "instance_name": None},
                write=write)


@step("node.identify", on_interrupt=REPEAT)
def identify(context: Context) -> Outcome:
    """Read who the machine says it is; hardware that tells nothing is noted, not failed."""
    try:
        identity = context.machine.call("management", "get_identity")
    except exceptions.Unsupported as error:
        return Done({"identity": None, "note": error.message})
    return Done({"identity": identity})
