"""Records of machines that many wait for, with a clock that the test moves."""

import pytest

from provisioner.clock import Clock
from provisioner.drivers.clients.maas_records import BATCH, FORGET_AFTER, Records


class _Clock(Clock):
    now = 1000.0

    def elapsed(self):
        return self.now


class _Region:
    """Answers list requests. :ivar asked: the ids of each; :ivar during: done while it answers"""

    def __init__(self):
        self.asked, self.gone, self.during = [], set(), lambda: None

    def fetch(self, ids, deadline):
        self.asked.append(list(ids))
        records = [{"system_id": own, "status": len(self.asked), "bulk": "x" * 1000}
                   for own in ids if own not in self.gone]
        self.during()
        return records


@pytest.fixture
def region():
    return _Region()


@pytest.fixture
def clock():
    return _Clock()


@pytest.fixture
def records(region, clock):
    return Records(clock, region.fetch)


def test_one_request_per_interval_whoever_polls(records, region, clock):
    ids = [f"m{number:05}" for number in range(100)]
    for own in ids:
        records.get([own], 4.0, 1e9)
    del region.asked[:]
    for _ in range(10):
        clock.now += 5.0
        for own in ids:
            records.get([own], 4.0, 1e9)
    assert [len(asked) for asked in region.asked] == [100] * 10


def test_who_must_know_how_it_is_now_fetches_just_that(records, region, clock):
    for own in ("one", "two"):
        records.get([own], 4.0, 1e9)
    clock.now += 5.0
    del region.asked[:]
    assert records.get(["one"], 0.0, 1e9)["one"]["status"] == 1
    assert region.asked == [["one"]]


def test_a_change_while_the_record_is_on_its_way_fetches_it_again(records, region):
    def change():
        clock.now += 1.0
        records.forget("one")
        region.during = lambda: None
    clock = records._clock
    region.during = change
    assert records.get(["one"], 60.0, 1e9)["one"]["status"] == 2


def test_nobody_waits_for_ever(records, region, clock):
    records.get(["one"], 4.0, 1e9)
    clock.now += FORGET_AFTER + 1
    records.get(["two"], 4.0, 1e9)
    assert region.asked[-1] == ["two"]


def test_large_sites_are_asked_for_in_batches(records, region):
    records.get([f"m{number}" for number in range(BATCH + 1)], 4.0, 1e9)
    assert [len(asked) for asked in region.asked] == [BATCH, 1]


def test_deleted_machines_are_left_out_and_not_fetched_again(records, region):
    region.gone.add("one")
    for _ in range(3):
        assert records.get(["one"], 60.0, 1e9) == {}
    assert len(region.asked) == 1


def test_only_what_tells_a_state_is_kept(records):
    assert "bulk" not in records.get(["one"], 4.0, 1e9)["one"]
