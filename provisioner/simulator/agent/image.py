"""Download an image, verify it and write it to the disk, as it streams.

The config drive goes to the end of the disk, as a partition of its own would.
"""

import asyncio
import base64
import gzip
import hashlib
import zlib

import aiohttp

from provisioner.simulator.agent.commands import CommandError
from provisioner.simulator.disk import MIB, DiskError

_CHUNK = 256 * 1024
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)
_ALGORITHMS = ("md5", "sha256", "sha512")


class ImageWriter:
    """Writes images for one agent.

    :ivar written: bytes of the present or last image that have reached the disk
    """

    def __init__(self, machine, http, silence):
        """:param silence: called when the machine's faults let the agent hang from now on"""
        self._machine, self._http, self._silence = machine, http, silence
        self.written = 0

    async def write(self, info: dict, configdrive: str | None) -> dict:
        """Write the image that ``info`` describes, then the config drive.

        :raises CommandError: bad description, download, checksum or disk
        """
        algorithm, expected = _expected_digest(info)
        errors = []
        for url in info["urls"]:
            try:
                digest = await self._copy(url, algorithm)
            except aiohttp.ClientError as error:
                errors.append(f"{url}: {error}")
                continue
            if digest != expected:
                raise CommandError("ImageChecksumError",
                                   f"{url}: {algorithm} is {digest}, expected {expected}")
            where = await self._write_configdrive(configdrive) if configdrive else None
            return {"result": f"image {info['id']} written to /dev/sda, {self.written} bytes",
                    "configdrive": where}
        raise CommandError("ImageDownloadError", "; ".join(errors))

    async def _copy(self, url, algorithm):
        """Stream ``url`` to the disk; the digest of what came."""
        digest = hashlib.new(algorithm)
        self.written = 0
        async with self._http.get(url, timeout=_TIMEOUT) as response:
            if response.status != 200:
                raise aiohttp.ClientPayloadError(f"status {response.status}")
            async for chunk in response.content.iter_chunked(_CHUNK):
                if self._machine.faults.bad_checksum and self.written == 0:
                    chunk = bytes([chunk[0] ^ 0xFF]) + chunk[1:]
                digest.update(chunk)
                await self._put(chunk)
        return digest.hexdigest()

    async def _put(self, chunk):
        dies_at = self._machine.faults.agent_dies_at
        dies = dies_at is not None and self.written + len(chunk) >= dies_at
        if dies:
            chunk = chunk[:max(0, dies_at - self.written)]
        self._to_disk(self.written, chunk)
        self.written += len(chunk)
        if dies:
            self._machine.faults.update({"agent_dies_at": None})
            self._silence()
            await asyncio.Event().wait()

    async def _write_configdrive(self, configdrive):
        data = await self._configdrive_bytes(configdrive)
        offset = self._machine.disk.size - -(-len(data) // MIB) * MIB
        if offset < self.written:
            raise CommandError("ConfigDriveTooLargeError", f"{len(data)} bytes do not fit")
        self._to_disk(offset, data)
        return {"offset": offset, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}

    async def _configdrive_bytes(self, configdrive):
        if not isinstance(configdrive, str):
            raise CommandError("ConfigDriveWriteError", "neither base64 text nor a URL")
        if configdrive.startswith(("http://", "https://")):
            try:
                async with self._http.get(configdrive, timeout=_TIMEOUT) as response:
                    configdrive = await response.text()
                    response.raise_for_status()
            except (aiohttp.ClientError, TimeoutError) as error:
                raise CommandError("ConfigDriveWriteError", f"download: {error}") from error
        try:
            packed = base64.b64decode(configdrive, validate=False)
            return gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed
        except (ValueError, OSError, EOFError, zlib.error) as error:
            raise CommandError("ConfigDriveWriteError", f"not base64 of gzip: {error}") from error

    def _to_disk(self, offset, data):
        self._machine.disk.failing = self._machine.faults.is_on("disk_fail")
        try:
            self._machine.disk.write(offset, data)
        except DiskError as error:
            raise CommandError("ImageWriteError", f"writing to /dev/sda: {error}") from error


def _expected_digest(info):
    """(algorithm, digest) of an image_info.

    :raises CommandError: not an image_info that can be written and verified
    """
    if not isinstance(info, dict) or not info.get("id") or not info.get("urls"):
        raise CommandError("InvalidCommandParamsError", "image_info needs id and urls", 400)
    if not all(isinstance(url, str) for url in info["urls"]):
        raise CommandError("InvalidCommandParamsError", "urls must be text", 400)
    if info.get("disk_format", "raw") != "raw":
        raise CommandError("InvalidCommandParamsError", "only raw images can be written", 400)
    algorithm = info.get("os_hash_algo") or "md5"
    expected = info.get("os_hash_value") or info.get("checksum")
    if algorithm not in _ALGORITHMS or not expected:
        raise CommandError("InvalidCommandParamsError", "image_info needs a checksum", 400)
    return algorithm, expected
