"""The lease: renewed in database time, never revived, over on the process's own clock first."""

import contextlib

import pytest
import sqlalchemy as sa
from oslo_db import exception as db_exception

from provisioner import exceptions
from provisioner.db import conductors, models
from provisioner_conductor.lease import Lease

LEASE, MARGIN = 12.0, 2.0


def row(on, incarnation):
    with on.database.reader() as tx:
        return tx.one(sa.select(models.conductors).where(
            models.conductors.c.incarnation == incarnation))


def declare_dead(on):
    with on.database.writer() as tx:
        return conductors.declare_dead(tx)


@pytest.fixture
def process(on):
    return on.processes[0]


@contextlib.contextmanager
def outage(on, after=False):
    """The database does not answer; with ``after`` it commits, and the answer is lost."""
    writer = on.database.writer

    @contextlib.contextmanager
    def broken():
        if after:
            with writer() as tx:
                yield tx
        raise db_exception.DBConnectionError("gone")
    on.database.writer = broken
    try:
        yield
    finally:
        on.database.writer = writer


def test_a_process_may_act_for_the_lease_less_the_margin(on, process):
    assert process.lease.current.remaining() == LEASE - MARGIN
    on.clock.seconds += LEASE - MARGIN - 0.01
    process.lease.current.check()
    on.clock.seconds += 0.02
    with pytest.raises(exceptions.LeaseLost):
        process.lease.current.check()


def test_a_renewal_moves_both_ends(on, process):
    first = row(on, process.incarnation()).lease_until
    on.clock.seconds += 3.0
    process.lease.renew()
    assert (row(on, process.incarnation()).lease_until - first).total_seconds() == 3.0
    assert process.lease.current.remaining() == LEASE - MARGIN


def test_the_deadline_counts_from_before_the_statement_was_sent(on, process):
    writer = on.database.writer

    @contextlib.contextmanager
    def slow():
        on.clock.seconds += 4.0
        with writer() as tx:
            yield tx
    on.database.writer = slow
    process.lease.renew()
    assert process.lease.current.remaining() == LEASE - MARGIN - 4.0


@pytest.mark.parametrize("after", [False, True])
def test_an_error_counts_as_not_renewed_and_the_next_try_may_succeed(on, process, after):
    mine = process.incarnation()
    on.clock.seconds += 3.0
    with outage(on, after):
        process.lease.renew()
    assert process.lease.current.remaining() == LEASE - MARGIN - 3.0
    process.lease.renew()
    assert process.lease.current.remaining() == LEASE - MARGIN
    assert process.incarnation() == mine


def test_an_outage_longer_than_the_lease_ends_the_right_to_act_by_itself(on, process):
    with outage(on):
        for _ in range(4):
            on.clock.seconds += 3.0
            process.lease.renew()
    with pytest.raises(exceptions.LeaseLost):
        process.lease.current.check()


def test_a_lost_lease_is_never_revived(on, process):
    old = process.lease.current
    on.clock.seconds += LEASE + 1.0  # the process was stopped, and goes on now
    process.lease.renew()
    new = process.lease.current
    assert new is not old
    assert new.holder.incarnation != old.holder.incarnation
    assert new.remaining() == LEASE - MARGIN
    assert row(on, old.holder.incarnation).dead
    assert old.remaining() == float("-inf")
    on.clock.seconds += 3.0
    process.lease.renew()
    with pytest.raises(exceptions.LeaseLost):
        old.check()


def test_one_that_was_declared_dead_is_not_renewed_though_its_time_is_not_over(on, process):
    old = process.incarnation()
    with on.database.writer() as tx:
        tx.execute(sa.update(models.conductors).values(dead=True, dead_at=tx.now(),
                                                       live_name=None))
    process.lease.renew()
    assert process.incarnation() != old
    assert row(on, old).dead


def test_nobody_is_declared_dead_within_its_lease(on, process):
    on.clock.seconds += LEASE - 0.01
    assert declare_dead(on) == 0
    on.clock.seconds += 0.02
    assert declare_dead(on) == 1
    assert row(on, process.incarnation()).dead


def test_a_process_stops_before_anybody_may_declare_it_dead(on, process):
    """At no moment is an incarnation dead while it may act: the margin lies in between."""
    while process.lease.current.remaining() > 0:
        assert declare_dead(on) == 0
        on.clock.seconds += 0.25
    assert declare_dead(on) == 0


def test_a_second_process_of_a_name_waits_for_the_first(on, process):
    second = on.start("a")
    assert second.lease.current is None
    on.clock.seconds += LEASE + 0.1
    second.lease.start()
    assert second.lease.current is not None
    process.lease.renew()
    assert process.lease.current.remaining() < 0, "the first one has lost, and the name is taken"


def test_a_lease_waits_while_it_registers_and_gives_up_when_stopped(on):
    registration = conductors.Registration("x" * 36, "a", "", 1, {})
    lease = Lease(on.database, on.conf, lambda incarnation: registration)
    lease.stop()
    lease.start()
    assert lease.current is None
    lease.stop()


def test_a_clean_stop_lets_others_take_over_at_once(on, process):
    mine = process.incarnation()
    process.lease.stop()
    found = row(on, mine)
    with on.database.reader() as tx:
        now = tx.read_now()
    assert found.dead
    assert (now - found.dead_at).total_seconds() == pytest.approx(MARGIN, abs=0.01)
    assert process.lease.current.remaining() == float("-inf")


def test_stopping_without_a_database_leaves_the_lease_to_end(on, process):
    with outage(on):
        process.lease.stop()
    assert not row(on, process.incarnation()).dead
    with pytest.raises(exceptions.LeaseLost):
        process.lease.current.check()




def second(on):
    """The lease of a second process of the same name, which is not registered."""
    return Lease(on.database, on.conf, lambda incarnation: conductors.Registration(
        incarnation, "a", "", 1, {}))


def test_who_waits_for_its_predecessor_can_be_told_not_to(on, process):
    lease = second(on)
    lease.interrupt()
    lease.start()
    assert lease.current is None
    lease.stop()
    assert row(on, process.incarnation()).dead is False


def test_an_interrupt_comes_too_late_for_who_has_a_lease(on, process):
    process.lease.interrupt()
    process.lease.current.check()
    assert not process.lease._stop.is_set()


def test_an_abandoned_lease_ends_here_at_once_and_there_in_its_time(on, process):
    process.lease.abandon()
    with pytest.raises(exceptions.LeaseLost):
        process.lease.current.check()
    assert row(on, process.incarnation()).dead is False
    on.clock.seconds += LEASE + 0.1
    assert declare_dead(on) == 1


def test_after_a_failed_renewal_the_next_comes_sooner(on, process):
    lease, waits = process.lease, []

    class Counting(type(on.clock)):
        def wait(self, event, timeout):
            waits.append(timeout)
            return len(waits) > 3
    lease._clock = Counting()
    with outage(on):
        lease._renew_forever()
    interval = on.conf.conductor.lease_interval
    assert waits == [interval, interval / 3, interval / 3, interval / 3]
    waits.clear()
    lease._renew_forever()
    assert waits == [interval] * 4
