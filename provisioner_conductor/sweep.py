"""Looking for work and taking it.

What may be taken: (a) runnable or due work that the ring gives to this conductor, also while its
last owner lives, because nobody is inside; (b) work under an incarnation that was declared dead;
(c) work under our own incarnation without a live worker; (d) work of ours past its step's run
limit, whose channel is revoked first. Safety rests on the take's compare-and-set, never on this.
"""

import collections
import contextlib
import math
import threading
from collections.abc import Iterator

import sqlalchemy as sa
from oslo_log import log

from provisioner import exceptions
from provisioner.db import conductors, fences, tasks
from provisioner.db.models import conductors as dead
from provisioner.db.models import nodes
from provisioner.db.session import OUTAGE, Transaction
from provisioner.rpc.client import MembershipView
from provisioner_conductor import flows
from provisioner_conductor.channel import Guard
from provisioner_conductor.context import Services
from provisioner_conductor.engine import Run
from provisioner_conductor.lease import Incarnation, Lease
from provisioner_conductor.worker import Workers

LOG = log.getLogger(__name__)

#: seconds between two looks at least: pokes that come meanwhile are one
REST = 0.05


class Sweeper:
    """One thread that looks for work at an interval, and at once when poked."""

    def __init__(self, services: Services, lease: Lease, view: MembershipView):
        self._services = services
        self._lease = lease
        self._view = view
        self.workers: Workers | None = None
        self._changed = threading.Condition()
        self._look_at = math.inf
        self._declared_at = -math.inf
        self._calls: collections.Counter[str] = collections.Counter()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="sweep", daemon=True)

    def start(self, workers: Workers) -> None:
        self.workers = workers
        self._thread.start()

    def poke(self, after: float = 0.0) -> None:
        """Look for work at once, or ``after`` seconds from now. Pokes are coalesced."""
        with self._changed:
            self._look_at = min(self._look_at, self._services.clock.elapsed() + after)
            self._changed.notify()

    def _pause(self) -> None:
        """Sleep until the next look is due."""
        clock = self._services.clock
        earliest = clock.elapsed() + REST
        until = clock.elapsed() + clock.jitter(self._services.conf.conductor.sweep_interval)
        with self._changed:
            while not self._stopping.is_set():
                left = max(earliest, min(until, self._look_at)) - clock.elapsed()
                if left <= 0:
                    break
                clock.wait_change(self._changed, left)
            self._look_at = math.inf

    def stop(self) -> None:
        """Take nothing any more."""
        self._stopping.set()
        self.poke()
        if self._thread.is_alive():
            self._thread.join()

    def _loop(self) -> None:
        """Pokes are many; what only a death or a bug leaves behind is looked for now and then."""
        looked = -math.inf
        while not self._stopping.is_set():
            self._pause()
            now = self._services.clock.elapsed()
            thorough = now - looked >= self._services.conf.conductor.sweep_interval / 2
            looked = now if thorough else looked
            try:
                self.sweep(thorough)
            except OUTAGE as error:
                LOG.warning("Cannot look for work: %s", error)

    def sweep(self, thorough: bool = True) -> int:
        """Look once; how many tasks were taken.

        :param thorough: look for work of the dead and of our own without a worker too
        """
        incarnation, conf = self._lease.current, self._services.conf.conductor
        if incarnation is None or incarnation.remaining() <= 0 or self._stopping.is_set():
            return 0
        self._declare_dead(conf.sweep_interval)
        me = incarnation.holder.incarnation
        with self._services.database.reader() as tx:
            held = tasks.held(tx, me, conf.lease_margin) if thorough else []
            ready = tasks.ready(tx)
            abandoned = tx.all(_abandoned(tx, me, conf.lease_margin)) if thorough else []
        for node in abandoned:
            self._let_go(node, incarnation)
        taken = sum(self._consider(row, incarnation) for row in held)
        while ready:
            taken += sum(self._consider(row, incarnation) for row in ready)
            if len(ready) < tasks.PAGE or not self._has_room():
                break
            # What is for others, who have no time or are not there, must not hide what is for us.
            with self._services.database.reader() as tx:
                ready = tasks.ready(tx, after=ready[-1])
        return taken

    def _has_room(self) -> bool:
        return not self._stopping.is_set() and self.workers.free() > 0

    def _declare_dead(self, interval: float) -> None:
        """Not at every poke: looks for work are many, and a lease ends once in a while."""
        now = self._services.clock.elapsed()
        if now - self._declared_at < interval / 2:
            return
        self._declared_at = now
        with self._services.database.writer() as tx:
            if conductors.declare_dead(tx):
                LOG.warning("Declared conductors dead whose lease had ended")

    def _consider(self, row: sa.Row, incarnation: Incarnation) -> bool:
        """Take one row of the list, if it is for us."""
        if not flows.is_known(row.action):
            return False    # of a later release: a conductor that knows it will take it
        me = incarnation.holder
        if row.owner == me.incarnation:
            if self._calls[row.node]:
                return False    # it is a hardware call that holds the node, during a wait
            run = self.workers.inside(row.uuid)
            if run is not None and run.fence.epoch == row.fence_epoch:
                # Also without room: those that hang may be why there is none.
                if row.overrun:
                    self._give_up(row, run)
                return False
            # A run of an earlier epoch, of a lease that was lost, hangs yet: it can do no harm.
            self.workers.give_up(row.uuid)
        elif self._view.rings().owner(row.driver, row.conductor_group,
                                      row.node or row.uuid) != me.hostname:
            return False
        return self._has_room() and self._take(row, incarnation)

    def _take(self, row: sa.Row, incarnation: Incarnation) -> bool:
        try:
            with self._services.database.writer() as tx:
                fence = fences.take_task(tx, row, row.fence_epoch, incarnation.holder)
                if fence is not None:
                    # The limit is one of the step that was cut off: it must not cut off ours.
                    tasks.update(tx, row.uuid, run_until=None)
        except OUTAGE as error:
            # If it has happened after all, the next sweep finds it as ours without a worker.
            LOG.warning("Take of task %s not confirmed: %s", row.uuid, error)
            return False
        if fence is None:
            return False
        return self.workers.submit(Run(fence, Guard(incarnation)))

    @contextlib.contextmanager
    def calling(self, node: str) -> Iterator[None]:
        """While a hardware call of this process may hold the node."""
        with self._changed:
            self._calls[node] += 1
        try:
            yield
        finally:
            with self._changed:
                self._calls[node] -= 1
                self._calls += collections.Counter()    # forgets zeros

    def _let_go(self, node: sa.Row, incarnation: Incarnation) -> None:
        """Free a node that a hardware call left held: no task will.

        Its holder has died, or it is we, and the call's end could not be recorded. Calls are
        noted before they take, so one that is not noted now was over when the row was read.
        """
        with self._changed:
            if self._calls[node.uuid]:
                return
        try:
            with self._services.database.writer() as tx:
                fences.let_go(tx, node, incarnation.holder)
        except OUTAGE as error:
            LOG.info("Node %s is not let go: %s", node.uuid, error)

    def _give_up(self, row: sa.Row, run: Run) -> None:
        LOG.error("Task %s has overrun its step's limit; its channel is revoked", row.uuid)
        self.workers.give_up(row.uuid)
        try:
            with self._services.database.writer() as tx:
                fences.revoke(tx, run.fence)
                tasks.update(tx, row.uuid, state=tasks.RUNNABLE, due_at=tx.now(), run_until=None)
        except (exceptions.FenceLost, *OUTAGE) as error:
            LOG.warning("Could not revoke task %s: %s", row.uuid, error)
        self.poke()


def _abandoned(tx: Transaction, me: str, margin: float) -> sa.Select:
    """Nodes without a task that we hold, or whose holder was declared dead, ``margin`` s ago."""
    gone = sa.exists().where(dead.c.incarnation == nodes.c.incarnation, dead.c.dead.is_(True),
                             dead.c.dead_at <= tx.now(-margin))
    return sa.select(nodes).where(
        nodes.c.incarnation.is_not(None), nodes.c.task.is_(None),
        sa.or_(nodes.c.incarnation == me, gone))
