import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.drivers.clients import rmcp_wire as wire

STATUS = wire.Request(0x00, 0x01)
SIK = bytes(range(20))


def keys(number=17):
    return wire.derive(wire.SUITES[number], SIK)


def test_a_request_message_is_laid_out_as_in_table_13_8():
    assert wire.message(STATUS, 5) == bytes.fromhex("2000e0 81 14 01 6a".replace(" ", ""))


def test_an_answer_is_parsed():
    body = bytes([0x20, 5 << 2, 0x01, 0x00, 0x21, 0x10])
    head = bytes([0x81, 0x01 << 2])
    packet = head + bytes([-sum(head) & 0xFF]) + body + bytes([-sum(body) & 0xFF])
    assert wire.answer(packet) == wire.Answer(1, 0x01, 5, 0, b"\x21\x10")


@pytest.mark.parametrize("position", range(10))
def test_an_answer_with_a_flipped_byte_is_damaged(position):
    body = bytes([0x20, 5 << 2, 0x01, 0x00, 0x21, 0x10])
    head = bytes([0x81, 0x01 << 2])
    packet = bytearray(head + bytes([-sum(head) & 0xFF]) + body + bytes([-sum(body) & 0xFF]))
    packet[position] ^= 0x40
    with pytest.raises(wire.Damaged):
        wire.answer(bytes(packet))


def test_a_sessionless_request_uses_the_framing_of_version_1_5():
    packet = wire.sessionless(wire.Request(6, 0x38, b"\x8e\x04"), 0)
    assert packet.hex() == "0600ff07" + "00" * 9 + "09" + "2018c88100388e04b5"


@pytest.mark.parametrize("number, digest, icv, algorithms", [
    (3, hashlib.sha1, 12, (1, 1, 1)), (17, hashlib.sha256, 16, (3, 4, 1))])
def test_suites_are_those_of_table_22_20(number, digest, icv, algorithms):
    suite = wire.SUITES[number]
    assert (suite.icv, suite.algorithms) == (icv, algorithms)
    assert suite.mac(b"key", b"data") == hmac.new(b"key", b"data", digest).digest()


def test_keys_are_derived_from_constants_of_twenty_bytes():
    derived = wire.derive(wire.SUITES[3], SIK)
    assert derived.integrity == hmac.new(SIK, b"\x01" * 20, hashlib.sha1).digest()
    assert derived.confidentiality == hmac.new(SIK, b"\x02" * 20, hashlib.sha1).digest()[:16]


def test_proposals_are_three_payloads_of_eight_bytes():
    assert wire.proposals(wire.SUITES[17]).hex() == "0000000803000000010000080400000002000008" \
                                                    "01000000"


@given(payload=st.binary(min_size=1, max_size=200), number=st.sampled_from([3, 17]),
       sequence=st.integers(1, 0xFFFFFFFF))
def test_what_is_sealed_can_be_unsealed(payload, number, sequence):
    packet = wire.seal(keys(number), 77, sequence, payload)
    assert wire.unseal(keys(number), 77, packet) == (sequence, payload)
    assert (len(packet) - 4 - wire.SUITES[number].icv) % 4 == 0


def test_a_sealed_payload_cannot_be_read():
    assert b"very secret" not in wire.seal(keys(), 77, 1, b"very secret payload")


@given(position=st.integers(4, 91), bit=st.integers(0, 7))
def test_every_changed_bit_of_a_sealed_packet_is_found(position, bit):
    packet = bytearray(wire.seal(keys(), 77, 9, b"a" * 25))
    position = min(position, len(packet) - 1)
    packet[position] ^= 1 << bit
    with pytest.raises(wire.Damaged):
        wire.unseal(keys(), 77, bytes(packet))


def test_a_packet_of_another_session_is_not_ours():
    with pytest.raises(wire.Damaged):
        wire.unseal(keys(), 78, wire.seal(keys(), 77, 1, b"payload"))


@given(st.binary(max_size=120))
def test_garbage_is_damaged_and_nothing_else(data):
    for parse in (wire.answer, wire.sessionless_answer,
                  lambda packet: wire.setup_payload(packet, wire.RAKP2),
                  lambda packet: wire.unseal(keys(), 77, packet)):
        for packet in (data, wire.RMCP_HEADER + data):
            try:
                parse(packet)
            except wire.Damaged:
                continue


def test_requests_and_keys_do_not_show_secrets():
    assert SIK.hex() not in repr(keys()) and repr(SIK) not in repr(keys())
