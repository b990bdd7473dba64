"""Work that a bootstrapper such as a MAAS region does by itself: begun, then looked at.

The region knows where the work stands, so a step that was interrupted asks it first. An outage of
the region while it works is waited out: the machine goes on meanwhile.
"""

from provisioner import exceptions
from provisioner.db import build_data
from provisioner.drivers import base
from provisioner.steps import PROBE, REPEAT, Done, Failed, Outcome, Wait, step
from provisioner_conductor.context import Context

#: how often one step begins its verb: what is under way may first have to end
MAX_BEGINS = 5
#: part of the poll interval that an answer may be old, so that one serves many machines
FRESH = 0.8


@step("external.run", on_interrupt=PROBE, run_limit=300)
def run(context: Context) -> Outcome:
    """Carry out ``args["verb"]`` through the interface ``args["kind"]``.

    Beginning is absolute, so that repeating it is harmless; looking changes nothing.
    """
    begun = context.kept.get("begun", 0)
    try:
        found = _look(context, begun)
        if found.state == base.IDLE:
            if begun >= MAX_BEGINS:
                return _failed(context, f"It was begun {begun} times, and is {found.detail}.")
            begun += 1
            found = context.machine.call(context.args["kind"], "begin", context.args["verb"],
                                         context.args)
    except exceptions.RequestRefused as error:
        if error.where.get("transient"):
            raise
        return Failed(error.as_dict())
    return _outcome(context, found, begun)


def _look(context: Context, begun: int) -> base.Progress:
    """Where it stands; a region that does not answer now is asked again later."""
    if not begun and not context.interrupted:
        return base.Progress(base.IDLE)
    args = {**context.args, "interrupted": not begun, "age": context.conf.agent_poll * FRESH}
    try:
        return context.machine.call(context.args["kind"], "look", context.args["verb"], args)
    except (exceptions.Unreachable, exceptions.HardwareTimeout) as error:
        if not begun:
            raise
        return base.Progress(base.RUNNING, error.message)


def _outcome(context: Context, found: base.Progress, begun: int) -> Outcome:
    if found.state == base.RUNNING:
        return _wait(context, begun, found.detail)
    if found.state == base.FAILED:
        return _failed(context, found.detail, found.remedy)
    node: dict = {}
    if found.properties:
        node["properties"] = {**context.node.properties, **found.properties}
    if found.power_state:
        node.update(power_state=found.power_state, target_power_state=None)
    return Done({"detail": found.detail}, node=node or None)


def _wait(context: Context, begun: int, detail: str) -> Wait:
    until = context.args.get("timeout") or context.conf.command_timeout
    return Wait("bootstrapper", until=until, poll=context.conf.agent_poll,
                result={"begun": begun, "detail": detail},
                late=f"The machine's {context.args['verb']} has not ended after {until:.0f} s; "
                     f"last seen: {detail}. Look at the machine's console, and at what the "
                     "bootstrapper says of it.")


def _failed(context: Context, message: str, remedy: str = "") -> Failed:
    remedy = remedy or "Look at the machine, then repeat the request."
    return Failed(exceptions.RequestRefused(
        message, remedy=remedy, node=context.node.uuid).as_dict())


@step("external.collect", on_interrupt=REPEAT, run_limit=120)
def collect(context: Context) -> Outcome:
    """Keep what the machine told while ``args["verb"]`` was carried out, as build data."""
    found = context.machine.call(context.args["kind"], "collect", context.args["verb"])

    def write(tx) -> None:
        for finding in found.findings:
            build_data.add(tx, build_data.Record(
                context.node.name or context.node.uuid, finding.generator, finding.data_format,
                finding.text, context.task.uuid))
    return Done({"findings": [finding.generator for finding in found.findings]},
                node={"properties": {**context.node.properties, **found.properties}},
                write=write)
