"""What can be made to go wrong with one machine, and how it is written down.

Each knob is a field of :class:`Faults`; its default is a healthy machine. A value given as text
(command line) is JSON: ``true``, ``0.3``, ``200``, ``null``.
"""

import dataclasses
import json
import math
import time


class FaultError(ValueError):
    """An unknown knob, or a value that it cannot take."""


@dataclasses.dataclass
class Faults:
    """The knobs of one machine.

    :ivar boot_delay: seconds between a fetched kernel (or a found disk) and a running system
    :ivar loss: part of the BMC's datagrams lost, each way, 0 to 1
    :ivar ack_without_doing: how many power commands are acknowledged only; -1 for all
    :ivar power_delay: seconds until an accepted power command takes effect and shows
    :ivar mute: the BMC does not answer; true, or for how many seconds from now
    :ivar sessions_full: the BMC refuses every new session for lack of resources
    :ivar wrong_mac: firmware and agent use a MAC that nobody has enrolled
    :ivar agent_dies_at: bytes of an image after which the agent hangs, once; ``None`` for never
    :ivar bad_checksum: what the agent downloads arrives corrupted
    :ivar refuse: IPMI completion code that answers every chassis control; 0 for none
    :ivar agent_mute: the agent neither beats nor answers; true, or for how many seconds from now
    :ivar disk_fail: every write to the disk is an input/output error
    """

    boot_delay: float = 0.5
    loss: float = 0.0
    ack_without_doing: int = 0
    power_delay: float = 0.0
    mute: bool | float = False
    sessions_full: bool = False
    wrong_mac: bool = False
    agent_dies_at: int | None = None
    bad_checksum: bool = False
    refuse: int = 0
    agent_mute: bool | float = False
    disk_fail: bool = False

    def __post_init__(self):
        self._until = {}

    def update(self, changes: dict) -> None:
        """Set some knobs; all of them or, when one is wrong, none.

        :raises FaultError: a knob does not exist or cannot take that value
        """
        for name, value in changes.items():
            _check(name, value)
        for name, value in changes.items():
            setattr(self, name, value)
            self._until.pop(name, None)
            if name in _SWITCHES_WITH_TIME and not isinstance(value, bool):
                self._until[name] = time.monotonic() + value

    def is_on(self, name: str) -> bool:
        """Whether a switch is on now; one set for some seconds turns itself off."""
        if name in self._until and time.monotonic() >= self._until[name]:
            del self._until[name]
            setattr(self, name, False)
        return bool(getattr(self, name))

    def take_acknowledgement(self) -> bool:
        """True if this power command is to be acknowledged only; uses up one of the count."""
        if self.ack_without_doing > 0:
            self.ack_without_doing -= 1
            return True
        return self.ack_without_doing < 0

    def as_dict(self) -> dict:
        for name in _SWITCHES_WITH_TIME:
            self.is_on(name)
        return dataclasses.asdict(self)


_SWITCHES_WITH_TIME = ("mute", "agent_mute")
_SWITCHES = ("sessions_full", "wrong_mac", "bad_checksum", "disk_fail")
_NAMES = tuple(field.name for field in dataclasses.fields(Faults))


def _is_number(value, low, high):
    return (isinstance(value, int | float) and not isinstance(value, bool)
            and low <= value <= high)


def _is_count(value, low, high):
    return isinstance(value, int) and _is_number(value, low, high)


_ACCEPTS = {
    "boot_delay": lambda value: _is_number(value, 0, 86400),
    "loss": lambda value: _is_number(value, 0, 1),
    "ack_without_doing": lambda value: _is_count(value, -1, math.inf),
    "power_delay": lambda value: _is_number(value, 0, 86400),
    "agent_dies_at": lambda value: value is None or _is_count(value, 0, math.inf),
    "refuse": lambda value: _is_count(value, 0, 255),
    **dict.fromkeys(_SWITCHES, lambda value: isinstance(value, bool)),
    **dict.fromkeys(_SWITCHES_WITH_TIME,
                    lambda value: isinstance(value, bool) or _is_number(value, 0, 86400)),
}


def _check(name, value):
    if name not in _ACCEPTS:
        raise FaultError(f"no such fault: {name}; there are {', '.join(_NAMES)}")
    if not _ACCEPTS[name](value):
        raise FaultError(f"fault {name} cannot be {value!r}")


def parse_fault(text: str) -> dict:
    """``NAME=VALUE`` as a change for :meth:`Faults.update`.

    :raises FaultError: not of that form, unknown, or a value out of range
    """
    name, separator, value = text.partition("=")
    if not separator:
        raise FaultError(f"expected NAME=VALUE, not {text!r}")
    try:
        value = json.loads(value)
    except ValueError:
        raise FaultError(f"fault {name}: {value!r} is not true, false, null or a number") from None
    _check(name, value)
    return {name: value}


def parse_selected_fault(text: str) -> tuple[frozenset[int], dict]:
    """``3,7,10-12:NAME=VALUE`` as (machine numbers, change).

    :raises FaultError: see :func:`parse_fault`
    """
    selection, separator, fault = text.partition(":")
    if not separator:
        raise FaultError(f"expected MACHINES:NAME=VALUE, not {text!r}")
    chosen = set()
    for part in selection.split(","):
        first, _, last = part.partition("-")
        try:
            chosen.update(range(int(first), int(last or first) + 1))
        except ValueError:
            raise FaultError(f"not a machine number or range: {part!r}") from None
    return frozenset(chosen), parse_fault(fault)
