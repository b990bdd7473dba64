import struct

import pytest

from provisioner import exceptions
from provisioner.drivers import ipmi_inventory as inventory
from provisioner.drivers.clients.rmcp import Request
from tests.unit.drivers.channels import ScriptedChannel

UNKNOWN = exceptions.Unsupported("")


def full_record(number=0x30, name=b"Inlet Temp", units=1, m=1, b=0, exponents=0, form=0,
                following=0xFFFF):
    body = bytearray(48)
    body[2:5] = bytes([0x51, 0x01, 43 + len(name)])
    body[7], body[13], body[20], body[21] = number, 0x01, form << 6, units
    body[24], body[25] = m & 0xFF, m >> 2 & 0xC0
    body[26], body[27] = b & 0xFF, b >> 2 & 0xC0
    body[29], body[47] = exponents, 0xC0 | len(name)
    return bytes(body) + name


class Bmc:
    """Answers storage and sensor requests from memory, in the pieces that are asked for."""

    def __init__(self, records=(), readings=(), fru=b"", other=()):
        self.records, self.readings, self.fru = list(records), dict(readings), fru
        self.other = dict(other)

    def read(self, request, timeout=10.0):
        key = (request.netfn, request.command)
        if key == (0x0A, 0x22) and self.records:
            return b"\x01\x00"
        if key == (0x0A, 0x23):
            return self._record(*struct.unpack("<HHBB", request.data))
        if key == (0x0A, 0x11) and self.fru:
            _, offset, count = struct.unpack("<BHB", request.data)
            part = self.fru[offset:offset + count]
            return bytes([len(part)]) + part
        if key == (0x04, 0x2D):
            return self.readings[request.data[0]]
        if key in self.other:
            return self.other[key]
        raise UNKNOWN

    def _record(self, reservation, index, offset, count):
        assert reservation == 1
        following = index + 1 if index + 1 < len(self.records) else 0xFFFF
        return struct.pack("<H", following) + self.records[index][offset:offset + count]


def test_sensors_are_read_with_units_and_health():
    bmc = Bmc([full_record(0x30), full_record(0x31, b"Fan 1", units=18, m=60),
               full_record(0x32, b"P12V", units=4, m=6, b=50, exponents=0xE0)],
              {0x30: b"\x15\xc0\xc0", 0x31: b"\x50\xc0\xd0", 0x32: b"\xc0\xc0\xc0"})
    assert inventory.sensors(bmc) == {
        "Inlet Temp": {"value": 21.0, "units": "C", "health": "ok"},
        "Fan 1": {"value": 4800.0, "units": "RPM", "health": "critical"},
        "P12V": {"value": 12.02, "units": "V", "health": "ok"}}


@pytest.mark.parametrize("status, health", [
    (0x00, "ok"), (0x01, "warning"), (0x08, "warning"), (0x02, "critical"), (0x19, "critical"),
    (0x04, "non-recoverable"), (0x3F, "non-recoverable")])
def test_health_is_the_worst_threshold_crossed(status, health):
    bmc = Bmc([full_record()], {0x30: bytes([1, 0xC0, status])})
    assert inventory.sensors(bmc)["Inlet Temp"]["health"] == health


@pytest.mark.parametrize("answer", [b"\x15\xe0\xc0", b"\x15\x80\xc0", b""])
def test_a_sensor_without_a_reading_has_no_value(answer):
    bmc = Bmc([full_record()], {0x30: answer})
    assert inventory.sensors(bmc)["Inlet Temp"] == {"value": None, "units": "C",
                                                    "health": "unknown"}


@pytest.mark.parametrize("form, raw, value", [(0, 0xFE, 254.0), (1, 0xFE, -1.0), (2, 0xFE, -2.0),
                                              (3, 0xFE, None)])
def test_raw_readings_are_signed_as_the_record_says(form, raw, value):
    assert inventory.parse_sensor(full_record(form=form)).value(raw) == value


def test_a_negative_factor_is_signed_with_ten_bits():
    sensor = inventory.parse_sensor(full_record(m=0x3FF, b=0x200))
    assert (sensor.m, sensor.b) == (-1, -512)


def test_records_of_other_kinds_are_passed_over():
    locator = bytes([0, 0, 0x51, 0x12, 11]) + bytes(11)
    bmc = Bmc([locator, full_record()], {0x30: b"\x15\xc0\xc0"})
    assert list(inventory.sensors(bmc)) == ["Inlet Temp"]


def test_a_bmc_without_sensor_records_says_unsupported():
    with pytest.raises(exceptions.Unsupported):
        inventory.sensors(Bmc())


def test_an_empty_repository_has_no_sensors():
    empty = exceptions.RequestRefused("", completion_code=0xCB)
    channel = ScriptedChannel({Request(0x0A, 0x22): b"\1\0",
                               Request(0x0A, 0x23, b"\1\0\0\0\0\5"): empty})
    assert inventory.sensors(channel) == {}


def test_a_lost_reservation_is_made_again():
    lost = exceptions.RequestRefused("", completion_code=0xC5)
    short = bytes([0, 0, 0x51, 0x12, 0])
    channel = ScriptedChannel({
        Request(0x0A, 0x22): [b"\1\0", b"\2\0"],
        Request(0x0A, 0x23, b"\1\0\0\0\0\5"): lost,
        Request(0x0A, 0x23, b"\2\0\0\0\0\5"): b"\xff\xff" + short})
    assert inventory.sensors(channel) == {} and len(channel.reads) == 4


def area(start, *texts):
    fields = b"".join(bytes([0xC0 | len(text)]) + text for text in texts) + b"\xc1"
    body = bytearray(start + fields)
    body += bytes(-len(body) % 8)
    body[1] = len(body) // 8
    return bytes(body)


def test_identity_joins_device_guid_and_fru():
    board = area(bytes([1, 0, 25, 0, 0, 0]), b"ACME", b"Board 1", b"B-1", b"P-1")
    product = area(bytes([1, 0, 25]), b"ACME", b"Server 9", b"", b"", b"S-7")
    header = bytes([1, 0, 0, 1, 1 + len(board) // 8, 0, 0])
    fru = header + bytes([-sum(header) & 0xFF]) + board + product
    guid = bytes(range(16))
    found = inventory.identity(Bmc(fru=fru, other={
        (6, 1): bytes([0x20, 1, 0x82, 0x10, 2]), (6, 0x37): guid}))
    assert found == {
        "firmware_version": "2.10", "ipmi_version": "2.0",
        "guid": "0f0e0d0c-0b0a-0908-0706-050403020100", "board_manufacturer": "ACME",
        "board_product": "Board 1", "board_serial": "B-1", "board_part_number": "P-1",
        "manufacturer": "ACME", "product": "Server 9", "serial": "S-7"}


def test_identity_leaves_out_what_the_bmc_does_not_know():
    assert inventory.identity(Bmc()) == {}


def test_a_damaged_fru_header_is_ignored():
    assert inventory.identity(Bmc(fru=bytes([1, 0, 0, 1, 2, 0, 0, 9]) + bytes(64))) == {}


@pytest.mark.parametrize("field, text", [
    (b"\xc3abc", "abc"), (b"\x83\x29\xdc\xa6", "IPMI"),
    (b"\x42\x12\x3a", "123"), (b"\x02\x01\xff", "01ff")])
def test_fru_texts_in_every_encoding(field, text):
    assert list(inventory.fru_fields(field + b"\xc1")) == [text]


def test_scripted_refusals_do_not_hide_a_lost_bmc():
    gone = exceptions.Unreachable("")
    channel = ScriptedChannel({inventory._DEVICE_ID: gone})
    with pytest.raises(exceptions.Unreachable):
        inventory.identity(channel)
