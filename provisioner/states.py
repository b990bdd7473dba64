"""Power states, boot devices and the provision state machine, as data.

The machine is one table: state, event, next state. Pictures and documentation are generated from
it (``tox -e genstates``). API verbs are events; ``VERBS`` maps their aliases.
"""

from provisioner.exceptions import InvalidState

POWER_ON = "power on"
POWER_OFF = "power off"
REBOOT = "rebooting"
SOFT_REBOOT = "soft rebooting"
SOFT_POWER_OFF = "soft power off"
POWER_TARGETS = {POWER_ON: POWER_ON, POWER_OFF: POWER_OFF, REBOOT: POWER_ON,
                 SOFT_REBOOT: POWER_ON, SOFT_POWER_OFF: POWER_OFF}

BOOT_DEVICES = ("pxe", "disk", "cdrom", "bios", "safe", "wanboot", "iscsiboot", "floppy",
                "uefihttp")

ENROLL = "enroll"
VERIFYING = "verifying"
MANAGEABLE = "manageable"
AVAILABLE = "available"
INSPECTING = "inspecting"
INSPECT_WAIT = "inspect wait"
INSPECT_FAILED = "inspect failed"
CLEANING = "cleaning"
CLEAN_WAIT = "clean wait"
CLEAN_HOLD = "clean hold"
CLEAN_FAILED = "clean failed"
DEPLOYING = "deploying"
DEPLOY_WAIT = "wait call-back"
DEPLOY_HOLD = "deploy hold"
DEPLOY_FAILED = "deploy failed"
ACTIVE = "active"
DELETING = "deleting"
ERROR = "error"
ADOPTING = "adopting"
ADOPT_FAILED = "adopt failed"
RESCUING = "rescuing"
RESCUE_WAIT = "rescue wait"
RESCUE = "rescue"
RESCUE_FAILED = "rescue failed"
UNRESCUING = "unrescuing"
UNRESCUE_FAILED = "unrescue failed"
SERVICING = "servicing"
SERVICE_WAIT = "service wait"
SERVICE_HOLD = "service hold"
SERVICE_FAILED = "service failed"

STABLE = frozenset({ENROLL, MANAGEABLE, AVAILABLE, ACTIVE, ERROR, RESCUE})
FAILED = frozenset({INSPECT_FAILED, CLEAN_FAILED, DEPLOY_FAILED, ADOPT_FAILED, RESCUE_FAILED,
                    UNRESCUE_FAILED, SERVICE_FAILED, ERROR})

#: state -> target_provision_state while in it; None means stable. Cleaning's target depends on
#: the verb that began it, so it is kept when already set.
TARGETS = {
    VERIFYING: MANAGEABLE, INSPECTING: MANAGEABLE, INSPECT_WAIT: MANAGEABLE,
    INSPECT_FAILED: MANAGEABLE, CLEANING: AVAILABLE, CLEAN_WAIT: AVAILABLE, CLEAN_HOLD: AVAILABLE,
    CLEAN_FAILED: AVAILABLE, DEPLOYING: ACTIVE, DEPLOY_WAIT: ACTIVE, DEPLOY_HOLD: ACTIVE,
    DEPLOY_FAILED: ACTIVE, DELETING: AVAILABLE, ADOPTING: ACTIVE, ADOPT_FAILED: ACTIVE,
    RESCUING: RESCUE, RESCUE_WAIT: RESCUE, RESCUE_FAILED: RESCUE, UNRESCUING: ACTIVE,
    UNRESCUE_FAILED: ACTIVE, SERVICING: ACTIVE, SERVICE_WAIT: ACTIVE, SERVICE_HOLD: ACTIVE,
    SERVICE_FAILED: ACTIVE,
}
_CLEAN_STATES = frozenset({CLEANING, CLEAN_WAIT, CLEAN_HOLD, CLEAN_FAILED})

#: state -> event -> next state. The single source of truth.
TRANSITIONS: dict[str, dict[str, str]] = {
    ENROLL: {"manage": VERIFYING},
    VERIFYING: {"done": MANAGEABLE, "fail": ENROLL},
    MANAGEABLE: {"provide": CLEANING, "clean": CLEANING, "inspect": INSPECTING,
                 "adopt": ADOPTING},
    AVAILABLE: {"deploy": DEPLOYING, "manage": MANAGEABLE},
    INSPECTING: {"done": MANAGEABLE, "fail": INSPECT_FAILED, "wait": INSPECT_WAIT},
    INSPECT_WAIT: {"done": MANAGEABLE, "resume": INSPECTING, "fail": INSPECT_FAILED,
                   "abort": INSPECT_FAILED},
    INSPECT_FAILED: {"manage": MANAGEABLE, "inspect": INSPECTING},
    CLEANING: {"done": AVAILABLE, "manage": MANAGEABLE, "fail": CLEAN_FAILED, "wait": CLEAN_WAIT,
               "hold": CLEAN_HOLD},
    CLEAN_WAIT: {"resume": CLEANING, "fail": CLEAN_FAILED, "abort": CLEAN_FAILED,
                 "hold": CLEAN_HOLD},
    CLEAN_HOLD: {"unhold": CLEAN_WAIT, "abort": CLEAN_FAILED},
    CLEAN_FAILED: {"manage": MANAGEABLE},
    DEPLOYING: {"done": ACTIVE, "fail": DEPLOY_FAILED, "wait": DEPLOY_WAIT, "hold": DEPLOY_HOLD},
    DEPLOY_WAIT: {"resume": DEPLOYING, "fail": DEPLOY_FAILED, "abort": DEPLOY_FAILED,
                  "delete": DELETING, "hold": DEPLOY_HOLD},
    DEPLOY_HOLD: {"unhold": DEPLOY_WAIT, "abort": DEPLOY_FAILED},
    DEPLOY_FAILED: {"deploy": DEPLOYING, "rebuild": DEPLOYING, "delete": DELETING},
    ACTIVE: {"rebuild": DEPLOYING, "delete": DELETING, "rescue": RESCUING, "service": SERVICING},
    DELETING: {"clean": CLEANING, "fail": ERROR},
    ERROR: {"rebuild": DEPLOYING, "delete": DELETING},
    ADOPTING: {"done": ACTIVE, "fail": ADOPT_FAILED},
    ADOPT_FAILED: {"adopt": ADOPTING, "manage": MANAGEABLE},
    RESCUING: {"done": RESCUE, "wait": RESCUE_WAIT, "fail": RESCUE_FAILED},
    RESCUE_WAIT: {"resume": RESCUING, "fail": RESCUE_FAILED, "abort": RESCUE_FAILED,
                  "delete": DELETING},
    RESCUE: {"rescue": RESCUING, "unrescue": UNRESCUING, "delete": DELETING},
    RESCUE_FAILED: {"rescue": RESCUING, "unrescue": UNRESCUING, "delete": DELETING},
    UNRESCUING: {"done": ACTIVE, "fail": UNRESCUE_FAILED},
    UNRESCUE_FAILED: {"rescue": RESCUING, "unrescue": UNRESCUING, "delete": DELETING},
    SERVICING: {"done": ACTIVE, "fail": SERVICE_FAILED, "wait": SERVICE_WAIT,
                "hold": SERVICE_HOLD},
    SERVICE_WAIT: {"resume": SERVICING, "fail": SERVICE_FAILED, "abort": SERVICE_FAILED,
                   "hold": SERVICE_HOLD, "delete": DELETING},
    SERVICE_HOLD: {"unhold": SERVICE_WAIT, "service": SERVICING, "fail": SERVICE_FAILED,
                   "abort": SERVICE_FAILED},
    SERVICE_FAILED: {"service": SERVICING, "rescue": RESCUING, "delete": DELETING,
                     "abort": ACTIVE, "wait": SERVICE_WAIT, "hold": SERVICE_HOLD},
}

#: what clients may ask for -> event of the machine
VERBS = {"active": "deploy", "deploy": "deploy", "deleted": "delete", "undeploy": "delete",
         "rebuild": "rebuild", "manage": "manage", "provide": "provide", "inspect": "inspect",
         "abort": "abort", "clean": "clean", "adopt": "adopt", "rescue": "rescue",
         "unrescue": "unrescue", "unhold": "unhold", "service": "service"}

DELETE_ALLOWED = frozenset({ENROLL, MANAGEABLE, ADOPT_FAILED, AVAILABLE})
#: states in which a ramdisk may look its node up and heartbeat
LOOKUP_ALLOWED = frozenset({DEPLOYING, DEPLOY_WAIT, CLEANING, CLEAN_WAIT, INSPECTING, INSPECT_WAIT,
                            RESCUING, RESCUE_WAIT, SERVICE_WAIT})
#: states in which an agent's heartbeat is recorded
HEARTBEAT_ALLOWED = LOOKUP_ALLOWED | {ENROLL, MANAGEABLE, AVAILABLE, DEPLOY_HOLD, CLEAN_HOLD,
                                      SERVICING, SERVICE_HOLD}
#: states whose power state is not synchronized
SYNC_EXCLUDED = frozenset({DEPLOY_WAIT, CLEAN_WAIT, ENROLL, ADOPT_FAILED})
#: states in which a field such as an interface may be patched
EDITABLE = frozenset({ENROLL, INSPECTING, INSPECT_WAIT, MANAGEABLE, AVAILABLE})
#: transitional states in which a patch is nevertheless accepted
PATCHABLE_IN_TRANSITION = frozenset({
    DEPLOY_FAILED, INSPECTING, INSPECT_FAILED, INSPECT_WAIT, CLEAN_FAILED, ERROR, VERIFYING,
    ADOPT_FAILED, RESCUE_FAILED, UNRESCUE_FAILED, SERVICE_HOLD, SERVICE_FAILED})


def can(state: str, event: str) -> bool:
    """Whether ``event`` is legal in provision state ``state``."""
    return event in TRANSITIONS.get(state, {})


def next_state(state: str, event: str, target: str | None = None) -> tuple[str, str | None]:
    """The state after ``event`` and its target_provision_state.

    :param target: the current target, kept while one cleaning goes on
    :raises InvalidState: if the machine knows no such transition
    """
    try:
        new = TRANSITIONS[state][event]
    except KeyError:
        raise InvalidState(
            f"The requested action \"{event}\" can not be performed on a node in provision state "
            f"\"{state}\".", remedy=_legal(state), state=state, event=event) from None
    if new in STABLE:
        return new, None
    if new in _CLEAN_STATES and state in _CLEAN_STATES:
        return new, target
    if new == CLEANING and event == "clean" and state == MANAGEABLE:
        return new, MANAGEABLE
    return new, TARGETS[new]


def _legal(state: str) -> str:
    verbs = sorted(set(VERBS.values()) & set(TRANSITIONS.get(state, {})))
    return f"In \"{state}\" these are possible: {', '.join(verbs) or 'none'}."
