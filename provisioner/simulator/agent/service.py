"""The life of an agent: report, look up, beat, obey, until its machine goes off."""

import asyncio
import contextlib
import dataclasses
import random
import time

from provisioner.simulator.agent import inventory
from provisioner.simulator.agent.api import Api, ApiError
from provisioner.simulator.agent.commands import Commands
from provisioner.simulator.agent.extensions import Host
from provisioner.simulator.agent.image import ImageWriter
from provisioner.simulator.agent.listener import Listener

_RETRY_SECONDS = (0.4, 1.0)
_INSPECTION_TRIES = 5
_LISTEN_RETRY_SECONDS = 0.2
_BEAT_PART = (0.3, 0.6)
_TOKEN_GIVEN_AWAY = "******"


@dataclasses.dataclass(frozen=True)
class AgentSettings:
    """:ivar port: TCP port of the agent's interface; 0 lets the system choose
    :ivar heartbeat: seconds between heartbeats at most
    """

    port: int = 9999
    heartbeat: float = 5.0


class Agent:
    """The agent of one machine; :meth:`run` is one boot of it."""

    def __init__(self, machine, http, settings: AgentSettings, journal, seed=0):
        self.host = self.commands = None
        self.token, self.started_at = "", 0.0
        self._machine, self._http, self._settings = machine, http, settings
        self._journal = journal
        self._random = random.Random(f"{seed}-agent-{machine.identity.index}")
        self._reset()

    @property
    def address(self) -> str:
        return self._machine.identity.address

    def view(self) -> dict:
        """Plain facts for the control interface; zeros while no agent runs."""
        return {"node_uuid": self._node_uuid, "url": self._url, "heartbeats": self._beats,
                "written": self._writer.written if self._writer else 0, "hung": self.hung()}

    def hung(self) -> bool:
        """True while the agent neither beats nor answers."""
        return self._silent or self._machine.faults.is_on("agent_mute")

    def answered(self) -> None:
        """An answer has gone out; a power-off that waited for it may happen now."""
        if self._leaving is not None and self._left is not None and not self._left.done():
            self._left.set_result(self._leaving)

    async def run(self, parameters: dict) -> str:
        """Live until told to leave; ``off`` or ``cycle``. Cancel it to cut the power.

        :param parameters: kernel parameters: ``ipa-api-url``, perhaps
            ``ipa-inspection-callback-url`` and ``ipa-agent-token``
        """
        self._reset()
        self.started_at = time.time()
        self._left = asyncio.get_running_loop().create_future()
        self._writer = ImageWriter(self._machine, self._http, self._fall_silent)
        self.host = Host(self._machine, self._writer, self._leave)
        self.commands = Commands(self._command_ended)
        listener = Listener(self, self._journal)
        talk = None
        try:
            port = await self._listen(listener)
            self._url = f"http://{self.address}:{port}"
            talk = asyncio.get_running_loop().create_task(self._talk(parameters))
            return await self._left
        finally:
            await self._die(talk, listener)

    async def _listen(self, listener):
        """The port; asked for again while somebody else still has it."""
        while True:
            try:
                return await listener.open(self._settings.port)
            except OSError as error:
                self._journal.write("listen", result=str(error))
                await asyncio.sleep(_LISTEN_RETRY_SECONDS)

    def _reset(self):
        self.token, self._node_uuid, self._url = "", None, None
        self._beats, self._silent = 0, False
        self._leaving = self._left = self._writer = None
        self._due = asyncio.Event()

    async def _die(self, talk, listener):
        """Nothing more is answered or begun; what runs is cut off."""
        self._silent = True
        if talk is not None:
            talk.cancel()
            await asyncio.wait([talk])
        await self.commands.cancel()
        await listener.close()
        self._reset()

    def _leave(self, action):
        self._leaving = action

    def _fall_silent(self):
        self._silent = True
        self._journal.write("hung", args={"written": self._writer.written})

    def _command_ended(self, command):
        error = command.error["details"] if command.error else None
        self._journal.write("command_ended", args={"id": command.id, "name": command.name,
                                                   "error": error}, result=command.status)
        self._due.set()

    async def _talk(self, parameters):
        api = Api(self._http, parameters.get("ipa-api-url", ""))
        await self._inspect(api, parameters.get("ipa-inspection-callback-url"))
        found = await self._look_up(api)
        self.token = parameters.get("ipa-agent-token") or found.token
        if self.token == _TOKEN_GIVEN_AWAY:
            self._journal.write("gave_up", result="the token has been given away before")
            self._silent = True
            return
        interval = found.heartbeat_timeout
        while True:
            beaten = await self._beat(api)
            await self._pause(interval if beaten else None)

    async def _inspect(self, api, url):
        """Report the hardware; after a few vain tries go on without, as the real agent does."""
        for _ in range(_INSPECTION_TRIES if url else 0):
            await self._while_hung()
            try:
                self._node_uuid = await api.continue_inspection(
                    url, inventory.collect(self._machine))
                self._journal.write("continue_inspection", args={"uuid": self._node_uuid})
                return
            except ApiError as error:
                self._journal.write("continue_inspection", result=str(error))
                if error.status is not None and error.status < 500 and error.status != 409:
                    return
            await asyncio.sleep(self._random.uniform(*_RETRY_SECONDS))

    async def _look_up(self, api):
        while True:
            await self._while_hung()
            try:
                found = await api.lookup(self._machine.mac, self._node_uuid)
                self._node_uuid = found.node_uuid
                self._journal.write("lookup", args={"uuid": found.node_uuid})
                return found
            except ApiError as error:
                self._journal.write("lookup", result=str(error))
            await asyncio.sleep(self._random.uniform(*_RETRY_SECONDS))

    async def _beat(self, api):
        """One heartbeat; true if it was accepted."""
        await self._while_hung()
        self._due.clear()
        try:
            await api.heartbeat(self._node_uuid, self._url, self.token)
        except ApiError as error:
            self._journal.write("heartbeat", result=str(error))
            return False
        self._beats += 1
        self._journal.write("heartbeat")
        return True

    async def _pause(self, interval):
        """Until the next heartbeat is due, or a command has ended; a short retry if ``None``."""
        if interval is None:
            await asyncio.sleep(self._random.uniform(*_RETRY_SECONDS))
            return
        seconds = min(interval * self._random.uniform(*_BEAT_PART), self._settings.heartbeat)
        # Not wait_for: before Python 3.12 it swallows a power cut that comes with the event.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._due.wait()

    async def _while_hung(self):
        while self.hung():
            await asyncio.sleep(0.1)
