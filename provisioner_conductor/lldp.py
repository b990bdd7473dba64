"""Where a machine's ports hang, by what its ramdisk heard on them: TLVs of LLDP. Pure.

IEEE 802.1AB-2016 section 8.5: chassis id (type 1), port id (2), system name (5).
"""

from collections.abc import Iterable
from typing import Any

_CHASSIS, _PORT, _SYSTEM = 1, 2, 5
#: subtype of an id that is a MAC address, of a chassis and of a port
_MAC = {_CHASSIS: 4, _PORT: 3}
#: subtypes of a port id that are text: alias, name, and what the switch itself calls it
_TEXT = frozenset({1, 5, 7})
_MAC_BYTES = 6


def local_link(tlvs: Any) -> dict[str, str]:
    """``switch_id``, ``port_id`` and ``switch_info``, as far as they were heard.

    :param tlvs: list of [type, value in hexadecimal], as ramdisk agents report it
    """
    values: dict[int, bytes] = dict(_values(tlvs if isinstance(tlvs, list) else ()))
    found = {"switch_id": _mac(values.get(_CHASSIS, b""), _MAC[_CHASSIS]),
             "port_id": _port(values.get(_PORT, b"")),
             "switch_info": _text(values.get(_SYSTEM, b""))}
    return {key: text for key, text in found.items() if text}


def _values(tlvs: Iterable) -> Iterable[tuple[int, bytes]]:
    for tlv in tlvs:
        try:
            kind, value = tlv
            yield int(kind), bytes.fromhex(value)
        except (TypeError, ValueError):
            continue  # what a neighbour sends is no reason to fail


def _mac(value: bytes, subtype: int) -> str:
    if len(value) != 1 + _MAC_BYTES or value[0] != subtype:
        return ""
    return value[1:].hex(":")


def _port(value: bytes) -> str:
    if value[:1] and value[0] in _TEXT:
        return _text(value[1:])
    return _mac(value, _MAC[_PORT])


def _text(value: bytes) -> str:
    text = value.decode("utf-8", errors="replace").strip("\0 ")
    return text if text.isprintable() else ""
