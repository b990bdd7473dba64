"""The ramdisk agent: waited for by its heartbeat, commanded and asked over its own API.

A command is started once and polled. A step found interrupted asks the agent for its command list
first; an agent that has rebooted meanwhile knows nothing of it, and then the step is only repeated
if it stands in ``REPEATABLE``.
"""

from collections.abc import Mapping

from provisioner import exceptions, secrets, states
from provisioner.db import agents
from provisioner.steps import PROBE, REPEAT, Done, Failed, Outcome, Parked, StepSpec, Wait, step
from provisioner_conductor import learnt
from provisioner_conductor.context import Context

#: agent steps that may be run again when nobody knows how they ended
REPEATABLE = frozenset({"erase_devices", "erase_devices_metadata", "erase_devices_express",
                        "write_image"})
WRITE_IMAGE = {"interface": "deploy", "step": "write_image"}
#: seconds after which a machine whose agent was told to power off is switched off
POWER_OFF_PATIENCE = 20.0


@step("agent.wait", on_interrupt=REPEAT)
def wait(context: Context) -> Outcome:
    """Wait until the agent has called since the ramdisk was booted."""
    if context.agent is not None and context.agent.url:
        return Done({"agent_url": context.agent.url, "agent_version": context.agent.version})
    until = context.conf.agent_timeout
    return Wait("agent", until=until, poll=min(30.0, until),
                late=f"No ramdisk agent called within {until} s. Look at the machine's console: "
                     "does it boot from the network, and reach the API?")


@step("agent.inventory", on_interrupt=REPEAT)
def inventory(context: Context) -> Outcome:
    """Wait until the ramdisk has sent its inventory; keep what others read of it."""
    if not any(signal.kind == "inventory" for signal in context.signals):
        until = context.conf.agent_timeout
        return Wait("agent", until=until, poll=min(30.0, until),
                    late=f"No inventory came within {until} s. Look at the machine's console.")
    with context.services.database.reader() as tx:
        found = agents.inventory(tx, context.node.uuid)
    told, more = (found.inventory, found.plugin_data) if found else ({}, {})

    def write(tx) -> None:
        learnt.keep(tx, context.node, context.task.uuid, told, more)
    return Done(node={"properties": {**context.node.properties, **properties(told)}}, write=write)


def properties(inventory_: dict) -> dict:
    """The properties of a node that an inventory tells: cpus, memory_mb, local_gb, cpu_arch."""
    cpu, memory = inventory_.get("cpu") or {}, inventory_.get("memory") or {}
    disks = [disk.get("size") or 0 for disk in inventory_.get("disks") or []]
    told = {"cpus": cpu.get("count"), "cpu_arch": cpu.get("architecture"),
            "memory_mb": memory.get("physical_mb"),
            "local_gb": max(disks) // 2 ** 30 if disks else None}
    return {key: str(value) for key, value in told.items() if value is not None}


@step("agent.image", on_interrupt=PROBE, run_limit=120)
def image(context: Context) -> Outcome:
    """Have the agent write the image, and poll until it is written and verified.

    Asking for the command first is what makes a repetition safe: one that runs is only awaited.
    """
    command = context.machine.call("deploy", "command", "execute_deploy_step", WRITE_IMAGE)
    if command is None or (command["state"] == "failed" and not context.kept.get("started")):
        context.machine.call("deploy", "start_image")
        return _command_wait(context, "The image is not written")
    return _command_outcome(context, command, "The image is not written")


def _command_wait(context: Context, what: str) -> Wait:
    until = context.conf.command_timeout
    return Wait("command", until=until, poll=context.conf.agent_poll, result={"started": True},
                late=f"{what} after {until} s. Look at the ramdisk's log.")


def _command_outcome(context: Context, command: dict, what: str) -> Outcome:
    if command["state"] == "running":
        return _command_wait(context, what)
    if command["state"] == "failed":
        error = exceptions.RequestRefused(
            f"The ramdisk agent reports: {command['error']}",
            remedy="Mend what the agent complains about, then repeat the request.",
            node=context.node.uuid, command=command["name"])
        return Failed(error.as_dict())
    # Agents send the step back with its arguments, the config drive and its passwords included.
    result = command.get("result")
    if isinstance(result, Mapping):
        result = {key: value for key, value in result.items() if not key.endswith("_step")}
    return Done({"result": secrets.mask(result)})


@step("agent.plan_clean", on_interrupt=REPEAT)
def plan_clean(context: Context) -> Outcome:
    """Ask the agent which clean steps it offers; the ones with a priority are put next."""
    offered = context.machine.call("deploy", "get_steps", "clean")
    wanted = sorted((entry for entry in offered if entry.get("priority")),
                    key=lambda entry: (-entry["priority"], entry["interface"], entry["step"]))
    return Done({"steps": [entry["step"] for entry in wanted]}, expand=tuple(
        StepSpec("agent.step", {"what": "clean", "step": _bare(entry)}) for entry in wanted))


def _bare(entry: dict) -> dict:
    return {"interface": entry["interface"], "step": entry["step"],
            "args": entry.get("args") or {}, "version": entry.get("version")}


@step("agent.step", on_interrupt=PROBE, run_limit=120)
def run_step(context: Context) -> Outcome:
    """Have the agent carry out one of its own steps, and poll until it has."""
    what, entry = context.args["what"], context.args["step"]
    name = f"execute_{what}_step"
    command = context.machine.call("deploy", "command", name, entry)
    if command is None:
        if (context.interrupted or context.kept.get("started")) and (
                entry["step"] not in REPEATABLE):
            return Parked(f"Nobody can tell how the agent's step {entry['step']} has ended: the "
                          "agent does not know of it, and it may not be run twice.")
        context.machine.call("deploy", "start_step", what, entry)
        return _command_wait(context, f"Step {entry['step']} has not ended")
    return _command_outcome(context, command, f"Step {entry['step']} has not ended")


@step("agent.power_off", on_interrupt=REPEAT)
def power_off(context: Context) -> Outcome:
    """Have the agent flush and power off; switch the machine off when it does not."""
    state = context.machine.call("power", "get_power_state")
    if state == states.POWER_OFF:
        return Done({"power_state": state}, node={"power_state": state,
                                                  "target_power_state": None})
    if not context.kept.get("asked"):
        try:
            context.machine.call("deploy", "power_off")
        except exceptions.HardwareError:
            # Deaf agents are switched off the hard way; the image was synced when it was written.
            return _off_wait(context, {"asked": True, "deaf": True})
        return _off_wait(context, {"asked": True})
    if context.kept.get("deaf") or context.waited() > POWER_OFF_PATIENCE:
        context.machine.call("power", "set_power_state", states.POWER_OFF)
    return _off_wait(context, context.kept)


def _off_wait(context: Context, kept: dict) -> Wait:
    until = POWER_OFF_PATIENCE + context.conf.power_timeout
    return Wait("power", until=until, poll=context.conf.power_poll, result=kept,
                late=f"The machine is still on after {until:.0f} s, though its agent and its BMC "
                     "were asked to power off.")
