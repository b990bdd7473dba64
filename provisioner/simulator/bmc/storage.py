"""Storage commands (network function 0Ah): FRU inventory, sensor records, an empty event log."""

import struct
import time

from provisioner.simulator.bmc import fru, sdr
from provisioner.simulator.bmc.commands import (
    NOT_PRESENT,
    PARAMETER_OUT_OF_RANGE,
    Call,
    Completion,
    Table,
)

TABLE = Table(0x0A)
_VERSION = 0x51
_RESERVE_SUPPORTED = 0x02
_LAST_RECORD = 0xFFFF
_WHOLE_RECORD = 0xFF
_RESERVATION = 1


def _inventory(call):
    if call.data[0] != 0:
        raise Completion(NOT_PRESENT)
    return fru.inventory(call.bmc.machine.identity.serial)


@TABLE.command(0x10)
def get_fru_inventory_area_info(call: Call) -> bytes:
    """Section 34.1: size in bytes, read by bytes."""
    return struct.pack("<HB", len(_inventory(call)), 0)


@TABLE.command(0x11)
def read_fru_data(call: Call) -> bytes:
    """Section 34.2."""
    inventory = _inventory(call)
    offset, count = call.data[1] | call.data[2] << 8, call.data[3]
    if offset >= len(inventory):
        raise Completion(PARAMETER_OUT_OF_RANGE)
    data = inventory[offset:offset + count]
    return bytes([len(data)]) + data


@TABLE.command(0x20)
def get_sdr_repository_info(call: Call) -> bytes:
    return struct.pack("<BHHIIB", _VERSION, len(sdr.RECORDS), 0, 0, 0, _RESERVE_SUPPORTED)


@TABLE.command(0x22)
def reserve_sdr_repository(call: Call) -> bytes:
    return struct.pack("<H", _RESERVATION)


@TABLE.command(0x23)
def get_sdr(call: Call) -> bytes:
    """Section 33.12: id of the next record, then the bytes asked for; record 0 is the first."""
    wanted, offset, count = struct.unpack_from("<HBB", call.data.ljust(6, b"\0"), 2)
    wanted = wanted or min(sdr.RECORDS)
    call.args["record"] = wanted
    if wanted not in sdr.RECORDS:
        raise Completion(NOT_PRESENT)
    following = wanted + 1 if wanted + 1 in sdr.RECORDS else _LAST_RECORD
    record = sdr.RECORDS[wanted]
    end = len(record) if count == _WHOLE_RECORD else offset + count
    return struct.pack("<H", following) + record[offset:end]


@TABLE.command(0x28)
def get_sdr_repository_time(call: Call) -> bytes:
    return struct.pack("<I", int(time.time()))


@TABLE.command(0x40)
def get_sel_info(call: Call) -> bytes:
    """Section 31.2: no entries, room for some."""
    return struct.pack("<BHHIIB", _VERSION, 0, 16384, 0, 0, _RESERVE_SUPPORTED)


@TABLE.command(0x42)
def reserve_sel(call: Call) -> bytes:
    return struct.pack("<H", _RESERVATION)


@TABLE.command(0x43)
def get_sel_entry(call: Call) -> bytes:
    raise Completion(NOT_PRESENT)


@TABLE.command(0x48)
def get_sel_time(call: Call) -> bytes:
    return struct.pack("<I", int(time.time()))
