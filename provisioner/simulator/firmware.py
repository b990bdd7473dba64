"""What runs between power-on and an operating system: network boot by script, or the disk."""

import asyncio
import dataclasses
import time

import aiohttp

from provisioner.simulator import ipxe

_RETRY_SECONDS = 1.0
_MAX_CHAIN = 5
_REQUEST_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)
_FROM_NETWORK = ("pxe", "default")
_FROM_DISK = ("disk", "default")


@dataclasses.dataclass(frozen=True)
class Booted:
    """What came up: ``agent`` with its kernel parameters, ``disk``, or ``None`` for nothing."""

    system: str | None
    parameters: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class FirmwareSettings:
    """:ivar boot_url: URL of the boot script, with ``{mac}`` in it (lower case, dashes)
    :ivar boot_timeout: seconds during which a missing script is asked for again
    """

    boot_url: str
    boot_timeout: float = 60.0


class Firmware:
    """The firmware of one machine.

    :ivar stage: where it is, for people who look at the machine
    """

    def __init__(self, machine, http, settings: FirmwareSettings, journal):
        self._machine, self._http = machine, http
        self._settings, self._journal = settings, journal
        self.stage = "off"

    async def boot(self, device: str) -> Booted:
        """Try ``device`` as the boot options named it; ``default`` is network, then disk."""
        self._stage("started", device=device)
        if device in _FROM_NETWORK:
            script = await self._fetch_script()
            if script is not None and script.kernel:
                return await self._load(script)
            if script is not None:
                return await self._boot_disk()
        if device in _FROM_DISK:
            return await self._boot_disk()
        return self._nothing()

    async def _boot_disk(self):
        if not self._machine.disk.bootable():
            return self._nothing()
        await asyncio.sleep(self._machine.faults.boot_delay)
        self._stage("booted_disk")
        return Booted("disk")

    def _nothing(self):
        self._stage("no_boot_device")
        return Booted(None)

    async def _load(self, script):
        """Fetch kernel and initrds; a download that fails is repeated, as a netboot loop would."""
        for url in (script.kernel, *script.initrds):
            while not await self._discard(url):
                await asyncio.sleep(_RETRY_SECONDS)
        await asyncio.sleep(self._machine.faults.boot_delay)
        self._stage("booted_agent")
        return Booted("agent", script.parameters)

    async def _fetch_script(self):
        """The script, chains followed; ``None`` when none came within the boot timeout."""
        mac = self._machine.mac.replace(":", "-")
        url = self._settings.boot_url.replace("{mac}", mac)
        deadline = time.monotonic() + self._settings.boot_timeout
        while True:
            script = await self._fetch_chain(url)
            if script is not None or time.monotonic() + _RETRY_SECONDS > deadline:
                return script
            await asyncio.sleep(_RETRY_SECONDS)

    async def _fetch_chain(self, url):
        for _ in range(_MAX_CHAIN):
            text = await self._get_text(url)
            if text is None:
                return None
            try:
                script = ipxe.parse(text, url)
            except ipxe.ScriptError as error:
                self._journal.write("bad_script", args={"url": url}, result=str(error))
                return None
            if script.chain is None:
                return script
            url = script.chain
        return None

    async def _get_text(self, url):
        try:
            async with self._http.get(url, timeout=_REQUEST_TIMEOUT) as response:
                text = await response.text()
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._journal.write("fetch_script", args={"url": url}, result=type(error).__name__)
            return None
        self._journal.write("fetch_script", args={"url": url}, result=status)
        return text if status == 200 else None

    async def _discard(self, url):
        """Download ``url`` and throw it away; true if it came whole."""
        size = 0
        try:
            async with self._http.get(url, timeout=_REQUEST_TIMEOUT) as response:
                async for chunk in response.content.iter_any():
                    size += len(chunk)
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._journal.write("fetch", args={"url": url}, result=type(error).__name__)
            return False
        self._journal.write("fetch", args={"url": url, "bytes": size}, result=status)
        return status == 200

    def _stage(self, stage, **args):
        self.stage = stage
        self._journal.write(stage, args=args)
