"""One UDP socket per address family for all BMCs, and the asking of questions over it.

One file descriptor serves a thousand BMCs. Sockets are written to directly, never through a
buffer: the caller's check runs immediately before the packet leaves, or the packet does not leave.
"""

import asyncio
import contextlib
import dataclasses
import itertools
import socket
from collections.abc import Callable, Iterator
from typing import Any

from provisioner.clock import Clock
from provisioner.drivers.clients import rmcp_codes as codes
from provisioner.drivers.clients import rmcp_wire as wire
from provisioner.drivers.clients.rmcp_settings import Bmc

# Answers of a whole fleet may arrive within one turn of the event loop.
_RECEIVE_BUFFER = 4 << 20
_PAUSE_GROWTH, _LONGEST_PAUSE = 1.6, 4.0


class Silent(Exception):
    """None of the packets was answered."""


@dataclasses.dataclass(frozen=True)
class Turn:
    """How long one exchange may take, and what guards its packets.

    :ivar deadline: on :meth:`Clock.elapsed`
    :ivar check: called immediately before each packet; raises if it must not go
    """

    deadline: float
    check: Callable[[], None]


class Sockets:
    """The sockets of one event loop; datagrams go to the receivers of the peer they came from."""

    def __init__(self):
        self._sockets: dict[int, socket.socket] = {}
        self._receivers: dict[tuple, set[Callable[[bytes], None]]] = {}

    @contextlib.contextmanager
    def receiving(self, peer: tuple, receiver: Callable[[bytes], None]) -> Iterator[None]:
        """Give what ``peer`` sends to ``receiver`` while the block runs."""
        receivers = self._receivers.setdefault(peer[:2], set())
        receivers.add(receiver)
        try:
            yield
        finally:
            receivers.discard(receiver)
            if not receivers:
                self._receivers.pop(peer[:2], None)

    def send(self, family: int, peer: tuple, packet: bytes) -> None:
        """Send now. What the kernel refuses counts as lost on the way: retransmission covers it."""
        with contextlib.suppress(OSError):
            self._socket(family).sendto(packet, peer)

    def close(self) -> None:
        for family in list(self._sockets):
            sock = self._sockets.pop(family)
            asyncio.get_running_loop().remove_reader(sock)
            sock.close()

    def _socket(self, family: int) -> socket.socket:
        if family not in self._sockets:
            sock = socket.socket(family, socket.SOCK_DGRAM)
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            sock.bind(("", 0))
            asyncio.get_running_loop().add_reader(sock, self._readable, sock)
            self._sockets[family] = sock
        return self._sockets[family]

    def _readable(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                packet, peer = sock.recvfrom(2048)
                for receiver in tuple(self._receivers.get(peer[:2], ())):
                    receiver(packet)


class Endpoint:
    """One BMC's address on the shared sockets.

    :ivar pause: seconds until the first retransmission
    """

    def __init__(self, sockets: Sockets, clock: Clock, bmc: Bmc, pause: float):
        self.address = bmc.address
        self.clock = clock
        self._sockets = sockets
        self._port = bmc.port
        self._pause = pause
        self._family, self._peer = 0, ()

    def pauses(self, tries: int | None = None) -> Iterator[float]:
        """Seconds to wait for an answer before each retransmission, growing; endless by default."""
        growing = (min(self._pause * _PAUSE_GROWTH ** min(n, 16), _LONGEST_PAUSE)
                   for n in itertools.count())
        return itertools.islice(growing, tries)

    def left(self, turn: Turn) -> float:
        """Seconds until the turn's deadline."""
        return turn.deadline - self.clock.elapsed()

    async def resolve(self, turn: Turn) -> None:
        """Look the address up; done at each login, because names move.

        :raises Unreachable: if the name means nothing
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(max(self.left(turn), 0)):
                found = self._literal() or await loop.getaddrinfo(
                    self.address, self._port, type=socket.SOCK_DGRAM)
        except (OSError, UnicodeError) as error:
            raise codes.unreachable(self.address, f": its name does not resolve ({error})"
                                    ) from error
        self._family, *_, self._peer = found[0]

    def _literal(self) -> list:
        """The socket address of a literal one, without a detour over a thread."""
        try:
            return socket.getaddrinfo(self.address, self._port, type=socket.SOCK_DGRAM,
                                      flags=socket.AI_NUMERICHOST)
        except OSError:
            return []

    def tell(self, packet: bytes, turn: Turn) -> None:
        """Send one packet that nobody answers."""
        turn.check()
        self._sockets.send(self._family, self._peer, packet)

    async def ask(self, make: Callable[[], bytes], accept: Callable[[bytes], Any], turn: Turn,
                  tries: int | None = None) -> Any:
        """Send what ``make`` gives, again and again, until ``accept`` takes an answer.

        :param accept: gives the answer's value, or raises ``wire.Damaged`` to ignore a packet
        :param tries: how often to send, or None for until the deadline
        :raises Silent: no answer to any of them, or within the deadline
        """
        answered = asyncio.get_running_loop().create_future()

        def received(packet: bytes) -> None:
            if not answered.done():
                with contextlib.suppress(wire.Damaged):
                    answered.set_result(accept(packet))

        with self._sockets.receiving(self._peer, received):
            for pause in self.pauses(tries):
                left = self.left(turn)
                if left <= 0:
                    break
                packet = make()
                turn.check()
                self._sockets.send(self._family, self._peer, packet)
                await asyncio.wait((answered,), timeout=min(self.clock.jitter(pause), left))
                if answered.done():
                    return answered.result()
        raise Silent
