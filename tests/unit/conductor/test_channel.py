"""The channel: no changing packet goes out without a lease, and none after it was revoked."""

import pytest

from provisioner import exceptions
from provisioner.db.fences import Holder
from provisioner_conductor.channel import Guard, GuardedChannel, NoChannel
from provisioner_conductor.lease import Incarnation
from tests.cluster import SimulatedClock


class Line:
    """A transport that takes ``seconds`` for each packet and sends each request ``packets`` times.

    :ivar went_out: moments at which a packet went out
    """

    def __init__(self, clock, packets=1, seconds=0.0):
        self.clock, self.packets, self.seconds = clock, packets, seconds
        self.went_out, self.timeouts = [], []

    def exchange(self, request, timeout, check):
        self.timeouts.append(timeout)
        for _ in range(self.packets):
            check()
            self.went_out.append(self.clock.elapsed())
            self.clock.seconds += self.seconds
        return "answer"


@pytest.fixture
def clock():
    return SimulatedClock()


@pytest.fixture
def incarnation(clock):
    """With ten seconds to act."""
    return Incarnation(Holder("i", "host"), clock, clock.elapsed() + 10.0)


def test_a_request_goes_out_within_the_lease(clock, incarnation):
    line = Line(clock)
    assert GuardedChannel(line, Guard(incarnation)).send("on") == "answer"
    assert len(line.went_out) == 1


def test_nothing_is_sent_past_the_deadline_but_reads(clock, incarnation):
    line, guard = Line(clock), Guard(incarnation)
    channel = GuardedChannel(line, guard)
    clock.seconds += 10.0
    with pytest.raises(exceptions.LeaseLost):
        channel.send("on")
    assert (line.went_out, line.timeouts) == ([], []), "the transport was not even asked"
    assert channel.read("state") == "answer"


def test_retransmissions_end_with_the_lease(clock, incarnation):
    line = Line(clock, packets=10, seconds=3.0)
    with pytest.raises(exceptions.LeaseLost):
        GuardedChannel(line, Guard(incarnation)).send("on")
    assert len(line.went_out) == 4
    assert max(line.went_out) < incarnation.deadline


def test_a_process_that_was_frozen_sends_nothing_when_it_thaws(clock, incarnation):
    guard = Guard(incarnation)

    class Frozen(Line):
        def exchange(self, request, timeout, check):
            clock.seconds += 3600.0
            return super().exchange(request, timeout, check)
    line = Frozen(clock)
    with pytest.raises(exceptions.LeaseLost):
        GuardedChannel(line, guard).send("on")
    assert line.went_out == []


@pytest.mark.parametrize(("gone", "asked", "given"), [(0, 4, 4), (0, 60, 10), (7, 60, 3)])
def test_the_timeout_is_capped_by_what_remains_of_the_lease(clock, incarnation, gone, asked,
                                                           given):
    line = Line(clock)
    clock.seconds += gone
    GuardedChannel(line, Guard(incarnation)).send("on", timeout=asked)
    assert line.timeouts == [pytest.approx(given)]


def test_reads_may_take_longer_than_the_lease(clock, incarnation):
    line = Line(clock)
    GuardedChannel(line, Guard(incarnation)).read("state", timeout=60)
    assert line.timeouts == [60]


def test_a_revoked_channel_sends_nothing_though_the_lease_holds(clock, incarnation):
    line, guard = Line(clock), Guard(incarnation)
    channel = GuardedChannel(line, guard)
    guard.revoke()
    with pytest.raises(exceptions.LeaseLost):
        channel.send("on")
    assert line.went_out == []


def test_a_renewal_lets_a_channel_go_on(clock, incarnation):
    line = Line(clock)
    clock.seconds += 9.0
    incarnation.deadline += 3.0
    clock.seconds += 2.0
    GuardedChannel(line, Guard(incarnation)).send("on")
    assert len(line.went_out) == 1


def test_an_interface_without_a_transport_can_send_nothing():
    for verb in (NoChannel().read, NoChannel().send):
        with pytest.raises(exceptions.Unsupported):
            verb("on")
