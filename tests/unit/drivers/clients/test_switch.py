"""Switches over SSH: sessions, batches, checks, errors by cause."""

import concurrent.futures
import re

import pytest
import yaml

from provisioner import exceptions
from provisioner.drivers.clients.switch import Request, SwitchPool
from provisioner.simulator.switch import Switch

PORTS = [f"GigabitEthernet1/0/{number}" for number in range(1, 9)]


@pytest.fixture
def switch():
    made = Switch(PORTS)
    yield made
    made.close()


@pytest.fixture
def file(switch, tmp_path):
    """Path of a switches file with the switch as ``tor1``; ``file(key=value)`` changes it."""
    hosts = tmp_path / "known_hosts"
    hosts.write_text(switch.known_hosts())
    path = tmp_path / "switches.yaml"

    def write(**values):
        path.touch(0o600)
        path.write_text(yaml.safe_dump({"tor1": {
            "address": "127.0.0.1", "port": switch.port, "username": "admin",
            "password": "password", "enable_password": "password",
            "known_hosts": str(hosts), **values}}))
        return str(path)
    write()
    return write


@pytest.fixture
def pool(file):
    made = SwitchPool(file())
    yield made
    made.close()


def ask(pool, port=PORTS[0], vlan=None, check=lambda: None, timeout=10.0):
    return pool.transport({}).exchange(Request("tor1", port, vlan), timeout, check)


def test_a_port_is_read_and_set_in_one_session(switch, pool):
    assert ask(pool) == {"vlan": 1}
    assert ask(pool, vlan=20) == {"vlan": None}
    assert ask(pool) == {"vlan": 20}
    assert switch.ports[PORTS[0]].vlan == switch.saved[PORTS[0]] == 20
    assert switch.ports[PORTS[1]].vlan == 1
    assert switch.sessions == 1


def test_changes_need_not_be_saved(switch, file):
    pool = SwitchPool(file(save=False))
    ask(pool, vlan=10)
    pool.close()
    assert (switch.ports[PORTS[0]].vlan, switch.saved) == (10, {})


def test_what_comes_meanwhile_goes_at_once(switch, pool, eventually):
    ask(pool)
    switch.gate.clear()
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        first = threads.submit(ask, pool, PORTS[0])
        line = pool._lines["tor1"]
        eventually(lambda: line._turn.locked() and not line._waiting)
        rest = [threads.submit(ask, pool, port, 20) for port in PORTS[1:]]
        eventually(lambda: len(line._waiting) == len(rest))
        switch.gate.set()
        assert first.result(20) == {"vlan": 1}
        assert [each.result(20) for each in rest] == [{"vlan": None}] * len(rest)
    assert {switch.ports[port].vlan for port in PORTS[1:]} == {20}
    assert (switch.sessions, switch.configured) == (1, 1)


def test_a_check_that_refuses_keeps_only_its_own_change_back(switch, pool, eventually):
    def refuse():
        raise exceptions.LeaseLost("over")
    ask(pool)
    switch.gate.clear()
    with concurrent.futures.ThreadPoolExecutor(3) as threads:
        first = threads.submit(ask, pool)
        line = pool._lines["tor1"]
        eventually(lambda: line._turn.locked() and not line._waiting)
        fenced = threads.submit(ask, pool, PORTS[1], 20, refuse)
        good = threads.submit(ask, pool, PORTS[2], 20)
        eventually(lambda: len(line._waiting) == 2)
        switch.gate.set()
        first.result(20), good.result(20)
        with pytest.raises(exceptions.LeaseLost):
            fenced.result(20)
    assert [switch.ports[port].vlan for port in PORTS[:3]] == [1, 1, 20]
    assert not any(re.search(r"interface \S+/2$", line) for line in switch.commands)


def test_a_refused_change_does_not_take_others_with_it(switch, pool, eventually):
    ask(pool)
    switch.gate.clear()
    with concurrent.futures.ThreadPoolExecutor(3) as threads:
        first = threads.submit(ask, pool)
        line = pool._lines["tor1"]
        eventually(lambda: line._turn.locked() and not line._waiting)
        wrong = threads.submit(ask, pool, PORTS[1], 99)
        good = threads.submit(ask, pool, PORTS[2], 20)
        eventually(lambda: len(line._waiting) == 2)
        switch.gate.set()
        first.result(20)
        with pytest.raises(exceptions.RequestRefused, match="switchport access vlan 99"):
            wrong.result(20)
        assert good.result(20) == {"vlan": None}
    assert switch.ports[PORTS[2]].vlan == 20


def test_a_port_that_is_not_there(pool):
    for vlan in (None, 20):
        with pytest.raises(exceptions.RequestRefused) as caught:
            ask(pool, "GigabitEthernet9/0/9", vlan)
        assert caught.value.remedy
    assert ask(pool) == {"vlan": 1}, "the session is in order afterwards"


@pytest.mark.parametrize(("port", "vlan"), [
    ("Gi1/0/1\nno shutdown", 20), ("Gi1 ; reload", None), ("", None), (PORTS[0], 0),
    (PORTS[0], 4095)])
def test_nothing_but_a_port_and_a_vlan_reaches_a_switch(switch, pool, port, vlan):
    with pytest.raises(exceptions.InvalidSetting):
        ask(pool, port, vlan)
    assert switch.sessions == 0


def test_a_session_that_was_cut_is_opened_again(switch, pool, eventually):
    ask(pool)
    switch.drop()
    eventually(lambda: not pool._lines["tor1"]._session.is_alive())
    assert ask(pool) == {"vlan": 1}
    assert switch.sessions == 2


@pytest.mark.parametrize(("values", "error"), [
    ({"password": "wrong"}, exceptions.LoginRefused),
    ({"enable_password": "wrong"}, exceptions.LoginRefused),
    ({"known_hosts": "/dev/null"}, exceptions.Unreachable),
    ({"device_type": "abacus"}, exceptions.InvalidSetting),
    ({"unknown": 1}, exceptions.InvalidSetting)])
def test_errors_are_told_apart(file, values, error):
    pool = SwitchPool(file(**values))
    with pytest.raises(error) as caught:
        ask(pool)
    assert caught.value.remedy
    assert "wrong" not in caught.value.message
    pool.close()


def test_nobody_there(switch, pool):
    switch.close()
    with pytest.raises(exceptions.Unreachable):
        ask(pool, timeout=3.0)


def test_the_file_must_be_there_private_and_name_the_switch(file, tmp_path):
    (tmp_path / "open.yaml").write_text("tor1: {}")
    (tmp_path / "open.yaml").chmod(0o644)
    for path in (None, str(tmp_path / "none"), str(tmp_path / "open.yaml")):
        with pytest.raises(exceptions.InvalidSetting) as caught:
            ask(SwitchPool(path))
        assert caught.value.remedy
    with pytest.raises(exceptions.InvalidSetting, match="Switch tor2 is not known"):
        SwitchPool(file()).exchange(Request("tor2", PORTS[0]), 5.0, lambda: None)
