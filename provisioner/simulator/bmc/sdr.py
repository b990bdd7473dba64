"""Sensors and their full sensor records (IPMI 2.0 section 43.1).

Readings are linear: value = factor x raw, so that thresholds and readings are single bytes.
"""

import dataclasses
import struct

_READABLE_THRESHOLDS = 0x3F


@dataclasses.dataclass(frozen=True)
class Sensor:
    """One analogue sensor.

    :ivar unit: base unit code: 1 degree Celsius, 6 watt, 18 revolutions per minute
    :ivar entity: entity id of table 43-13
    :ivar on_raw: raw reading while the machine is on
    :ivar off_raw: raw reading while it is off; ``None``: no reading then
    :ivar thresholds: raw, in the order of Get Sensor Thresholds: lower non-critical, lower
        critical, lower non-recoverable, upper non-critical, upper critical, upper
        non-recoverable
    """

    number: int
    name: str
    sensor_type: int
    unit: int
    entity: int
    factor: int
    on_raw: int
    off_raw: int | None
    thresholds: tuple

    def raw(self, power: str) -> int | None:
        return self.on_raw if power == "on" else self.off_raw

    def status(self, raw: int) -> int:
        """Threshold comparison bits of Get Sensor Reading (section 35.14)."""
        lower = sum(1 << bit for bit, limit in enumerate(self.thresholds[:3]) if raw <= limit)
        upper = sum(8 << bit for bit, limit in enumerate(self.thresholds[3:]) if raw >= limit)
        return lower | upper


SENSORS = {sensor.number: sensor for sensor in (
    Sensor(1, "Inlet Temp", 0x01, 1, 0x37, 1, 24, 20, (5, 2, 0, 38, 42, 47)),
    Sensor(2, "Fan 1", 0x04, 18, 0x1D, 100, 58, None, (10, 6, 3, 180, 200, 220)),
    Sensor(3, "Power Draw", 0x0B, 6, 0x13, 4, 45, None, (0, 0, 0, 150, 180, 200)),
)}


def record(sensor: Sensor, record_id: int) -> bytes:
    """The full sensor record with its five-byte header."""
    lnc, lc, lnr, unc, uc, unr = sensor.thresholds
    name = sensor.name.encode("ascii")
    key = bytes([0x20, 0x00, sensor.number])
    kind = bytes([sensor.entity, 1, 0x7F, 0x47, sensor.sensor_type, 0x01])
    masks = struct.pack("<HHBB", 0x7A95, 0x7A95, _READABLE_THRESHOLDS, 0)
    units = bytes([0x00, sensor.unit, 0])
    factors = bytes([0, sensor.factor & 0xFF, sensor.factor >> 2 & 0xC0, 0, 0, 0, 0])
    nominal = bytes([0x01, sensor.on_raw, 0, 0, 0xFF, 0x00])
    limits = bytes([unr, uc, unc, lnr, lc, lnc, 1, 1, 0, 0, 0])
    body = key + kind + masks + units + factors + nominal + limits
    body += bytes([0xC0 | len(name)]) + name
    return struct.pack("<HBBB", record_id, 0x51, 0x01, len(body)) + body


RECORDS = {position: record(sensor, position)
           for position, sensor in enumerate(SENSORS.values(), start=1)}
