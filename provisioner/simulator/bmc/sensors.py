"""Sensor commands (network function 04h)."""

from provisioner.simulator.bmc.commands import NOT_PRESENT, Call, Completion, Table
from provisioner.simulator.bmc.sdr import SENSORS

TABLE = Table(0x04)
_SCANNING = 0x40
_UNAVAILABLE = 0x20
_ALL_READABLE = 0x3F


def _sensor(call):
    call.args["sensor"] = call.data[0]
    if call.data[0] not in SENSORS:
        raise Completion(NOT_PRESENT)
    return SENSORS[call.data[0]]


@TABLE.command(0x25)
def get_sensor_hysteresis(call: Call) -> bytes:
    _sensor(call)
    return b"\x01\x01"


@TABLE.command(0x27)
def get_sensor_thresholds(call: Call) -> bytes:
    """Section 35.9."""
    return bytes([_ALL_READABLE, *_sensor(call).thresholds])


@TABLE.command(0x29)
def get_sensor_event_enable(call: Call) -> bytes:
    _sensor(call)
    return bytes([_SCANNING])


@TABLE.command(0x2D)
def get_sensor_reading(call: Call) -> bytes:
    """Section 35.14: raw value, whether it can be had, which thresholds it crosses."""
    sensor = _sensor(call)
    raw = sensor.raw(call.bmc.machine.power)
    if raw is None:
        return bytes([0, _SCANNING | _UNAVAILABLE, 0xC0])
    return bytes([raw, _SCANNING, 0xC0 | sensor.status(raw)])


@TABLE.command(0x2F)
def get_sensor_type(call: Call) -> bytes:
    return bytes([_sensor(call).sensor_type, 0x01])
