"""System boot options (IPMI 2.0 sections 28.12 to 28.14): which device the next boot takes.

The flags count only while their valid bit is set. It is cleared by the boot that consumes them,
unless they are persistent, and 60 s after they were set when no chassis control came in between,
unless bit 3 of parameter 3 forbids that.
"""

import time

VALID_BIT_CLEARING, FLAGS = 3, 5
PARAMETERS = {0: 1, 1: 1, 2: 1, 3: 1, 4: 2, 5: 5}     # number: length of its data in bytes
DEVICES = {0x00: "default", 0x04: "pxe", 0x08: "disk", 0x0C: "safe", 0x10: "diagnostic",
           0x14: "cdrom", 0x18: "bios", 0x3C: "floppy"}
VALID_SECONDS = 60.0
_VALID, _PERSISTENT, _EFI = 0x80, 0x40, 0x20
_NO_TIMEOUT = 0x08


class BootOptions:
    """The parameters of one machine; they survive a power cut, as the BMC keeps them.

    :param now: a monotonic clock in seconds
    """

    def __init__(self, now=time.monotonic):
        self._now = now
        self._values = {number: bytes(length) for number, length in PARAMETERS.items()}
        self._set_at = None

    def set(self, parameter: int, data: bytes) -> None:
        """:raises ValueError: the data has a wrong length"""
        length = PARAMETERS[parameter]
        if parameter == FLAGS:
            data = data[:length].ljust(length, b"\0")
            self._set_at = self._now()
        if len(data) != length:
            raise ValueError(f"boot parameter {parameter} takes {length} bytes")
        self._values[parameter] = data

    def get(self, parameter: int) -> bytes:
        self._expire()
        return self._values[parameter]

    def chassis_controlled(self) -> None:
        """A chassis control came: the 60 seconds are over as far as these flags go."""
        self._expire()
        self._set_at = None

    def consume(self) -> str:
        """The device for the boot that starts now; once-only flags are used up by it."""
        device = self.describe()["device"]
        if not self._values[FLAGS][0] & _PERSISTENT:
            self._invalidate()
        return device

    def describe(self) -> dict:
        """``{"device", "persistent", "efi"}``; device ``default`` when no flags are valid."""
        self._expire()
        first, second = self._values[FLAGS][:2]
        if not first & _VALID:
            return {"device": "default", "persistent": False, "efi": False}
        code = second & 0x3C
        device = DEVICES.get(code, f"unknown {code:#04x}")
        return {"device": device, "persistent": bool(first & _PERSISTENT),
                "efi": bool(first & _EFI)}

    def _expire(self):
        keeps = self._values[VALID_BIT_CLEARING][0] & _NO_TIMEOUT
        if self._set_at is None or keeps:
            return
        if self._now() - self._set_at > VALID_SECONDS:
            self._invalidate()

    def _invalidate(self):
        flags = self._values[FLAGS]
        self._values[FLAGS] = bytes([flags[0] & ~_VALID & 0xFF]) + flags[1:]
        self._set_at = None
