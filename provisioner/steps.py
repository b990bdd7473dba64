"""Steps: the unit of resume.

A step function takes a context and answers one of three outcomes. The engine writes *started*
before it calls the function and the outcome after it; what happens to a step found started but
not ended is declared beside the function, and the registry refuses a step that does not say.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

# Step states. A step moves only along TRANSITIONS; the engine refuses everything else.
PENDING = "pending"
STARTED = "started"
WAITING = "waiting"
DONE = "done"
FAILED = "failed"
PARKED = "parked"
SKIPPED = "skipped"

TRANSITIONS: dict[str, frozenset[str]] = {
    PENDING: frozenset({STARTED, SKIPPED}),
    STARTED: frozenset({STARTED, WAITING, DONE, FAILED, PARKED}),
    WAITING: frozenset({STARTED, FAILED, SKIPPED}),
    FAILED: frozenset({PENDING, SKIPPED}),
    PARKED: frozenset({PENDING, FAILED, SKIPPED}),
    DONE: frozenset(),
    SKIPPED: frozenset(),
}

# What to do with a step that was started and whose end nobody recorded.
REPEAT = "repeat"
PROBE = "probe"
PARK = "park"
ON_INTERRUPT = frozenset({REPEAT, PROBE, PARK})


@dataclasses.dataclass(frozen=True)
class Done:
    """The step is over and has worked.

    :ivar result: plain data kept with the step; later steps and people read it
    :ivar node: node fields to set, in the transaction that records this outcome
    :ivar write: called with that transaction, for rows of other tables
    :ivar expand: steps to be done next, before those that follow in the task's list: for what is
        only known once the machine has been asked
    """

    result: dict | None = None
    node: dict | None = None
    write: Callable[[Any], None] | None = None
    expand: tuple["StepSpec", ...] = ()


@dataclasses.dataclass(frozen=True)
class Wait:
    """Nothing more to do until somebody signals, or ``poll`` seconds have passed.

    :ivar what: for whom the step waits: ``agent``, ``children``, ``power``, ``command`` ...
    :ivar until: seconds after the step's first start at which the wait is late
    :ivar poll: seconds until the step is called again without any signal
    :ivar settle: seconds to let more signals gather, when one has come while the step ran
    :ivar late: sentence that says what is late and what to do, shown when it is
    :ivar result: plain data kept with the step for its next call
    """

    what: str
    until: float
    poll: float
    late: str
    result: dict | None = None
    node: dict | None = None
    write: Callable[[Any], None] | None = None
    settle: float = 0.0


@dataclasses.dataclass(frozen=True)
class Failed:
    """The step is over and has not worked.

    :ivar error: code, message, remedy and where of the cause (``ProvisionerError.as_dict()``)
    :ivar retryable: whether the engine may try the step again by itself, within its attempts
    """

    error: dict
    retryable: bool = False
    result: dict | None = None
    node: dict | None = None
    write: Callable[[Any], None] | None = None


@dataclasses.dataclass(frozen=True)
class Parked:
    """Nobody can tell what has become of the step, and running it twice may do harm.

    :ivar why: what happened, one sentence; a person decides how the task goes on
    """

    why: str
    result: dict | None = None
    node: dict | None = None
    write: Callable[[Any], None] | None = None


Outcome = Done | Wait | Failed | Parked


@dataclasses.dataclass(frozen=True)
class StepSpec:
    """One entry of a task's step list, stored with the task when it is made.

    :ivar args: plain data; secrets are not allowed here
    :ivar event: state machine event fired in the transaction that records the step as done
    """

    name: str
    args: dict = dataclasses.field(default_factory=dict)
    event: str | None = None


@dataclasses.dataclass(frozen=True)
class StepDef:
    """A registered step function and its promises.

    :ivar run_limit: seconds that one call may take before the engine revokes its channel
    :ivar attempts: calls that may fail retryably before the step fails
    """

    name: str
    function: Callable[[Any], Outcome]
    on_interrupt: str
    run_limit: float
    attempts: int
    abortable: bool


_REGISTRY: dict[str, StepDef] = {}


def step(name: str, *, on_interrupt: str, run_limit: float = 60.0, attempts: int = 8,
         abortable: bool = True) -> Callable:
    """Register a step function under ``name`` (``<interface or flow>.<verb>``).

    :raises ValueError: if the name is taken or ``on_interrupt`` is not one of the three words
    """
    if on_interrupt not in ON_INTERRUPT:
        raise ValueError(f"step {name}: on_interrupt must be one of {sorted(ON_INTERRUPT)}")

    def register(function):
        if name in _REGISTRY and _REGISTRY[name].function is not function:
            raise ValueError(f"step {name} is already registered")
        _REGISTRY[name] = StepDef(name, function, on_interrupt, run_limit, attempts, abortable)
        return function
    return register


def get(name: str) -> StepDef:
    """The step of that name.

    :raises KeyError: if none is registered
    """
    return _REGISTRY[name]


def registered() -> dict[str, StepDef]:
    """All registered steps by name."""
    return dict(_REGISTRY)


def check_transition(old: str, new: str) -> None:
    """
    :raises ValueError: if a step may not go from ``old`` to ``new``
    """
    if new not in TRANSITIONS[old]:
        raise ValueError(f"a step cannot go from {old} to {new}")
