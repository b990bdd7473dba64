"""What can be made to go wrong with the region, and with each of its machines."""

import dataclasses


class FaultError(ValueError):
    """An unknown knob, or a value that it cannot take."""


class Knobs:
    """Fields of a dataclass that are set by name; a value must be of the default's type."""

    def update(self, changes: dict) -> None:
        """:raises FaultError: a knob does not exist or cannot take that value"""
        kinds = {field.name: type(field.default) for field in dataclasses.fields(self)}
        for name, value in changes.items():
            if name not in kinds:
                raise FaultError(f"no such fault: {name}; there are {', '.join(kinds)}")
            number = kinds[name] in (int, float)
            good = isinstance(value, int | float) and not isinstance(value, bool) if number \
                else isinstance(value, kinds[name])
            if not good:
                raise FaultError(f"fault {name} cannot be {value!r}")
        for name, value in changes.items():
            setattr(self, name, value)

    def as_dict(self) -> dict:
        return dataclasses.asdict(self)


@dataclasses.dataclass
class RegionFaults(Knobs):
    """
    :ivar status: answers every request with this status; 0 for none
    :ivar status_for: how many requests ``status`` answers; -1 for all
    :ivar lost_races: how many changing requests lose a race in the database (409, Retry-After)
    :ivar delay: seconds before each answer
    :ivar mute: nobody answers
    :ivar rack_down: no rack controller is connected: nothing reaches a BMC
    :ivar token_revoked: every API key is refused
    :ivar clock_skew: seconds by which the region's clock is ahead
    :ivar lost_answers: how many changing requests are carried out and then answered with 503
    """

    status: int = 0
    status_for: int = -1
    lost_races: int = 0
    delay: float = 0.0
    mute: bool = False
    rack_down: bool = False
    token_revoked: bool = False
    clock_skew: float = 0.0
    lost_answers: int = 0


@dataclasses.dataclass
class MachineFaults(Knobs):
    """
    :ivar stuck: the machine stays in the transitional state that it is in
    :ivar fail_commissioning: commissioning fails
    :ivar fail_testing: the tests after commissioning fail
    :ivar fail_deployment: installation fails
    :ivar fail_erasing: erasing of its disks fails
    :ivar fail_release: it does not power off when released
    :ivar bmc_dead: its BMC does not answer
    :ivar power_delay: seconds until a power action shows, beyond the usual
    """

    stuck: bool = False
    fail_commissioning: bool = False
    fail_testing: bool = False
    fail_deployment: bool = False
    fail_erasing: bool = False
    fail_release: bool = False
    bmc_dead: bool = False
    power_delay: float = 0.0
