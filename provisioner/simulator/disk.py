"""The disk of one machine: a sparse file. Blank until something is written to it."""

import hashlib

MIB = 1 << 20
_SECTOR = 512
_READ = 1 << 20


class DiskError(Exception):
    """The disk did not do it: no power, no room, or broken."""


class Disk:
    """Writes reach the file at once and only while ``powered``: after a power cut, no byte more.

    :ivar failing: when true every write is an input/output error
    """

    def __init__(self, path, size: int):
        self.path, self.size = path, size
        self.powered = self.failing = False
        with open(path, "ab") as file:
            file.truncate(size)

    def write(self, offset: int, data: bytes) -> None:
        """:raises DiskError: no power, past the end, or ``failing``"""
        self._may_write()
        if offset < 0 or offset + len(data) > self.size:
            raise DiskError(f"no space left on device: {offset + len(data)} of {self.size} bytes")
        with open(self.path, "r+b", buffering=0) as file:
            file.seek(offset)
            file.write(data)

    def erase_metadata(self) -> None:
        """Zero the first MiB: nothing boots from it, the rest can still be read."""
        self.write(0, bytes(min(MIB, self.size)))

    def erase(self) -> None:
        """Zero everything; the file is sparse again."""
        self._may_write()
        with open(self.path, "r+b") as file:
            file.truncate(0)
            file.truncate(self.size)

    def bootable(self) -> bool:
        """Whether the first sector holds anything."""
        with open(self.path, "rb") as file:
            return any(file.read(_SECTOR))

    def sha256(self, count: int | None = None) -> str:
        """Digest of the first ``count`` bytes, of all when ``None``."""
        left = self.size if count is None else min(count, self.size)
        digest = hashlib.sha256()
        with open(self.path, "rb") as file:
            while left:
                chunk = file.read(min(left, _READ))
                digest.update(chunk)
                left -= len(chunk)
        return digest.hexdigest()

    def _may_write(self):
        if not self.powered:
            raise DiskError("the machine is off")
        if self.failing:
            raise DiskError("input/output error")
