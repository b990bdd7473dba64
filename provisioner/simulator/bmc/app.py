"""Application commands (network function 06h): identity, authentication, sessions."""

from provisioner.simulator.bmc import rmcp
from provisioner.simulator.bmc.commands import (
    ADMINISTRATOR,
    CALLBACK,
    PARAMETER_OUT_OF_RANGE,
    PRIVILEGE_LIMIT,
    Call,
    Completion,
    Table,
)

TABLE = Table(0x06)
_LAN_CHANNEL = 1
_THIS_CHANNEL = 0x0E
_DEVICE_ID = 0x20
_IPMI_VERSION_2_0 = 0x02
_DEVICES = 0x8F             # chassis, FRU, SEL, SDR repository, sensors (section 20.1)
_RECORDS_PER_READ = 16      # bytes of cipher suite data in one answer


@TABLE.command(0x01)
def get_device_id(call: Call) -> bytes:
    """Section 20.1: firmware 2.10, no manufacturer, so that no client takes an OEM path."""
    return bytes([_DEVICE_ID, 1, 2, 0x10, _IPMI_VERSION_2_0, _DEVICES, 0, 0, 0, 0, 0])


@TABLE.command(0x02, ADMINISTRATOR, changes=True)
def cold_reset(call: Call) -> bytes:
    """Section 20.2: the BMC restarts; all sessions are lost, the host is not touched."""
    call.bmc.restart()
    return b""


@TABLE.command(0x03, ADMINISTRATOR, changes=True)
def warm_reset(call: Call) -> bytes:
    call.bmc.restart()
    return b""


@TABLE.command(0x04)
def get_self_test_results(call: Call) -> bytes:
    return b"\x55\x00"


@TABLE.command(0x08)
def get_device_guid(call: Call) -> bytes:
    return call.bmc.guid


@TABLE.command(0x37, None)
def get_system_guid(call: Call) -> bytes:
    return call.bmc.guid


@TABLE.command(0x38, None)
def get_channel_auth_capabilities(call: Call) -> bytes:
    """Section 22.13: no authentication of IPMI 1.5, only sessions of IPMI 2.0."""
    channel = call.data[0] & 0x0F
    if channel not in (_LAN_CHANNEL, _THIS_CHANNEL):
        raise Completion(PARAMETER_OUT_OF_RANGE)
    users = call.bmc.credentials.users
    status = (0x20 if call.bmc.credentials.kg else 0) | (0x04 if any(users) else 0)
    status |= 0x02 if "" in users else 0
    return bytes([_LAN_CHANNEL, 0x80, status, 0x02, 0, 0, 0, 0])


@TABLE.command(0x54, None)
def get_channel_cipher_suites(call: Call) -> bytes:
    """Section 22.15: the records, sixteen bytes at a time."""
    records = b"".join(rmcp.SUITES[number].record for number in call.bmc.suites)
    start = (call.data[2] & 0x3F) * _RECORDS_PER_READ
    return bytes([_LAN_CHANNEL]) + records[start:start + _RECORDS_PER_READ]


@TABLE.command(0x3B, CALLBACK)
def set_session_privilege_level(call: Call) -> bytes:
    """Section 22.18; 0 asks for the present level."""
    wanted = call.data[0] & 0x0F
    call.args["privilege"] = wanted
    if wanted > call.session.limit or wanted > ADMINISTRATOR:
        raise Completion(PRIVILEGE_LIMIT)
    if wanted:
        call.session.privilege = wanted
    return bytes([call.session.privilege])


@TABLE.command(0x3C, CALLBACK)
def close_session(call: Call) -> bytes:
    """Section 22.19: only the session in which it is asked."""
    if int.from_bytes(call.data[:4], "little") != call.session.session_id:
        raise Completion(0x87)
    call.bmc.sessions.close(call.session)
    return b""
