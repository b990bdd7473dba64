"""Completion codes and session status codes: what they mean, and which error each one is."""

from provisioner import exceptions
from provisioner.drivers.clients import rmcp_wire as wire

# Completion codes (IPMI 2.0 table 5-2).
OK = 0x00
NOT_IN_THIS_STATE = 0xD5
_COMPLETION = {
    0xC0: "node busy", 0xC1: "invalid command", 0xC2: "command invalid for this LUN",
    0xC3: "timeout while processing the command", 0xC4: "out of space",
    0xC5: "reservation cancelled or invalid", 0xC6: "request data truncated",
    0xC7: "request data length invalid", 0xC8: "request data field length limit exceeded",
    0xC9: "parameter out of range", 0xCA: "cannot return that many bytes",
    0xCB: "sensor, data or record not present", 0xCC: "invalid data field in request",
    0xCD: "command illegal for this sensor or record", 0xCE: "response could not be provided",
    0xCF: "duplicated request", 0xD0: "SDR repository is being updated",
    0xD1: "firmware is being updated", 0xD2: "BMC initialization in progress",
    0xD3: "destination unavailable", 0xD4: "insufficient privilege level",
    0xD5: "not possible in the present state", 0xD6: "sub-function is disabled",
    0xFF: "unspecified error",
}
#: the BMC is busy with itself, or took a retransmission for a new request: ask again soon
TRANSIENT = frozenset({0xC0, 0xC4, 0xCF, 0xD0, 0xD2})
_UNSUPPORTED = frozenset({0xC1, 0xC2, 0xD6})
_TOO_SLOW = frozenset({0xC3, 0xCE})

# Status codes of session set-up (IPMI 2.0 table 13-15).
SESSIONS_FULL = frozenset({0x01, 0x0B})
NO_SUCH_SUITE = frozenset({0x04, 0x05, 0x10, 0x11, 0x12})
_STATUS = {
    0x01: "its session table is full", 0x02: "invalid session id", 0x03: "invalid payload type",
    0x04: "invalid authentication algorithm", 0x05: "invalid integrity algorithm",
    0x06: "no matching authentication payload", 0x07: "no matching integrity payload",
    0x08: "inactive session id", 0x09: "invalid role", 0x0A: "privilege level not allowed",
    0x0B: "no session left at this privilege level", 0x0C: "invalid name length",
    0x0D: "unauthorized name", 0x0E: "unauthorized GUID", 0x0F: "wrong password or key",
    0x10: "invalid confidentiality algorithm", 0x11: "no cipher suite in common",
    0x12: "illegal or unrecognized parameter",
}
_LOGIN = frozenset({0x02, 0x09, 0x0A, 0x0C, 0x0D, 0x0E, 0x0F})


def check(request: wire.Request, answer: wire.Answer, address: str) -> bytes:
    """The response data of a completed command.

    :raises Unsupported: the BMC does not know the command
    :raises HardwareTimeout: it did not finish it in time
    :raises RequestRefused: anything else; ``where["completion_code"]`` is the code
    """
    if answer.code == OK:
        return answer.data
    meaning = _COMPLETION.get(answer.code, "code specific to this command or vendor")
    kind = exceptions.RequestRefused
    if answer.code in _UNSUPPORTED:
        kind = exceptions.Unsupported
    elif answer.code in _TOO_SLOW:
        kind = exceptions.HardwareTimeout
    remedy = "Raise ipmi_priv_level or the user's limit." if answer.code == 0xD4 else None
    raise kind(f"The BMC at {address} refused command 0x{request.netfn:02x} "
               f"0x{request.command:02x}: {meaning} (completion code 0x{answer.code:02x}).",
               remedy=remedy, address=address, completion_code=answer.code)


def login_error(status: int, address: str) -> exceptions.HardwareError:
    """The error that a status code of session set-up stands for."""
    meaning = _STATUS.get(status, "unknown reason")
    if status in SESSIONS_FULL:
        return exceptions.RequestRefused(
            f"The BMC at {address} opens no session: {meaning}.",
            remedy="Close sessions of other tools on the BMC, or wait until they time out.",
            address=address, status=status)
    kind = exceptions.LoginRefused if status in _LOGIN else exceptions.RequestRefused
    return kind(f"The BMC at {address} refused the login: {meaning} (status 0x{status:02x}).",
                address=address, status=status)


def passing(error: exceptions.RequestRefused) -> bool:
    """Whether the same request may well be taken a moment later."""
    return (error.where.get("completion_code") in TRANSIENT
            or error.where.get("status") in SESSIONS_FULL)


def unreachable(address: str, detail: str = "") -> exceptions.Unreachable:
    return exceptions.Unreachable(f"The BMC at {address} does not answer{detail}.",
                                  address=address)
