"""Identity and sensors of an IPMI machine, read over its one session in small commands.

Parsers are pure; what a BMC leaves out or garbles is absent from the answer, never an error.
"""

import dataclasses
import math
import struct
import uuid
from collections.abc import Iterator

from provisioner import exceptions
from provisioner.drivers import base
from provisioner.drivers.clients.rmcp import Request

_APP, _SENSOR, _STORAGE = 0x06, 0x04, 0x0A
_DEVICE_ID, _SYSTEM_GUID = Request(_APP, 0x01), Request(_APP, 0x37)
# Small enough for every BMC's message size.
_CHUNK = 16
_MAX_AREA, _MAX_RECORDS = 2048, 2048
_RESERVATION_LOST, _NOT_PRESENT = 0xC5, 0xCB
_RESERVATIONS = 3

# Sensor data records (IPMI 2.0 chapters 33 and 43).
_FULL_RECORD, _THRESHOLD = 0x01, 0x01
_LAST_RECORD = 0xFFFF
_UNITS = {1: "C", 2: "F", 3: "K", 4: "V", 5: "A", 6: "W", 7: "J", 18: "RPM", 19: "Hz"}
_LINEAR = {0: float, 1: math.log, 2: math.log10, 3: math.log2, 4: math.exp,
           5: lambda x: 10 ** x, 6: lambda x: 2 ** x, 7: lambda x: 1 / x, 8: lambda x: x ** 2,
           9: lambda x: x ** 3, 10: math.sqrt, 11: math.cbrt}
_NOT_RECOVERABLE, _CRITICAL, _WARNING = 0x24, 0x12, 0x09

_BOARD = ("board_manufacturer", "board_product", "board_serial", "board_part_number")
_PRODUCT = ("manufacturer", "product", "part_number", "version", "serial", "asset_tag")


def identity(channel: base.Channel) -> dict[str, str]:
    """``guid``, ``firmware_version``, ``ipmi_version`` and the texts of FRU 0."""
    found = {}
    device = _optional(channel, _DEVICE_ID)
    if len(device) >= 5:
        found["firmware_version"] = f"{device[2] & 0x7F}.{device[3]:02x}"
        found["ipmi_version"] = f"{device[4] & 0xF}.{device[4] >> 4}"
    guid = _optional(channel, _SYSTEM_GUID)
    if len(guid) == 16:
        # Sent least significant byte first (IPMI 2.0 section 20.8).
        found["guid"] = str(uuid.UUID(bytes=guid[::-1]))
    return found | _fru_texts(channel)


def _optional(channel: base.Channel, request: Request) -> bytes:
    try:
        return channel.read(request)
    except (exceptions.RequestRefused, exceptions.Unsupported):
        return b""


def _fru_texts(channel: base.Channel) -> dict[str, str]:
    header = _fru(channel, 0, 8)
    if len(header) < 8 or sum(header) & 0xFF:
        return {}
    found = {}
    for offset, start, names in ((header[3], 6, _BOARD), (header[4], 3, _PRODUCT)):
        if offset:
            size = _fru(channel, offset * 8, 2)[1:2]
            area = _fru(channel, offset * 8, min(size[0] * 8, _MAX_AREA)) if size else b""
            found.update(_named(names, fru_fields(area[start:])))
    return found


def _named(names: tuple[str, ...], texts: Iterator[str]) -> dict[str, str]:
    return {name: text for name, text in zip(names, texts, strict=False) if text}


def _fru(channel: base.Channel, offset: int, size: int) -> bytes:
    """Part of FRU 0; shorter than asked where the BMC gives less (IPMI 2.0 section 34.2)."""
    data = b""
    while len(data) < size:
        count = min(_CHUNK, size - len(data))
        reply = _optional(channel, Request(_STORAGE, 0x11,
                                           struct.pack("<BHB", 0, offset + len(data), count)))
        if len(reply) < 2:
            break
        data += reply[1:1 + count]
    return data


def fru_fields(data: bytes) -> Iterator[str]:
    """The texts of an information area, in order (FRU storage definition, chapter 13)."""
    while data and data[0] != 0xC1:
        kind, size = data[0] >> 6, data[0] & 0x3F
        yield _text(kind, data[1:1 + size])
        data = data[1 + size:]


def _text(kind: int, raw: bytes) -> str:
    if kind == 3:
        return raw.decode("latin-1").strip("\0 ")
    if kind == 2:
        bits = int.from_bytes(raw, "little")
        return "".join(chr((bits >> 6 * n & 0x3F) + 0x20)
                       for n in range(len(raw) * 8 // 6)).strip()
    if kind == 1:
        return raw.hex().translate(str.maketrans("abc", " -.")).strip()
    return raw.hex()


@dataclasses.dataclass(frozen=True)
class Sensor:
    """An analogue sensor with thresholds, from its full record (IPMI 2.0 section 43.1)."""

    name: str
    number: int
    lun: int
    units: str
    form: int
    linearization: int
    m: int
    b: int
    result_exponent: int
    b_exponent: int

    def value(self, raw: int) -> float | None:
        """The reading in ``units`` (IPMI 2.0 section 36.3); None where it means nothing."""
        if self.form == 3 or self.linearization not in _LINEAR:
            return None
        if self.form and raw & 0x80:
            raw -= 0x100 if self.form == 2 else 0xFF
        linear = (self.m * raw + self.b * 10 ** self.b_exponent) * 10 ** self.result_exponent
        try:
            return round(float(_LINEAR[self.linearization](linear)), 3)
        except (ValueError, ArithmeticError):
            return None


def parse_sensor(record: bytes) -> Sensor | None:
    """The sensor of a record, or None if it is no full record of a threshold sensor."""
    if len(record) < 48 or record[3] != _FULL_RECORD or record[13] != _THRESHOLD:
        return None
    name = _text(record[47] >> 6, record[48:48 + (record[47] & 0x1F)])
    return Sensor(name=name, number=record[7], lun=record[6] & 3,
                  units="%" if record[20] & 1 else _UNITS.get(record[21], ""),
                  form=record[20] >> 6, linearization=record[23] & 0x7F,
                  m=_signed(record[24] | (record[25] & 0xC0) << 2, 10),
                  b=_signed(record[26] | (record[27] & 0xC0) << 2, 10),
                  result_exponent=_signed(record[29] >> 4, 4),
                  b_exponent=_signed(record[29] & 0xF, 4))


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> bits - 1 else value


def sensors(channel: base.Channel) -> dict[str, dict]:
    """Every analogue sensor: ``{name: {"value", "units", "health"}}``.

    :raises Unsupported: if the BMC has no sensor data repository
    """
    found = {}
    for record in _records(channel):
        sensor = parse_sensor(record)
        if sensor:
            found[sensor.name] = _reading(channel, sensor)
    return found


def _reading(channel: base.Channel, sensor: Sensor) -> dict:
    data = _optional(channel, Request(_SENSOR, 0x2D, bytes([sensor.number]), sensor.lun))
    if len(data) < 2 or data[1] & 0x20 or not data[1] & 0x40:
        return {"value": None, "units": sensor.units, "health": "unknown"}
    return {"value": sensor.value(data[0]), "units": sensor.units,
            "health": _health(data[2] if len(data) > 2 else 0)}


def _health(status: int) -> str:
    """The worst threshold that is crossed (IPMI 2.0 section 35.14)."""
    for mask, health in ((_NOT_RECOVERABLE, "non-recoverable"), (_CRITICAL, "critical"),
                         (_WARNING, "warning")):
        if status & mask:
            return health
    return "ok"


def _records(channel: base.Channel) -> Iterator[bytes]:
    """All records of the repository; a BMC that updates it meanwhile is asked again."""
    repository = _Repository(channel)
    record = 0
    for _ in range(_MAX_RECORDS):
        try:
            following, data = repository.record(record)
        except exceptions.RequestRefused as error:
            if error.where.get("completion_code") != _NOT_PRESENT:
                raise
            return
        yield data
        if following in (_LAST_RECORD, record):
            return
        record = following


class _Repository:
    """The sensor data repository, read in pieces under a reservation (IPMI 2.0 chapter 33)."""

    def __init__(self, channel: base.Channel):
        self._channel = channel
        self._reservation = self._reserve()

    def record(self, number: int) -> tuple[int, bytes]:
        """Number of the next record, and this one; read anew where the reservation was lost."""
        for _ in range(_RESERVATIONS):
            try:
                return self._read(number)
            except exceptions.RequestRefused as error:
                if error.where.get("completion_code") != _RESERVATION_LOST:
                    raise
                self._reservation = self._reserve()
        return self._read(number)

    def _reserve(self) -> bytes:
        return self._channel.read(Request(_STORAGE, 0x22))[:2]

    def _read(self, number: int) -> tuple[int, bytes]:
        data, size, following = b"", 5, _LAST_RECORD
        while len(data) < size:
            count = min(_CHUNK, size - len(data))
            reply = self._channel.read(Request(_STORAGE, 0x23, self._reservation + struct.pack(
                "<HBB", number, len(data), count)))
            if len(reply) < 3:
                break
            following, data = struct.unpack_from("<H", reply)[0], data + reply[2:]
            if len(data) == 5:
                size = 5 + data[4]
        return following, data
