"""The guarded way to hardware.

Every changing request checks the lease and the channel's revocation immediately before each
packet, and gets no more time than remains of the lease. Reads may take longer; what they return
is fenced when it is stored.
"""

import threading
from typing import Any

from provisioner import exceptions
from provisioner.drivers.base import Transport
from provisioner_conductor.lease import Incarnation


class Guard:
    """Says whether one worker may still send. One per run of a task, or per hardware call."""

    def __init__(self, incarnation: Incarnation):
        self._incarnation = incarnation
        self._revoked = threading.Event()

    def revoke(self) -> None:
        """From now on nothing is sent through channels with this guard."""
        self._revoked.set()

    def check(self) -> None:
        """:raises LeaseLost:"""
        if self._revoked.is_set():
            raise exceptions.LeaseLost("This step was given up; its channel is closed.")
        self._incarnation.check()

    def remaining(self) -> float:
        return self._incarnation.remaining()


def _unchecked() -> None:
    """A read changes nothing, so it needs no lease."""


class GuardedChannel:
    """A :class:`provisioner.drivers.base.Channel` over a transport."""

    def __init__(self, transport: Transport, guard: Guard):
        self._transport = transport
        self._guard = guard

    def read(self, request: Any, timeout: float = 10.0) -> Any:
        return self._transport.exchange(request, timeout, _unchecked)

    def send(self, request: Any, timeout: float = 10.0) -> Any:
        self._guard.check()
        return self._transport.exchange(request, min(timeout, self._guard.remaining()),
                                        self._guard.check)


class NoChannel:
    """What an interface without a transport gets."""

    def read(self, request: Any, timeout: float = 10.0) -> Any:
        raise exceptions.Unsupported("this interface declares no transport")

    send = read
