"""Steps that change only what is known of a node."""

from provisioner import exceptions
from provisioner.db import agents, boot_actions, boot_scripts
from provisioner.steps import REPEAT, Done, Outcome, step
from provisioner_conductor import hardware_checks
from provisioner_conductor.context import Context
from provisioner_conductor.hardware_checks import ALARM, MISMATCH, Found
from provisioner_conductor.messages import message, with_result


@step("node.clear_instance", on_interrupt=REPEAT)
def clear_instance(context: Context) -> Outcome:
    """Forget the instance that was on the node."""
    def write(tx) -> None:
        boot_scripts.remove(tx, context.node.uuid)
        agents.reset(tx, context.node.uuid)
        boot_actions.forget_key(tx, context.node.uuid)
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


@step("node.check", on_interrupt=REPEAT, run_limit=120)
def check(context: Context) -> Outcome:
    """Compare what the BMC tells with ``args["expected"]``; its sensors may raise alarms."""
    try:
        sensors = context.machine.call("management", "get_sensors")
    except exceptions.Unsupported:
        sensors = None
    identity = context.result_of("node.identify").get("identity")
    return _judged(context, hardware_checks.by_bmc(context.args["expected"], identity, sensors))


@step("node.check_inventory", on_interrupt=REPEAT)
def check_inventory(context: Context) -> Outcome:
    """Compare the inventory with ``args["expected"]``."""
    with context.services.database.reader() as tx:
        row = agents.inventory(tx, context.node.uuid)
    if row is None:
        return Done({"note": "no inventory"})
    return _judged(context, hardware_checks.by_inventory(
        context.args["expected"], row.inventory, row.plugin_data))


def _judged(context: Context, found: list[Found]) -> Outcome:
    """Findings as the task's messages; those that may not be fail the step."""
    fatal = {ALARM} if context.conf.hardware_mismatch == "warn" else {ALARM, MISMATCH}
    wrong = [item.text for item in found if item.kind in fatal]
    result = {"messages": [message(item.text, item.kind in fatal, context.node.name or "")
                           for item in found]}
    if not wrong:
        return with_result(context, result)
    error = exceptions.RequestRefused(
        f"The machine is not as its hardware profile says: {'; '.join(wrong)}.",
        remedy="Mend the machine, or its documents, then retry the task.",
        node=context.node.uuid).as_dict()
    return with_result(context, result, error)
