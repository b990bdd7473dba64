import pytest

from provisioner.drivers.clients import rmcp_settings
from provisioner.drivers.clients import rmcp_wire as wire
from provisioner.drivers.clients.rmcp_session import Session

KEYS = wire.derive(wire.SUITES[17], bytes(32))
BMC = rmcp_settings.parse({"ipmi_address": "127.0.0.1"})


@pytest.fixture
def session():
    return Session(BMC, KEYS, console_id=5, bmc_id=6)


def packet(sequence, payload=b"answer"):
    return wire.seal(KEYS, 5, sequence, payload)


def test_each_packet_has_the_next_sequence_number(session):
    sealed = [session.seal(b"request") for _ in range(3)]
    assert [wire.unseal(KEYS, 6, one)[0] for one in sealed] == [1, 2, 3]


def test_request_numbers_stay_within_six_bits(session):
    assert {session.next_request() for _ in range(200)} == set(range(64))


def test_a_packet_counts_once(session):
    first = packet(1)
    assert session.unseal(first) == b"answer"
    with pytest.raises(wire.Damaged):
        session.unseal(first)


def test_packets_may_arrive_out_of_order_within_a_window(session):
    for sequence in (40, 38, 9):
        session.unseal(packet(sequence))
    for sequence in (38, 8, 9):
        with pytest.raises(wire.Damaged):
            session.unseal(packet(sequence))
    session.unseal(packet(39))
    session.unseal(packet(4000))
    with pytest.raises(wire.Damaged):
        session.unseal(packet(41))
