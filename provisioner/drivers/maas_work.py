"""What a region does on a machine by itself, by verb: which states mean what.

Begun, a verb runs while the machine is in one of its *running* states and is over in one of its
*done* states; *again* are states from which it is to be begun (once more). In any other state it
has failed. States that MAAS may add later count as under way.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from provisioner import exceptions, states
from provisioner.drivers import base
from provisioner.drivers import maas_machine as m
from provisioner.drivers.base import DONE, FAILED, IDLE, RUNNING, Progress
from provisioner.drivers.maas_machine import Handle

_POWER = {"on": states.POWER_ON, "off": states.POWER_OFF}
#: how many of the latest events tell why something has failed
_EVENTS = 3


@dataclasses.dataclass(frozen=True)
class Verb:
    """States of a verb. :ivar remedy: what a person can do when it has failed"""

    running: frozenset[int]
    done: frozenset[int]
    again: frozenset[int] = frozenset()
    remedy: str = "Look at the machine's events in MAAS, then repeat the request."


_BUSY = frozenset({m.RELEASING, m.ERASING, m.EXITING_RESCUE})
VERBS = {
    "commission": Verb(frozenset({m.COMMISSIONING, m.TESTING}), frozenset({m.READY}),
                       frozenset({m.NEW})),
    "allocate": Verb(_BUSY | {m.COMMISSIONING, m.TESTING}, frozenset({m.ALLOCATED}),
                     frozenset({m.READY})),
    "deploy": Verb(frozenset({m.DEPLOYING}), frozenset({m.DEPLOYED})),
    "release": Verb(_BUSY | {m.COMMISSIONING}, frozenset({m.READY, m.NEW}),
                    frozenset({m.ALLOCATED, m.DEPLOYED, m.DEPLOYING, m.FAILED_DEPLOYMENT,
                               m.BROKEN, m.RESERVED})),
    "rescue": Verb(frozenset({m.ENTERING_RESCUE}), frozenset({m.RESCUE})),
    "unrescue": Verb(frozenset({m.EXITING_RESCUE}), frozenset({m.DEPLOYED})),
}


def progress(machine: Handle, verb: str, args: Mapping[str, Any]) -> Progress:
    """Where a verb stands that was begun.

    :param args: ``interrupted`` if nobody knows whether it was: what is not under way is begun
        again; ``age`` in seconds
    """
    interrupted = bool(args.get("interrupted"))
    record = machine.record(0.0 if interrupted else args.get("age", m.AGE))
    if record is None:
        return absent(machine, verb)
    known, status = VERBS[verb], record["status"]
    if status in known.running or status > m.FAILED_TESTING:
        return Progress(RUNNING, f"{record['status_name']}: {record['status_message']}")
    if interrupted or status in known.again:
        return Progress(IDLE, record["status_name"])
    if status in known.done:
        return over(record)
    return Progress(FAILED, f"MAAS could not {verb} the machine: it is {record['status_name']}"
                            f"{why(machine)}", known.remedy)


def absent(machine: Handle, verb: str) -> Progress:
    """A machine that is no longer in the region has been released; anything else has failed."""
    if verb == "release":
        return Progress(DONE, "MAAS no longer has this machine.")
    error = m.gone(machine.node)
    return Progress(FAILED, error.message, error.remedy)


def over(record: dict) -> Progress:
    return Progress(DONE, record["status_name"], properties=m.learnt(record),
                    power_state=_POWER.get(record.get("power_state")))


def why(machine: Handle) -> str:
    """What the region last reported of the machine, as far as it says so."""
    try:
        found = machine.region("GET", "events/", "query", id=machine.system_id, level="WARNING",
                               limit=_EVENTS)
    except exceptions.HardwareError:
        return "."
    told = [" ".join(filter(None, (one["type"], one["description"])))
            for one in found.get("events", ())]
    return f" ({'; '.join(told)})." if told else "."


def refuse(record: dict, verb: str, remedy: str) -> exceptions.RequestRefused:
    """The machine's state does not allow the verb."""
    return exceptions.RequestRefused(
        f"MAAS machine {record['hostname']} ({record['system_id']}) is {record['status_name']}: "
        f"it cannot be {verb} now.", remedy=remedy, status_name=record["status_name"])


class Unused(base.DeployInterface):
    """The part of a deploy interface that needs a ramdisk agent: MAAS machines run none."""

    needs_agent = False

    def get_steps(self, channel, node, what):
        return []

    def start_step(self, channel, node, what, step):
        raise _no_agent()

    def start_image(self, channel, node):
        raise _no_agent()

    def command(self, channel, node, name, step=None):
        raise _no_agent()

    def power_off(self, channel, node):
        raise _no_agent()


def _no_agent() -> exceptions.Unsupported:
    return exceptions.Unsupported("MAAS deploys this machine; it runs no ramdisk agent.")
