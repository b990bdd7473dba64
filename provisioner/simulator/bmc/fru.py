"""The FRU inventory of one machine (IPMI Platform Management FRU Information Storage 1.0)."""

from provisioner.simulator.bmc.rmcp import checksum

MANUFACTURER = "Provisioner"
PRODUCT = "Simulated Server"
_ENGLISH = 25
_END_OF_FIELDS = 0xC1
_RACK_MOUNT = 0x17


def inventory(serial: str) -> bytes:
    """Common header, then chassis, board and product area."""
    chassis = _area(bytes([_RACK_MOUNT]), ["SIM-CHASSIS", serial])
    board = _area(bytes([_ENGLISH, 0, 0, 0]), [MANUFACTURER, PRODUCT, serial, "SIM-BOARD", ""])
    product = _area(bytes([_ENGLISH]), [MANUFACTURER, PRODUCT, "SIM-1", "1.0", serial, "", ""])
    chassis_at = 1
    board_at = chassis_at + len(chassis) // 8
    product_at = board_at + len(board) // 8
    header = bytes([1, 0, chassis_at, board_at, product_at, 0, 0])
    return header + bytes([checksum(header)]) + chassis + board + product


def _area(head, fields):
    """An area: version, length in units of 8 bytes, head, fields, padding, checksum."""
    body = head + b"".join(_field(text) for text in fields) + bytes([_END_OF_FIELDS])
    length = -(-(len(body) + 3) // 8)
    area = (bytes([1, length]) + body).ljust(length * 8 - 1, b"\0")
    return area + bytes([checksum(area)])


def _field(text):
    """Type/length byte (8-bit ASCII) and text; one single byte would read as the end marker."""
    data = text.encode("ascii")
    return bytes([0xC0 | len(data)]) + data
