"""RMCP+ packets and keys, as pure functions (IPMI 2.0 chapters 13 and 22).

Nothing here waits, sends or keeps state. What does not parse, is not ours or fails its integrity
check raises :class:`Damaged`, so that a receiver can ignore it.
"""

import dataclasses
import hmac
import os
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

RMCP_HEADER = b"\x06\x00\xff\x07"
BMC_ADDRESS = 0x20
CONSOLE_ADDRESS = 0x81
NAME_ONLY_LOOKUP = 0x10

# Payload types (IPMI 2.0 table 13-16).
IPMI = 0x00
OPEN_REQUEST, OPEN_RESPONSE, RAKP1, RAKP2, RAKP3, RAKP4 = range(0x10, 0x16)
PROTECTED = 0xC0


class Damaged(Exception):
    """Not a packet for us: too short, of another session, or failing a check."""


@dataclasses.dataclass(frozen=True)
class Request:
    """One IPMI command.

    :ivar netfn: network function of the request (even, 0 to 62)
    :ivar command: command number
    :ivar data: its request data
    """

    netfn: int
    command: int
    data: bytes = b""
    lun: int = 0


@dataclasses.dataclass(frozen=True)
class Answer:
    """One IPMI response; ``code`` is the completion code (IPMI 2.0 section 5.2)."""

    netfn: int
    command: int
    sequence: int
    code: int
    data: bytes


@dataclasses.dataclass(frozen=True)
class Suite:
    """A cipher suite (IPMI 2.0 table 22-20); confidentiality is AES-CBC-128 in all of ours.

    :ivar algorithms: numbers of authentication, integrity and confidentiality
    :ivar icv: bytes of the integrity check value that are sent
    """

    number: int
    algorithms: tuple[int, int, int]
    digest: str
    icv: int

    def mac(self, key: bytes, data: bytes) -> bytes:
        return hmac.digest(key, data, self.digest)


SUITES = {17: Suite(17, (3, 4, 1), "sha256", 16), 3: Suite(3, (1, 1, 1), "sha1", 12)}


@dataclasses.dataclass(frozen=True)
class Keys:
    """What protects the packets of one session (IPMI 2.0 sections 13.31 and 13.32)."""

    suite: Suite
    sik: bytes = dataclasses.field(repr=False)
    integrity: bytes = dataclasses.field(repr=False)
    confidentiality: bytes = dataclasses.field(repr=False)


def derive(suite: Suite, sik: bytes) -> Keys:
    """K1 and K2 from the session integrity key."""
    return Keys(suite, sik, suite.mac(sik, b"\x01" * 20), suite.mac(sik, b"\x02" * 20)[:16])


def _checksum(data: bytes) -> int:
    return -sum(data) & 0xFF


def message(request: Request, sequence: int) -> bytes:
    """An IPMI request message (IPMI 2.0 table 13-8); ``sequence`` is 0 to 63."""
    head = bytes([BMC_ADDRESS, request.netfn << 2 | request.lun])
    body = bytes([CONSOLE_ADDRESS, sequence << 2, request.command]) + request.data
    return head + bytes([_checksum(head)]) + body + bytes([_checksum(body)])


def answer(payload: bytes) -> Answer:
    """
    :raises Damaged: unless it is a response message with good checksums
    """
    if len(payload) < 8 or sum(payload[:3]) & 0xFF or sum(payload[3:]) & 0xFF:
        raise Damaged("not an IPMI message")
    return Answer(payload[1] >> 2, payload[5], payload[4] >> 2, payload[6], payload[7:-1])


def sessionless(request: Request, sequence: int) -> bytes:
    """A request outside of any session, in the framing of IPMI 1.5 that every BMC answers."""
    body = message(request, sequence)
    return RMCP_HEADER + bytes(9) + bytes([len(body)]) + body


def sessionless_answer(packet: bytes) -> Answer:
    """
    :raises Damaged:
    """
    if packet[:4] != RMCP_HEADER or len(packet) < 14 or packet[4] != 0:
        raise Damaged("not a sessionless message")
    return answer(packet[14:14 + packet[13]])


def setup(payload_type: int, payload: bytes) -> bytes:
    """A packet of session set-up: unprotected, session 0, sequence 0."""
    return (RMCP_HEADER + bytes([6, payload_type]) + bytes(8)
            + struct.pack("<H", len(payload)) + payload)


def setup_payload(packet: bytes, payload_type: int) -> bytes:
    """
    :raises Damaged: unless it is a set-up packet of that type
    """
    if (len(packet) < 18 or packet[:4] != RMCP_HEADER or packet[4] != 6
            or packet[5] != payload_type):
        raise Damaged("not the expected set-up packet")
    return packet[16:16 + struct.unpack_from("<H", packet, 14)[0]]


def proposals(suite: Suite) -> bytes:
    """The suite's algorithms as an Open Session Request lists them (IPMI 2.0 section 13.17)."""
    return b"".join(struct.pack("<BxxBBxxx", index, 8, number)
                    for index, number in enumerate(suite.algorithms))


def seal(keys: Keys, session_id: int, sequence: int, payload: bytes) -> bytes:
    """An encrypted and authenticated packet with an IPMI message (IPMI 2.0 section 13.6)."""
    pad = -(len(payload) + 1) % 16
    plain = payload + bytes(range(1, pad + 1)) + bytes([pad])
    vector = os.urandom(16)
    cipher = Cipher(algorithms.AES(keys.confidentiality), modes.CBC(vector)).encryptor()
    body = vector + cipher.update(plain) + cipher.finalize()
    packet = struct.pack("<BBIIH", 6, PROTECTED | IPMI, session_id, sequence, len(body)) + body
    fill = -(len(packet) + 2) % 4
    packet += b"\xff" * fill + bytes([fill, 7])
    return RMCP_HEADER + packet + keys.suite.mac(keys.integrity, packet)[:keys.suite.icv]


def unseal(keys: Keys, console_id: int, packet: bytes) -> tuple[int, bytes]:
    """Sequence number and IPMI message of a protected packet.

    :raises Damaged: if it is of another session, not protected, or was changed on its way
    """
    icv = keys.suite.icv
    if len(packet) < 16 + 32 + icv or packet[:4] != RMCP_HEADER:
        raise Damaged("too short")
    kind, payload_type, session_id, sequence, size = struct.unpack_from("<BBIIH", packet, 4)
    if kind != 6 or payload_type != PROTECTED | IPMI or session_id != console_id:
        raise Damaged("of another session")
    expected = keys.suite.mac(keys.integrity, packet[4:-icv])[:icv]
    if not hmac.compare_digest(expected, packet[-icv:]):
        raise Damaged("integrity check failed")
    return sequence, _decrypt(keys, packet[16:16 + size])


def _decrypt(keys: Keys, body: bytes) -> bytes:
    if len(body) < 32 or len(body) % 16:
        raise Damaged("not whole blocks")
    cipher = Cipher(algorithms.AES(keys.confidentiality), modes.CBC(body[:16])).decryptor()
    plain = cipher.update(body[16:]) + cipher.finalize()
    if plain[-1] > 15:
        raise Damaged("wrong confidentiality pad")
    return plain[:-1 - plain[-1]]


def equal(left: bytes, right: bytes) -> bool:
    """Comparison that takes the same time wherever they differ."""
    return hmac.compare_digest(left, right)


def random_id() -> int:
    """A console session id: 32 bits, never 0."""
    return int.from_bytes(os.urandom(4), "little") or 1


def nonce() -> bytes:
    return os.urandom(16)


