import random

import pytest

from provisioner.simulator.bmc.rmcp import SUITES
from provisioner.simulator.bmc.sessions import SessionTable
from tests.unit.simulator.bmc.test_boot import Clock

ADDRESS = ("127.0.0.1", 40000)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def table(clock):
    return SessionTable(2, random.Random(1), clock)


def opened(table, console_id):
    return table.open(console_id, SUITES[17], ADDRESS, 4)


def test_full_table_refuses(table):
    first = opened(table, 1)
    assert opened(table, 2) is not None
    assert opened(table, 3) is None
    table.close(first)
    assert opened(table, 3) is not None
    assert table.most == 2


def test_idle_sessions_expire(table, clock):
    idle, busy = opened(table, 1), opened(table, 2)
    clock.now += 40
    assert table.find(busy.session_id) is busy
    clock.now += 40
    assert table.find(idle.session_id) is None
    assert table.find(busy.session_id) is busy
    assert len(table) == 1


def test_retransmitted_open_finds_its_session(table):
    session = opened(table, 1)
    assert table.half_open(1, ADDRESS) is session
    assert table.half_open(1, ("127.0.0.2", 40000)) is None
    session.active = True
    assert table.half_open(1, ADDRESS) is None


def test_old_sequence_numbers_are_refused(table):
    session = opened(table, 1)
    assert session.accepts(100)
    assert session.accepts(90)
    assert not session.accepts(83)
    assert not session.accepts(0)
