"""As much of BSON as ``details`` needs: a document of byte strings and nulls."""

import struct


def encode(document: dict[str, bytes | None]) -> bytes:
    body = b""
    for name, value in document.items():
        key = name.encode() + b"\0"
        if value is None:
            body += b"\x0a" + key
        else:
            body += b"\x05" + key + struct.pack("<iB", len(value), 0) + value
    return struct.pack("<i", len(body) + 5) + body + b"\0"
