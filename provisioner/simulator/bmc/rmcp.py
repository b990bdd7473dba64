"""RMCP+ packets (IPMI 2.0 sections 13.6 and 13.8): built and taken apart, nothing remembered.

Malformed input raises ``IndexError``, ``ValueError`` or ``struct.error``; a BMC answers it with
silence.
"""

import dataclasses
import hashlib
import hmac
import os
import struct
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

HEADER = b"\x06\x00\xff\x07"
ASF_CLASS, IPMI_CLASS = 6, 7
AUTH_TYPE_RMCPP = 6
PAYLOAD_IPMI = 0x00
OPEN_REQUEST, OPEN_RESPONSE, RAKP1, RAKP2, RAKP3, RAKP4 = range(0x10, 0x16)
_AUTHENTICATED_ENCRYPTED = 0xC0
_BLOCK = 16


@dataclasses.dataclass(frozen=True)
class Suite:
    """A cipher suite (table 22-20): its number, its algorithms, and what they mean here.

    :ivar algorithms: numbers of authentication, integrity and confidentiality
    :ivar icv: length in bytes of a truncated integrity check value
    """

    number: int
    algorithms: tuple[int, int, int]
    digest: Callable
    icv: int

    def mac(self, key: bytes, data: bytes) -> bytes:
        return hmac.new(key, data, self.digest).digest()

    @property
    def record(self) -> bytes:
        """Cipher suite record of Get Channel Cipher Suites (section 22.15.1)."""
        authentication, integrity, confidentiality = self.algorithms
        return bytes([0xC0, self.number, authentication, 0x40 | integrity, 0x80 | confidentiality])


SUITES = {3: Suite(3, (1, 1, 1), hashlib.sha1, 12), 17: Suite(17, (3, 4, 1), hashlib.sha256, 16)}


@dataclasses.dataclass(frozen=True)
class Message:
    """An IPMI request (section 12.4, table 13-8)."""

    target: int
    netfn: int
    lun: int
    source: int
    sequence: int
    command: int
    data: bytes

    def reply(self, code: int, data: bytes = b"") -> bytes:
        """The response message with completion code ``code``, checksums included."""
        head = bytes([self.source, (self.netfn + 1) << 2 | self.sequence & 3])
        rest = bytes([self.target, self.sequence & 0xFC | self.lun, self.command, code]) + data
        return head + bytes([checksum(head)]) + rest + bytes([checksum(rest)])


def checksum(data: bytes) -> int:
    """Two's complement checksum of section 13.8."""
    return -sum(data) & 0xFF


def parse_message(body: bytes) -> Message:
    """:raises ValueError: a checksum is wrong"""
    if len(body) < 7 or checksum(body[:2]) != body[2] or checksum(body[3:-1]) != body[-1]:
        raise ValueError("checksum")
    return Message(body[0], body[1] >> 2, body[1] & 3, body[3], body[4], body[5], body[6:-1])


def ipmi15_packet(body: bytes) -> bytes:
    """A message outside of any session, in the IPMI 1.5 wrapper."""
    return HEADER + bytes(9) + bytes([len(body)]) + body


def plain_packet(payload_type: int, body: bytes) -> bytes:
    """A payload outside of any session, neither authenticated nor encrypted."""
    return HEADER + struct.pack("<BBIIH", AUTH_TYPE_RMCPP, payload_type, 0, 0, len(body)) + body


@dataclasses.dataclass(frozen=True)
class Envelope:
    """The RMCP+ session header and what follows it.

    :ivar protected: true if both authenticated and encrypted, as every command must be
    """

    payload_type: int
    protected: bool
    session_id: int
    sequence: int
    payload: bytes


def parse_envelope(packet: bytes) -> Envelope:
    kind, session_id, sequence, size = struct.unpack_from("<BIIH", packet, 5)
    payload = packet[16:16 + size]
    if len(payload) != size:
        raise ValueError("truncated")
    protected = kind & _AUTHENTICATED_ENCRYPTED == _AUTHENTICATED_ENCRYPTED
    return Envelope(kind & 0x3F, protected, session_id, sequence, payload)


@dataclasses.dataclass(frozen=True)
class Keys:
    """What both ends of a session derive: K1 signs, the first 16 bytes of K2 encrypt."""

    suite: Suite
    integrity: bytes
    encryption: bytes

    @classmethod
    def derive(cls, suite: Suite, session_key: bytes) -> "Keys":
        """Section 13.32: from the session integrity key (SIK)."""
        return cls(suite, suite.mac(session_key, b"\x01" * 20),
                   suite.mac(session_key, b"\x02" * 20)[:16])

    def signed(self, packet: bytes) -> bool:
        """Whether the AuthCode at the end of ``packet`` is right."""
        code = self.suite.mac(self.integrity, packet[4:-self.suite.icv])[:self.suite.icv]
        return hmac.compare_digest(code, packet[-self.suite.icv:])

    def decrypt(self, payload: bytes) -> bytes:
        decryptor = Cipher(algorithms.AES(self.encryption), modes.CBC(payload[:16])).decryptor()
        plain = decryptor.update(payload[16:]) + decryptor.finalize()
        return plain[:-1 - plain[-1]]

    def seal(self, console_id: int, sequence: int, body: bytes) -> bytes:
        """A whole packet with ``body`` as its encrypted and signed IPMI payload."""
        pad = -(len(body) + 1) % _BLOCK
        vector = os.urandom(_BLOCK)
        encryptor = Cipher(algorithms.AES(self.encryption), modes.CBC(vector)).encryptor()
        payload = vector + encryptor.update(body + bytes(range(1, pad + 1)) + bytes([pad]))
        payload += encryptor.finalize()
        packet = struct.pack("<BBIIH", AUTH_TYPE_RMCPP, _AUTHENTICATED_ENCRYPTED | PAYLOAD_IPMI,
                             console_id, sequence, len(payload)) + payload
        fill = -(len(packet) + 2) % 4
        packet += b"\xff" * fill + bytes([fill, 7])
        return HEADER + packet + self.suite.mac(self.integrity, packet)[:self.suite.icv]
