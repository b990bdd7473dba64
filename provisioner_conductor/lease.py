"""A conductor's right to act.

The lease is renewed in database time, on a thread and a connection of its own. What must stay
true: the process's own deadline is its clock read *before* the renewing statement was sent, plus
the lease, less the margin; past it nothing is sent to hardware. A lost lease is never revived:
the process goes on as a new incarnation, and everything begun by the old one stays fenced.
"""

import threading
from collections.abc import Callable

from oslo_db import exception as db_exception
from oslo_log import log

from provisioner import exceptions
from provisioner.clock import Clock
from provisioner.db import conductors
from provisioner.db.fences import Holder
from provisioner.db.models import new_uuid
from provisioner.db.session import OUTAGE, Database

LOG = log.getLogger(__name__)


class Incarnation:
    """One start: who acts, and until when.

    :ivar deadline: on the process's own clock; only the lease thread moves it
    """

    def __init__(self, holder: Holder, clock: Clock, deadline: float):
        self.holder = holder
        self.clock = clock
        self.deadline = deadline

    def remaining(self) -> float:
        """Seconds left to act; negative when it is over."""
        return self.deadline - self.clock.elapsed()

    def check(self) -> None:
        """:raises LeaseLost: if nothing new may start or be sent"""
        if self.remaining() <= 0:
            raise exceptions.LeaseLost(
                f"The lease of {self.holder.hostname} ({self.holder.incarnation}) has ended.")


class Lease:
    """Keeps this process registered and its lease renewed.

    :param database: with a connection of its own and timeouts below the renewal interval
    :param registration: what to register, for a given new incarnation uuid
    """

    def __init__(self, database: Database, conf,
                 registration: Callable[[str], conductors.Registration]):
        self._database = database
        self._conf = conf.conductor
        self._clock = database.clock
        self._registration = registration
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._renew_forever, name="lease", daemon=True)
        self.current: Incarnation | None = None

    def start(self) -> None:
        """Register, waiting while another process of this hostname is live; begin renewing."""
        while self.current is None and not self._stop.is_set():
            self._begin()
            if self.current is None:
                self._clock.wait(self._stop, self._conf.lease_interval / 3)
        if self.current is not None:
            self._thread.start()

    def interrupt(self) -> None:
        """Have :meth:`start` wait no longer. Does nothing once there is a lease."""
        if self.current is None:
            self._stop.set()

    def abandon(self) -> None:
        """End renewing, and acting at once: something still runs that nobody can wait for."""
        self._end_renewing()
        if self.current is not None:
            self.current.deadline = float("-inf")

    def _begin(self) -> None:
        me = self._registration(new_uuid())
        before = self._clock.elapsed()
        try:
            with self._database.writer() as tx:
                conductors.declare_dead(tx)
                conductors.register(tx, me, self._conf.lease)
        except db_exception.DBDuplicateEntry:
            LOG.info("Conductor %s is still registered; waiting for its lease to end",
                     me.hostname)
            return
        except OUTAGE as error:
            LOG.warning("Cannot register: %s", error)
            return
        self.current = Incarnation(Holder(me.incarnation, me.hostname), self._clock,
                                   self._deadline(before))
        LOG.info("Conductor %s acts as incarnation %s", me.hostname, me.incarnation)

    def _deadline(self, before: float) -> float:
        return before + self._conf.lease - self._conf.lease_margin

    def _renew_forever(self) -> None:
        pause = self._conf.lease_interval
        while not self._clock.wait(self._stop, pause):
            # A try that hung has used up time of the lease: the next one comes sooner.
            pause = self._conf.lease_interval / (1 if self.renew() else 3)

    def renew(self) -> bool:
        """Renew once; take a new incarnation if the lease turns out to be lost.

        :returns: whether it is known to be renewed
        """
        incarnation = self.current
        before = self._clock.elapsed()
        try:
            with self._database.writer() as tx:
                renewed = conductors.renew(tx, incarnation.holder.incarnation, self._conf.lease)
        except OUTAGE as error:
            # Not renewed, as far as anybody knows; the next try tells.
            LOG.warning("Lease not renewed (%.1f s left): %s", incarnation.remaining(), error)
            return False
        if renewed:
            incarnation.deadline = self._deadline(before)
            return True
        LOG.error("Lease of incarnation %s is lost", incarnation.holder.incarnation)
        incarnation.deadline = float("-inf")
        self._begin()
        return False

    def stop(self) -> None:
        """End renewing and declare this incarnation dead. Only when nothing of it runs."""
        self._end_renewing()
        if self.current is None:
            return
        try:
            with self._database.writer() as tx:
                conductors.resign(tx, self.current.holder.incarnation, self._conf.lease_margin)
        except OUTAGE as error:
            LOG.warning("Could not resign; others will see the lease end: %s", error)
        self.current.deadline = float("-inf")

    def _end_renewing(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
