"""IPMI 2.0 over RMCP+ for a whole fleet: one event loop in one thread, one session per BMC.

Worker threads hand a request over and wait for its answer; the loop multiplexes all BMCs over one
socket, so a thousand of them, dead ones included, cost neither threads nor processes.
"""

import asyncio
import concurrent.futures
import dataclasses
import queue
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from provisioner import exceptions
from provisioner.clock import Clock
from provisioner.drivers.clients import rmcp_settings
from provisioner.drivers.clients.rmcp_link import Link
from provisioner.drivers.clients.rmcp_socket import Endpoint, Sockets, Turn
from provisioner.drivers.clients.rmcp_wire import Request

__all__ = ["Request", "RmcpPool", "RmcpTransport"]

# BMCs drop a session after 60 s of silence, give or take 3 (IPMI 2.0 section 6.12.15): close it
# before that, rather than find out by retransmissions that it is gone.
IDLE = 50.0
# Management controllers are slow: most answer within 0.1 s, busy ones take several times that.
PAUSE = 0.5
# A BMC that has not answered by then gives its place in a bulk read to the next one.
_PATIENCE = 0.4
_GRACE = 5.0

Result = bytes | exceptions.ProvisionerError


class RmcpPool:
    """All RMCP+ sessions of a process; a :class:`provisioner.drivers.base.TransportPool`.

    May be used from any thread. The thread of its own starts with the first request.

    :param idle: seconds without a request after which a session is closed
    :param pause: seconds until the first retransmission; later ones take longer
    """

    def __init__(self, clock: Clock, idle: float = IDLE, pause: float = PAUSE):
        self._clock = clock
        self._pause = pause
        self._idle = idle
        self._links: dict[tuple, Link] = {}
        self._guard = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._sockets = Sockets()

    def transport(self, settings: Mapping[str, Any]) -> "RmcpTransport":
        """The way to the BMC that ``driver_info`` describes; opens nothing yet.

        :raises InvalidSetting:
        """
        return RmcpTransport(self, rmcp_settings.parse(settings))

    def exchange(self, bmc: rmcp_settings.Bmc, request: Request, timeout: float,
                 check: Callable[[], None]) -> bytes:
        """See :meth:`RmcpTransport.exchange`."""
        turn = Turn(self._clock.elapsed() + timeout, check)
        return self._run(self._exchange(bmc, request, turn), timeout + _GRACE)

    def read_many(self, settings: Sequence[Mapping[str, Any]], request: Request,
                  timeout: float = 10.0, concurrency: int = 64,
                  on_result: Callable[[int, Result], None] | None = None) -> list[Result]:
        """Ask many BMCs the same harmless question.

        Answers and errors come in the order of ``settings``; ``on_result(index, value)`` is called
        in the caller's thread as soon as each is there. BMCs that do not answer delay nobody: they
        do not count towards ``concurrency`` once they have missed their first answer.

        :param timeout: seconds for each BMC, from when its turn comes
        """
        results: list[Result | None] = [None] * len(settings)
        arrived: queue.SimpleQueue = queue.SimpleQueue()
        bulk = asyncio.run_coroutine_threadsafe(
            self._read_all(settings, _Bulk(request, timeout, concurrency, arrived)),
            self._running_loop())
        bulk.add_done_callback(lambda _: arrived.put(None))
        try:
            while one := arrived.get():
                index, results[index] = one
                if on_result:
                    on_result(index, results[index])
        finally:
            bulk.cancel()
        return results

    def release(self, settings: Mapping[str, Any]) -> None:
        """Close the session to a BMC and forget it: somebody else looks after it now."""
        bmc = rmcp_settings.parse(settings)
        if self._loop is None:
            return
        self._run(self._release(bmc.key), _GRACE + IDLE)

    def sessions(self) -> int:
        """How many sessions are open; for metrics."""
        return sum(link.connected for link in list(self._links.values()))

    def close(self) -> None:
        """Close every session and end the thread; the pool may be used again afterwards."""
        with self._guard:
            loop, self._loop = self._loop, None
        if loop is None:
            return
        asyncio.run_coroutine_threadsafe(self._close_all(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join()
        loop.close()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._guard:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="rmcp",
                                                daemon=True)
                self._thread.start()
            return self._loop

    def _run(self, work: Coroutine, timeout: float) -> Any:
        """The result of ``work`` on the loop; it keeps its own deadline, this one is a net."""
        future = asyncio.run_coroutine_threadsafe(work, self._running_loop())
        try:
            return future.result(timeout)
        except concurrent.futures.TimeoutError:
            future.cancel()
            raise exceptions.HardwareTimeout("The IPMI client did not end in time.",
                                             remedy="Look at the load of this host.") from None

    def _link(self, bmc: rmcp_settings.Bmc) -> Link:
        link = self._links.get(bmc.key)
        if link is None:
            endpoint = Endpoint(self._sockets, self._clock, bmc, self._pause)
            link = self._links[bmc.key] = Link(endpoint, self._idle)
        return link

    async def _exchange(self, bmc: rmcp_settings.Bmc, request: Request, turn: Turn) -> bytes:
        return await self._link(bmc).exchange(bmc, request, turn)

    async def _release(self, key: tuple) -> None:
        link = self._links.pop(key, None)
        if link:
            await link.close()

    async def _close_all(self) -> None:
        links = list(self._links.values())
        self._links.clear()
        await asyncio.gather(*(link.close() for link in links))
        self._sockets.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    async def _read_all(self, settings: Sequence[Mapping[str, Any]], bulk: "_Bulk") -> None:
        places = asyncio.Semaphore(bulk.concurrency)
        async with asyncio.TaskGroup() as group:
            for index, one in enumerate(settings):
                await places.acquire()
                group.create_task(self._read_one(index, one, bulk, _Place(places)))

    async def _read_one(self, index: int, settings: Mapping[str, Any], bulk: "_Bulk",
                        place: "_Place") -> None:
        try:
            turn = Turn(self._clock.elapsed() + bulk.timeout, lambda: None)
            value = await self._exchange(rmcp_settings.parse(settings), bulk.request, turn)
        except exceptions.ProvisionerError as error:
            value = error
        finally:
            place.leave()
        bulk.arrived.put((index, value))


@dataclasses.dataclass(frozen=True)
class _Bulk:
    """One bulk read: what to ask, and where answers go."""

    request: Request
    timeout: float
    concurrency: int
    arrived: queue.SimpleQueue


class _Place:
    """A place among those that are asked at once, left once, however that comes about."""

    def __init__(self, places: asyncio.Semaphore):
        self._places = places
        self._timer = asyncio.get_running_loop().call_later(_PATIENCE, self._free)
        self._left = False

    def leave(self) -> None:
        self._timer.cancel()
        self._free()

    def _free(self) -> None:
        if not self._left:
            self._left = True
            self._places.release()


class RmcpTransport:
    """The way to one BMC; a :class:`provisioner.drivers.base.Transport`."""

    def __init__(self, pool: RmcpPool, bmc: rmcp_settings.Bmc):
        self._pool = pool
        self._bmc = bmc

    def exchange(self, request: Request, timeout: float, check: Callable[[], None]) -> bytes:
        """The response data, without the completion code.

        :param timeout: seconds for everything: queue, login, retransmissions
        :param check: called before each packet, those of a login included; what it raises comes
            out here, and nothing more is sent
        :raises Unreachable: no answer
        :raises LoginRefused: user, password, key or privilege level are wrong
        :raises RequestRefused: ``where["completion_code"]`` or ``where["status"]`` says why
        :raises Unsupported: the BMC knows neither the command nor RMCP+
        :raises HardwareTimeout: the BMC is too slow, or busy with earlier requests
        """
        return self._pool.exchange(self._bmc, request, timeout, check)
