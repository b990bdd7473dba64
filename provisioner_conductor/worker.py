"""The bounded pool in which tasks run. It refuses rather than queues: work waits in the database.

The one place of a conductor where any exception is caught: a bug in a step ends that step, is
logged once with all its causes, and leaves the process alive.
"""

import threading
from collections.abc import Callable

import futurist
from oslo_log import log

from provisioner import exceptions
from provisioner.db.session import OUTAGE
from provisioner_conductor.engine import REFUSED, Engine, Run

LOG = log.getLogger(__name__)


class Workers:
    """Threads that run tasks.

    :param size: tasks run at the same time
    :param done: called after each run with the seconds until its task is due again, to look for
        more work then
    """

    def __init__(self, engine: Engine, size: int, done: Callable[[float], None]):
        self._engine = engine
        self._size = size
        self._done = done
        # Threads that hang in a run that was given up are replaced, but not without end.
        self._threads = 2 * size
        self._pool = futurist.ThreadPoolExecutor(max_workers=self._threads)
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._inside: dict[str, Run] = {}
        self._given_up: list[Run] = []

    def free(self) -> int:
        """How many more tasks could be run now."""
        with self._lock:
            return self._free()

    def _free(self) -> int:
        return min(self._size, self._threads - len(self._given_up)) - len(self._inside)

    def inside(self, task: str) -> Run | None:
        """The run of a task with a live worker here, or None."""
        with self._lock:
            return self._inside.get(task)

    def submit(self, run: Run) -> bool:
        """Run a task that was taken; False if all workers are busy or one is inside it already."""
        with self._lock:
            if self._free() <= 0 or run.fence.task in self._inside:
                return False
            self._inside[run.fence.task] = run
        self._pool.submit(self._work, run)
        return True

    def _work(self, run: Run) -> None:
        try:
            self._engine.run(run)
        except (exceptions.FenceLost, exceptions.LeaseLost) as error:
            LOG.warning("Task %s stopped here: %s", run.fence.task, error)
        except REFUSED as error:
            LOG.exception("Task %s: the database refuses its record", run.fence.task)
            self._record_bug(run, error)
        except OUTAGE as error:
            LOG.warning("Task %s stopped here, the database does not answer: %s",
                        run.fence.task, error)
        except Exception as error:
            LOG.exception("Task %s met a bug", run.fence.task)
            self._record_bug(run, error)
        finally:
            with self._lock:
                # A run that was given up may end when another one is inside already.
                if self._inside.get(run.fence.task) is run:
                    del self._inside[run.fence.task]
                self._given_up = [other for other in self._given_up if other is not run]
                self._idle.notify_all()
            self._done(run.due or 0.0)

    def _record_bug(self, run: Run, error: Exception) -> None:
        try:
            self._engine.record_bug(run, error)
        except (exceptions.FenceLost, *OUTAGE):
            LOG.warning("Task %s: the bug could not be recorded", run.fence.task)

    def give_up(self, task: str) -> None:
        """Revoke the channel of an overdue run; its worker is no longer counted."""
        with self._lock:
            run = self._inside.pop(task, None)
            if run is not None:
                self._given_up.append(run)
        if run is not None:
            run.guard.revoke()

    def drain(self, timeout: float | None) -> bool:
        """Wait until nobody is inside a task; False if ``timeout`` seconds were not enough."""
        with self._lock:
            return self._idle.wait_for(lambda: not self._inside, timeout)

    def close(self) -> None:
        self._pool.shutdown(wait=False)
