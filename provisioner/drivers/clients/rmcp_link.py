"""One BMC: its queue, its session and what was learnt about it.

At most one request is in flight on a BMC and at most one session is open; requests are served in
the order they came. A session that stops answering is given up and another one is opened, for
changing requests too: the verbs are absolute, and every packet of the second try passes the
caller's check again.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from provisioner import exceptions
from provisioner.drivers.clients import rmcp_codes as codes
from provisioner.drivers.clients import rmcp_session as sessions
from provisioner.drivers.clients import rmcp_wire as wire
from provisioner.drivers.clients.rmcp_settings import Bmc
from provisioner.drivers.clients.rmcp_socket import Endpoint, Silent, Turn

# SHA-256 first: a BMC that knows both should not be talked to with SHA-1.
_PREFERRED = (17, 3)
_TRIES_IN_SESSION = 3
_CLOSE_TIME = 1.0


class Link:
    """The way to one BMC. Lives on the event loop.

    :ivar endpoint: its address on the shared sockets
    :ivar idle: seconds without a request after which the session is closed
    """

    def __init__(self, endpoint: Endpoint, idle: float):
        self.endpoint = endpoint
        self.idle = idle
        self._queue = asyncio.Lock()
        self._session: sessions.Session | None = None
        self._suite: int | None = None
        self._used = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._closing: asyncio.Task | None = None

    @property
    def connected(self) -> bool:
        return self._session is not None

    async def exchange(self, bmc: Bmc, request: wire.Request, turn: Turn) -> bytes:
        """The response data of one command, within the turn.

        :raises HardwareError:
        """
        async with self._my_turn(turn):
            return await self._persist(bmc, request, turn)

    async def close(self) -> None:
        """Close the session, if one is open, after the request in flight."""
        async with self._queue:
            if self._timer:
                self._timer.cancel()
                self._timer = None
            session, self._session = self._session, None
            if session:
                await sessions.close(self.endpoint, session, self._farewell())

    def _farewell(self) -> Turn:
        """Closing a session changes nothing on the machine, so nothing guards it."""
        return Turn(self.endpoint.clock.elapsed() + _CLOSE_TIME, lambda: None)

    @contextlib.asynccontextmanager
    async def _my_turn(self, turn: Turn) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(max(self.endpoint.left(turn), 0)):
                await self._queue.acquire()
        except TimeoutError:
            raise exceptions.HardwareTimeout(
                f"The BMC at {self.endpoint.address} was busy with earlier requests until the "
                "time ran out.", remedy="Repeat the request.",
                address=self.endpoint.address) from None
        try:
            yield
        finally:
            self._used = self.endpoint.clock.elapsed()
            self._queue.release()
            self._watch()

    async def _persist(self, bmc: Bmc, request: wire.Request, turn: Turn) -> bytes:
        """Try until the deadline, where trying again can help."""
        waits = self.endpoint.pauses()
        while True:
            pause = self.endpoint.clock.jitter(next(waits))
            try:
                return await self._attempt(bmc, request, turn)
            except Silent as silent:
                problem, pause = codes.unreachable(bmc.address, str(silent)), 0.0
            except exceptions.RequestRefused as error:
                if not codes.passing(error):
                    raise
                problem = error
            if self.endpoint.left(turn) <= pause:
                raise problem
            await asyncio.sleep(pause)

    async def _attempt(self, bmc: Bmc, request: wire.Request, turn: Turn) -> bytes:
        if self._session and self._session.bmc != bmc:
            self._drop(turn)
        if self._session is None:
            self._session = await sessions.login(self.endpoint, bmc, self._suites(bmc), turn)
            self._suite = self._session.suite
        try:
            answer = await sessions.command(self.endpoint, self._session, request, turn,
                                            _TRIES_IN_SESSION)
        except Silent:
            self._drop(turn)
            raise
        return codes.check(request, answer, bmc.address)

    def _drop(self, turn: Turn) -> None:
        """Give the session up; one packet tells the BMC, which may still hold it."""
        session, self._session = self._session, None
        if self.endpoint.left(turn) > 0:
            self.endpoint.tell(sessions.close_packet(session), turn)

    def _suites(self, bmc: Bmc) -> tuple[int, ...]:
        if bmc.suite:
            return (bmc.suite,)
        return tuple(sorted(_PREFERRED, key=lambda suite: suite != self._suite))

    def _watch(self) -> None:
        if self._session and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self.idle, self._idle)

    def _idle(self) -> None:
        self._timer = None
        unused = self.endpoint.clock.elapsed() - self._used
        if self._session is None:
            return
        if self._queue.locked() or unused < self.idle:
            self._timer = asyncio.get_running_loop().call_later(
                max(self.idle - unused, 0.05), self._idle)
            return
        self._closing = asyncio.get_running_loop().create_task(self.close())
