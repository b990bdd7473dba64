"""Hints: work may be there, look now. Best effort, and never in anybody's way.

Whoever gives a hint holds a request, a step or a lock, and must not wait for the bus, nor fail
with it: the work is a row already and a sweep finds it. So hints are gathered, coalesced, and sent
by a thread of their own; what does not fit, or cannot be sent, is dropped.
"""

import threading
from collections.abc import Callable

import oslo_messaging
from kombu import exceptions as kombu_exceptions
from oslo_log import log

from provisioner.clock import Clock

LOG = log.getLogger(__name__)

#: hints waiting to be sent; more are dropped
WAITING = 1000
#: seconds without a try after the bus has refused one
PAUSE = 1.0
#: never set: waiting on it is a pause
NEVER = threading.Event()
#: the bus cannot be reached, or has not said that it took a message
BUS_DOWN = (oslo_messaging.MessageDeliveryFailure, oslo_messaging.MessageUndeliverable,
            oslo_messaging.MessagingTimeout, kombu_exceptions.OperationalError, OSError)


class Hints:
    """Sends hints from a thread that starts with the first of them.

    :param send: ``(task uuids)``; may block, and may raise one of ``BUS_DOWN``
    """

    def __init__(self, send: Callable[[list[str]], None], clock: Clock):
        self._send = send
        self._clock = clock
        self._changed = threading.Condition()
        self._waiting: dict[str, None] = {}
        self._thread: threading.Thread | None = None

    def give(self, *tasks: str) -> None:
        """Tell of tasks soon; returns at once, whatever the bus does."""
        with self._changed:
            for task in tasks:
                if len(self._waiting) < WAITING:
                    self._waiting[task] = None
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="hints", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting:
                    self._changed.wait()
                tasks = list(self._waiting)
                self._waiting.clear()
            try:
                self._send(tasks)
            except BUS_DOWN as error:
                LOG.debug("Hint not sent: %s", error)
                self._clock.wait(NEVER, PAUSE)
