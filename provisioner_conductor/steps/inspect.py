"""Inspection without a ramdisk: the BMC tells what is in the machine."""

from provisioner.db import agents
from provisioner.steps import REPEAT, Done, Outcome, step
from provisioner_conductor import learnt
from provisioner_conductor.context import Context
from provisioner_conductor.steps.agent import properties


@step("inspect.inventory", on_interrupt=REPEAT, run_limit=120)
def inventory(context: Context) -> Outcome:
    """Read the inventory out of band; keep it, and what others read of it."""
    found = context.machine.call("inspect", "inventory")

    def write(tx) -> None:
        agents.put_inventory(tx, context.node.uuid, found, {})
        learnt.keep(tx, context.node, context.task.uuid, found, {})
    return Done(node={"properties": {**context.node.properties, **properties(found)}},
                write=write)
