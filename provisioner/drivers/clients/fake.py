"""Machines that exist in memory only, for tests and for trying the service out.

They behave late and wrong on demand: a change shows only after ``fake_power_delay``, an image takes
``fake_deploy_delay``, and ``fake_fail`` makes verbs fail, for ever or a number of times.
"""

import collections
import dataclasses
import threading
from collections.abc import Callable, Mapping
from typing import Any

from provisioner import exceptions, states
from provisioner.clock import Clock
from provisioner.drivers import base

ERRORS = {error.code: error for error in (
    exceptions.Unreachable, exceptions.LoginRefused, exceptions.RequestRefused,
    exceptions.Unsupported, exceptions.HardwareTimeout)}

SETTINGS = (
    base.Setting("fake_power_delay", "Seconds until a power change shows.", default="0"),
    base.Setting("fake_deploy_delay", "Seconds that an image or a step takes.", default="0"),
    base.Setting("fake_fail", "Verbs that fail, such as \"power.set,"
                              "management.set_boot_device:2\"; with a number, only so often.",
                 default=""),
    base.Setting("fake_error", "Which error failing verbs raise.", kind="choice",
                 choices=tuple(ERRORS), default="RequestRefused"),
)
_SECONDS = ("fake_power_delay", "fake_deploy_delay")


@dataclasses.dataclass(frozen=True)
class Request:
    """One verb on one machine.

    :ivar machine: uuid of the node
    :ivar verb: ``<interface>.<verb>``, such as ``power.set``
    """

    machine: str
    verb: str
    args: tuple = ()


@dataclasses.dataclass
class Machine:
    """The state of one machine.

    :ivar pending: power state to come, and when
    :ivar commands: of its agent: name, step, when it is done
    """

    power: str = states.POWER_OFF
    pending: tuple[str, float] | None = None
    boot_device: str | None = None
    persistent: bool | None = None
    commands: list[tuple[str, dict | None, float]] = dataclasses.field(default_factory=list)
    modes: dict[str, str] = dataclasses.field(default_factory=dict)
    failed: collections.Counter = dataclasses.field(default_factory=collections.Counter)


class FakePool:
    """All fake machines of a process; a :class:`provisioner.drivers.base.TransportPool`."""

    def __init__(self, clock: Clock):
        self.clock = clock
        self.guard = threading.Lock()
        self.machines: dict[str, Machine] = collections.defaultdict(Machine)

    def transport(self, settings: Mapping[str, Any]) -> "FakeTransport":
        """
        :raises InvalidSetting:
        """
        return FakeTransport(self, parse(settings))

    def close(self) -> None:
        """Machines stay as they are, as real ones do."""


def parse(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The fake settings with types applied; ``fake_fail`` as ``{verb: count or None}``.

    :raises InvalidSetting:
    """
    values = base.check_settings(SETTINGS, _plain(settings))
    for name in _SECONDS:
        values[name] = _number(name, values[name])
    failures = {}
    for item in filter(None, (item.strip() for item in values["fake_fail"].split(","))):
        verb, _, count = item.partition(":")
        if verb not in _VERBS:
            raise exceptions.InvalidSetting(
                f"driver_info/fake_fail names {verb!r}, which is no verb.", setting="fake_fail",
                remedy=f"Use some of: {', '.join(_VERBS)}.")
        failures[verb] = int(_number("fake_fail", count)) if count else None
    values["fake_fail"] = failures
    return values


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: str(value) for name, value in settings.items()
            if name.startswith("fake_") and value not in ("", None)}


def _number(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise exceptions.InvalidSetting(f"driver_info/{name} must hold numbers, 0 or more.",
                                        remedy="Correct the node's driver_info.", setting=name)
    return number


class FakeTransport:
    """The way to the machines, under the settings of one node."""

    def __init__(self, pool: FakePool, values: Mapping[str, Any]):
        self._pool = pool
        self._values = values

    def exchange(self, request: Request, timeout: float, check: Callable[[], None]) -> Any:
        """Carry a verb out at once; ``check`` runs just before.

        :raises HardwareError: as ``fake_fail`` and ``fake_error`` say
        """
        with self._pool.guard:
            machine = self._pool.machines[request.machine]
            check()
            self._maybe_fail(machine, request.verb)
            now = self._pool.clock.elapsed()
            if machine.pending and machine.pending[1] <= now:
                machine.power, machine.pending = machine.pending[0], None
            return _VERBS[request.verb](machine, now, self._values, *request.args)

    def _maybe_fail(self, machine: Machine, verb: str) -> None:
        if verb not in self._values["fake_fail"]:
            return
        limit = self._values["fake_fail"][verb]
        if limit is not None and machine.failed[verb] >= limit:
            return
        machine.failed[verb] += 1
        raise ERRORS[self._values["fake_error"]](f"The fake machine was told to fail {verb}.",
                                                 remedy="Remove fake_fail from driver_info.")


def _get_power(machine: Machine, now: float, values: Mapping[str, Any]) -> str:
    return machine.power


def _set_power(machine: Machine, now: float, values: Mapping[str, Any], target: str) -> None:
    state = states.POWER_TARGETS[target]
    machine.pending = (state, now + values["fake_power_delay"])
    if not values["fake_power_delay"]:
        machine.power, machine.pending = state, None
    if state == states.POWER_ON and machine.persistent is False:
        machine.boot_device = machine.persistent = None


def _get_boot(machine: Machine, now: float, values: Mapping[str, Any]) -> dict:
    return {"boot_device": machine.boot_device, "persistent": machine.persistent}


def _set_boot(machine: Machine, now: float, values: Mapping[str, Any], device: str,
              persistent: bool) -> None:
    machine.boot_device, machine.persistent = device, persistent


def _start(machine: Machine, now: float, values: Mapping[str, Any], name: str,
           step: dict | None) -> None:
    if machine.commands and machine.commands[-1][2] > now:
        raise exceptions.RequestRefused("The fake agent is busy with another command.", busy=True)
    machine.commands.append((name, step, now + values["fake_deploy_delay"]))


def _command(machine: Machine, now: float, values: Mapping[str, Any], name: str,
             step: dict | None) -> dict | None:
    for known, ran, done in reversed(machine.commands):
        if known == name and _same(ran, step):
            return {"name": name, "state": "running" if done > now else "succeeded",
                    "error": None, "result": None}
    return None


def _same(ran: dict | None, step: dict | None) -> bool:
    return step is None or (ran is not None and all(
        ran.get(key) == step[key] for key in ("interface", "step", "args") if key in step))


def _get_mode(machine: Machine, now: float, values: Mapping[str, Any], port: str) -> str | None:
    return machine.modes.get(port)


def _set_mode(machine: Machine, now: float, values: Mapping[str, Any], port: str,
              mode: str) -> None:
    machine.modes[port] = mode


def _nothing(machine: Machine, now: float, values: Mapping[str, Any]) -> None:
    return


_VERBS: dict[str, Callable] = {
    "power.get": _get_power, "power.set": _set_power, "management.get_boot_device": _get_boot,
    "management.set_boot_device": _set_boot, "management.get_sensors": _nothing,
    "management.get_identity": _nothing, "management.inject_nmi": _nothing,
    "deploy.start": _start, "deploy.command": _command, "deploy.get_steps": _nothing,
    "inspect.inventory": _nothing, "network.interrogate": _get_mode, "network.set_mode": _set_mode,
}
