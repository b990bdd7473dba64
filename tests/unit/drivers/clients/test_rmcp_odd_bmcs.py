"""BMCs that the simulator does not play: old ones, and some that answer only what they like."""

import contextlib
import socket
import threading

import pytest

from provisioner import exceptions
from provisioner.clock import Clock
from provisioner.drivers.clients import rmcp_wire as wire
from provisioner.drivers.clients.rmcp import Request, RmcpPool

IPMI_2 = bytes([1, 0x80, 0x04, 0x02, 0, 0, 0, 0])
IPMI_1_5 = bytes([1, 0x04, 0x04, 0x01, 0, 0, 0, 0])


def reply(request, code=0, data=b""):
    """The sessionless response to a sessionless request (IPMI 2.0 table 13-8)."""
    message = request[14:-1]
    head = bytes([message[3], message[1] + 4])
    rest = bytes([message[0], message[4], message[5], code]) + data
    body = head + bytes([-sum(head) & 0xFF]) + rest + bytes([-sum(rest) & 0xFF])
    return wire.RMCP_HEADER + bytes(9) + bytes([len(body)]) + body


@contextlib.contextmanager
def bmc(answer, family=socket.AF_INET, address="127.0.0.1"):
    """Settings of a BMC that answers each packet with what ``answer(packet)`` lists."""
    server = socket.socket(family, socket.SOCK_DGRAM)
    server.bind((address, 0))

    def serve():
        while True:
            packet, peer = server.recvfrom(2048)
            if packet == b"end":
                return
            for one in answer(packet):
                server.sendto(one, peer)
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield {"ipmi_address": address, "ipmi_port": server.getsockname()[1],
               "ipmi_username": "admin", "ipmi_password": "password"}
    finally:
        server.sendto(b"end", server.getsockname())
        thread.join()
        server.close()


def status(settings, timeout=5.0):
    with contextlib.closing(RmcpPool(Clock(), pause=0.02)) as pool:
        return pool.transport(settings).exchange(Request(0, 1), timeout, lambda: None)


def only_capabilities(data):
    return lambda packet: [reply(packet, data=data)] if packet[4] == 0 else []


@pytest.mark.parametrize("family, address", [(socket.AF_INET, "127.0.0.1"),
                                             (socket.AF_INET6, "::1")])
def test_an_old_bmc_is_unsupported(family, address):
    with bmc(only_capabilities(IPMI_1_5), family, address) as settings, pytest.raises(
            exceptions.Unsupported, match="IPMI 2.0"):
        status(settings)


def test_a_bmc_that_is_silent_on_a_login_is_told_from_a_dead_one():
    asked = set()

    def answer(packet):
        if packet[4] == 6:
            asked.add(packet[28])
        return only_capabilities(IPMI_2)(packet)
    with bmc(answer) as settings, pytest.raises(exceptions.Unreachable, match="to a login"):
        status(settings, timeout=1.0)
    assert asked == {wire.SUITES[17].algorithms[0], wire.SUITES[3].algorithms[0]}


def test_capabilities_that_are_refused_are_a_refusal():
    with bmc(lambda packet: [reply(packet, code=0xCC)]) as settings, pytest.raises(
            exceptions.RequestRefused):
        status(settings)


def test_noise_and_short_packets_are_ignored():
    def answer(packet):
        good = reply(packet, data=IPMI_1_5)
        return [b"", b"\x06", good[:-1], packet, bytes(64), good[:20] + b"\xff" + good[21:], good]
    with bmc(answer) as settings, pytest.raises(exceptions.Unsupported):
        status(settings)


def test_a_refused_open_session_gives_the_reason_in_words():
    def answer(packet):
        if packet[4] == 0:
            return [reply(packet, data=IPMI_2)]
        return [wire.setup(wire.OPEN_RESPONSE, bytes([packet[16] ^ 1, 0x0A])),
                wire.setup(wire.OPEN_RESPONSE, bytes([packet[16], 0x0A]))]
    with bmc(answer) as settings, pytest.raises(exceptions.LoginRefused, match="privilege"):
        status(settings)
