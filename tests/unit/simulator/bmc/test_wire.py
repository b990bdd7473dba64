"""The BMC at the level of packets: what no well-behaved client would send."""

import socket
import struct
import time

import pytest

from tests.simulated import fleet


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    with fleet(5, tmp_path_factory.mktemp("fleet")) as running:
        yield running


class Console:
    """A UDP socket to one BMC."""

    def __init__(self, node):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect((node["address"], node["bmc_port"]))

    def send(self, packet):
        self._socket.send(packet)

    def receive(self, seconds=5):
        """The next packet; ``None`` when there is none."""
        self._socket.settimeout(seconds)
        try:
            return self._socket.recv(1024)
        except TimeoutError:
            return None

    def ask(self, packet):
        self.send(packet)
        return self.receive()

    def close(self):
        self._socket.close()


@pytest.fixture
def console(machines):
    opened = []

    def connect(position):
        opened.append(Console(machines.nodes[position]))
        return opened[-1]
    yield connect
    for one in opened:
        one.close()


def rmcp_plus(payload_type, payload):
    return b"\x06\x00\xff\x07" + struct.pack("<BBIIH", 6, payload_type, 0, 0,
                                             len(payload)) + payload


def open_session(console_id, algorithms=(3, 4, 1)):
    payload = struct.pack("<BBxxI", 0, 0, console_id)
    for kind, algorithm in enumerate(algorithms):
        payload += bytes([kind, 0, 0, 8, algorithm, 0, 0, 0])
    return rmcp_plus(0x10, payload)


def status(reply):
    return reply[17]


def test_fifth_session_is_one_too_many(machines, console):
    one = console(0)
    assert [status(one.ask(open_session(number))) for number in range(1, 6)] == [0, 0, 0, 0, 1]
    machine = machines.machine(machines.nodes[0]["name"])
    assert (machine["sessions"], machine["sessions_max"]) == (4, 4)


def test_retransmitted_open_takes_no_second_slot(machines, console):
    one = console(1)
    first, second = one.ask(open_session(7)), one.ask(open_session(7))
    assert first == second
    assert machines.machine(machines.nodes[1]["name"])["sessions"] == 1


def test_retransmitted_rakp1_gets_the_same_random_number(console):
    one = console(1)
    session_id = one.ask(open_session(8))[24:28]
    rakp1 = rmcp_plus(0x12, bytes(4) + session_id + bytes(16) + b"\x14\0\0\x05admin")
    assert one.ask(rakp1) == one.ask(rakp1)


def test_wrong_proof_in_rakp3_is_refused_and_frees_the_slot(machines, console):
    one, name = console(2), machines.nodes[2]["name"]
    session_id = one.ask(open_session(9))[24:28]
    assert status(one.ask(rmcp_plus(0x12, bytes(4) + session_id + bytes(16)
                                    + b"\x14\0\0\x05admin"))) == 0
    assert status(one.ask(rmcp_plus(0x14, bytes(4) + session_id + bytes(32)))) == 0x0F
    assert machines.machine(name)["sessions"] == 0


@pytest.mark.parametrize("algorithms", [(0, 0, 0), (1, 1, 0), (3, 1, 1), (99, 4, 1)])
def test_other_algorithms_are_refused(console, algorithms):
    assert status(console(2).ask(open_session(3, algorithms))) == 0x11


def test_unknown_session_is_told(console):
    assert status(console(2).ask(rmcp_plus(0x12, bytes(4) + b"\1\2\3\4" + bytes(20)))) == 0x02


@pytest.mark.parametrize("packet", [
    b"", b"\x06", b"\x06\x00\xff\x07", b"\x00" * 40, b"\xff" * 300, open_session(1)[:30],
    rmcp_plus(0x12, b""), rmcp_plus(0, b"\x20\x18\x00\x81\x00\x38\x00"),
    b"\x06\x00\xff\x07\x06\xc0" + b"\1\2\3\4" + bytes(4) + b"\x10\0" + bytes(40)])
def test_garbage_is_met_with_silence(console, packet):
    """Silence is proven by the answer to a ping sent after it coming first."""
    one = console(3)
    one.send(packet)
    pong = one.ask(b"\x06\x00\xff\x06\x00\x00\x11\xbe\x80\x2a\x00\x00")
    assert pong[8:10] == b"\x40\x2a"


def test_faults_of_the_bmc(machines, console):
    one, name = console(4), machines.nodes[4]["name"]
    machines.faults(name, sessions_full=True)
    assert status(one.ask(open_session(1))) == 0x01
    machines.faults(name, sessions_full=False, mute=True)
    one.send(open_session(1))
    assert one.receive(0.2) is None
    machines.faults(name, mute=False, loss=1)
    one.send(open_session(1))
    assert one.receive(0.2) is None
    machines.faults(name, loss=0)
    assert status(one.ask(open_session(1))) == 0


def test_some_packets_are_lost(machines, console):
    one, name = console(3), machines.nodes[3]["name"]
    ping = b"\x06\x00\xff\x06\x00\x00\x11\xbe\x80\x01\x00\x00"
    machines.faults(name, loss=0.5)
    def packets(kind):
        return machines.control("GET", "/stats")["bmcs"][name][f"packets_{kind}"]

    came, went = packets("in"), packets("out")
    for _ in range(200):
        one.send(ping)
    deadline = time.monotonic() + 20
    while packets("in") < came + 200 and time.monotonic() < deadline:
        time.sleep(0.01)
    machines.faults(name, loss=0)
    assert packets("in") == came + 200
    assert 20 < packets("out") - went < 90
