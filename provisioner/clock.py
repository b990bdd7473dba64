"""The only clock, the only way to sleep and the only source of randomness.

Everything that needs time or chance takes a :class:`Clock`; a simulation hands in another one.
Database time is an SQL expression (see :mod:`provisioner.db.session`): deadlines are computed and
compared there, because the clocks of two hosts never agree.
"""

import datetime
import random
import threading
import time


class Clock:
    """The real one."""

    def __init__(self, seed: int | None = None):
        self.random = random.Random(seed)

    def elapsed(self) -> float:
        """Seconds on CLOCK_BOOTTIME, which also counts while the host is suspended."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def utcnow(self) -> datetime.datetime:
        """Wall-clock time, aware. For logs and messages; never for deadlines between hosts."""
        return datetime.datetime.now(datetime.UTC)

    def wait(self, event: threading.Event, timeout: float) -> bool:
        """Block until ``event`` is set or ``timeout`` seconds have gone; true if it was set."""
        return event.wait(timeout)

    def wait_change(self, condition: threading.Condition, timeout: float) -> None:
        """Block on ``condition``, whose lock is held, until notified or ``timeout`` has gone."""
        condition.wait(timeout)

    def jitter(self, seconds: float, part: float = 0.2) -> float:
        """``seconds``, moved by up to ``part`` of itself either way."""
        return seconds * (1 + self.random.uniform(-part, part))
