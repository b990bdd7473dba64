"""The RMCP+ client against simulated BMCs: sessions, loss, reboots, full tables, dead BMCs."""

import concurrent.futures
import itertools
import threading
import time

import pytest

from provisioner import exceptions
from provisioner.clock import Clock
from provisioner.drivers.clients.rmcp import Request, RmcpPool
from tests import simulated

STATUS = Request(0x00, 0x01)
POWER_ON = Request(0x00, 0x02, b"\x01")
COLD_RESET = Request(0x06, 0x02)
KG = "0b" * 20
PAUSE = 0.1


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    with simulated.fleet(40, tmp_path_factory.mktemp("fleet"), args=("--sessions", "2")) as running:
        yield running


@pytest.fixture(scope="module")
def unused(fleet):
    return iter(fleet.nodes)


@pytest.fixture
def bmc(fleet, unused):
    """A machine that no other test has touched."""
    return Machine(fleet, next(unused))


@pytest.fixture
def pool():
    pool = RmcpPool(Clock(seed=1), pause=PAUSE)
    yield pool
    pool.close()


class Machine:
    def __init__(self, fleet, node):
        self.fleet, self.node, self.name = fleet, node, node["name"]
        self.settings = {"ipmi_address": node["address"], "ipmi_port": node["bmc_port"],
                         "ipmi_username": node["user"], "ipmi_password": node["password"]}

    def packets(self):
        return self.fleet.control("GET", "/stats")["bmcs"][self.name]["packets_in"]

    def sessions(self):
        return self.fleet.machine(self.name)["sessions"]

    def fault(self, **changes):
        self.fleet.faults(self.name, **changes)

    def commands(self, name):
        return [line for line in self.fleet.log(node=self.name) if line["command"] == name]


def ask(pool, bmc, request=STATUS, timeout=10.0, check=lambda: None, **settings):
    return pool.transport({**bmc.settings, **settings}).exchange(request, timeout, check)


def test_a_kept_session_costs_one_packet_each_way(bmc, pool):
    assert ask(pool, bmc) == b"\0\0\0"
    before = bmc.packets()
    assert ask(pool, bmc) == b"\0\0\0"
    assert bmc.packets() - before == 1 and bmc.sessions() == 1


def test_a_fresh_session_is_the_minimum_of_the_protocol(bmc, pool):
    ask(pool, bmc)
    pool.close()
    assert bmc.packets() == 7 and bmc.sessions() == 0


@pytest.mark.parametrize("suite", [3, 17])
def test_a_pinned_suite_is_used(bmc, pool, suite):
    ask(pool, bmc, ipmi_cipher_suite=suite)
    assert [line["args"]["suite"] for line in bmc.commands("open_session")] == [suite]


def test_the_suite_that_worked_is_remembered(tmp_path):
    with simulated.fleet(1, tmp_path, args=("--cipher-suites", "3")) as fleet:
        bmc, pool = Machine(fleet, fleet.nodes[0]), RmcpPool(Clock(), pause=PAUSE)
        ask(pool, bmc)
        assert [line["result"] for line in bmc.commands("open_session")] == ["0x11", "ok"]
        ask(pool, bmc, COLD_RESET)
        ask(pool, bmc)
        assert [line["result"] for line in bmc.commands("open_session")] == ["0x11", "ok", "ok"]
        with pytest.raises(exceptions.Unsupported, match="17"):
            ask(pool, bmc, ipmi_cipher_suite=17)
        pool.close()


def test_the_key_of_the_bmc_is_used(tmp_path):
    with simulated.fleet(1, tmp_path, args=("--kg", KG)) as fleet:
        bmc, pool = Machine(fleet, fleet.nodes[0]), RmcpPool(Clock(), pause=PAUSE)
        assert ask(pool, bmc, ipmi_hex_kg_key=KG) == b"\0\0\0"
        for wrong in ({}, {"ipmi_hex_kg_key": "0c" * 20}):
            with pytest.raises(exceptions.LoginRefused, match="K_G"):
                ask(pool, bmc, **wrong)
        pool.close()


def test_the_null_user_can_log_in(tmp_path):
    with simulated.fleet(1, tmp_path, args=("--user", "", "--password", "")) as fleet:
        bmc, pool = Machine(fleet, fleet.nodes[0]), RmcpPool(Clock(), pause=PAUSE)
        assert ask(pool, bmc) == b"\0\0\0"
        pool.close()


@pytest.mark.parametrize("wrong", [{"ipmi_password": "other"}, {"ipmi_username": "other"}])
def test_wrong_credentials_are_a_refused_login_at_once(bmc, pool, eventually, wrong):
    with pytest.raises(exceptions.LoginRefused) as caught:
        ask(pool, bmc, **wrong)
    assert "other" not in str(caught.value.as_dict())
    assert len(bmc.commands("rakp1")) == 1
    eventually(lambda: bmc.sessions() == 0, message="the half-open session is given up")


def test_changed_credentials_open_another_session_and_close_the_first(bmc, pool, eventually):
    ask(pool, bmc)
    ask(pool, bmc, ipmi_priv_level="OPERATOR")
    eventually(lambda: bmc.sessions() == 1)
    assert len(bmc.commands("open_session")) == 2


def test_a_low_privilege_level_is_refused_by_the_command(bmc, pool):
    with pytest.raises(exceptions.RequestRefused, match="privilege") as caught:
        ask(pool, bmc, POWER_ON, ipmi_priv_level="USER")
    assert caught.value.where["completion_code"] == 0xD4


def test_an_unknown_command_is_unsupported(bmc, pool):
    with pytest.raises(exceptions.Unsupported):
        ask(pool, bmc, Request(0x2C, 0x77))


def test_a_mute_bmc_is_unreachable(bmc, pool):
    bmc.fault(mute=True)
    with pytest.raises(exceptions.Unreachable):
        ask(pool, bmc, timeout=0.3)


def test_a_name_that_means_nothing_is_unreachable(bmc, pool):
    with pytest.raises(exceptions.Unreachable, match="resolve"):
        ask(pool, bmc, ipmi_address="bmc.invalid", timeout=3.0)


def test_lost_packets_are_sent_again_under_the_same_session(bmc, pool):
    ask(pool, bmc)
    bmc.fault(mute=0.15)
    assert ask(pool, bmc) == b"\0\0\0"
    assert len(bmc.commands("open_session")) == 1


def test_a_login_survives_heavy_loss(bmc, pool):
    bmc.fault(loss=0.2)
    assert [ask(pool, bmc, timeout=60.0) for _ in range(3)] == [b"\0\0\0"] * 3


def test_a_bmc_that_forgot_its_sessions_is_logged_into_again(bmc, pool):
    ask(pool, bmc, COLD_RESET)
    assert ask(pool, bmc, timeout=20.0) == b"\0\0\0"
    assert len(bmc.commands("open_session")) == 2 and bmc.sessions() == 1


def test_a_changing_request_is_sent_again_in_the_new_session(bmc, pool):
    ask(pool, bmc, COLD_RESET)
    ask(pool, bmc, POWER_ON, timeout=20.0)
    assert bmc.fleet.machine(bmc.name)["power"] == "on"


def test_a_changing_request_is_not_sent_again_once_the_lease_is_lost(bmc, pool):
    ask(pool, bmc, COLD_RESET)
    before, checks = bmc.packets(), itertools.count(1)

    def lease():
        if next(checks) > 2:
            raise exceptions.LeaseLost("")
    with pytest.raises(exceptions.LeaseLost):
        ask(pool, bmc, POWER_ON, timeout=20.0, check=lease)
    assert bmc.packets() - before == 2
    assert bmc.commands("chassis_control") == []


@pytest.mark.parametrize("mute", [False, True])
def test_every_packet_passes_the_check_right_before_it_is_sent(bmc, pool, mute):
    bmc.fault(mute=mute)
    checks = []
    with pytest.raises(exceptions.ProvisionerError):
        ask(pool, bmc, Request(0x2C, 0x77), timeout=1.0, check=lambda: checks.append(1))
    assert len(checks) == bmc.packets() > 1


@pytest.mark.parametrize("allowed", range(6))
def test_nothing_is_sent_past_a_refusing_check(bmc, pool, allowed):
    """A login is five packets; the sixth is the request."""
    checks = itertools.count(1)

    def lease():
        if next(checks) > allowed:
            raise exceptions.LeaseLost("")
    with pytest.raises(exceptions.LeaseLost):
        ask(pool, bmc, POWER_ON, check=lease)
    assert bmc.packets() == allowed and bmc.commands("chassis_control") == []


def test_a_full_session_table_is_waited_for(bmc, pool, eventually):
    bmc.fault(sessions_full=True)
    with concurrent.futures.ThreadPoolExecutor() as threads:
        asked = threads.submit(ask, pool, bmc, timeout=30.0)
        eventually(lambda: bmc.commands("open_session"))
        bmc.fault(sessions_full=False)
        assert asked.result() == b"\0\0\0"


def test_a_session_table_that_stays_full_is_refused_with_the_reason(bmc, pool):
    bmc.fault(sessions_full=True)
    with pytest.raises(exceptions.RequestRefused, match="session table is full") as caught:
        ask(pool, bmc, timeout=1.5)
    assert caught.value.remedy


def test_many_threads_share_one_session_with_one_request_in_flight(bmc, pool):
    with concurrent.futures.ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: ask(pool, bmc), range(64)))
    assert answers == [b"\0\0\0"] * 64
    assert bmc.fleet.machine(bmc.name)["sessions_max"] == 1
    assert bmc.packets() == 5 + 64


def test_waiting_in_the_queue_ends_at_the_deadline(bmc, pool):
    bmc.fault(mute=True)
    sent = threading.Event()
    with concurrent.futures.ThreadPoolExecutor() as threads:
        first = threads.submit(ask, pool, bmc, timeout=2.0, check=sent.set)
        assert sent.wait(10)
        with pytest.raises(exceptions.HardwareTimeout, match="busy"):
            ask(pool, bmc, timeout=0.1)
        with pytest.raises(exceptions.Unreachable):
            first.result()


def test_an_idle_session_is_closed(bmc, eventually):
    pool = RmcpPool(Clock(), idle=0.2, pause=PAUSE)
    ask(pool, bmc)
    eventually(lambda: bmc.sessions() == 0 and pool.sessions() == 0)
    assert ask(pool, bmc) == b"\0\0\0"
    pool.close()


def test_released_sessions_are_closed_and_the_others_kept(bmc, fleet, unused, pool):
    other = Machine(fleet, next(unused))
    ask(pool, bmc), ask(pool, other)
    pool.release(bmc.settings)
    assert (bmc.sessions(), other.sessions(), pool.sessions()) == (0, 1, 1)


def test_a_closed_pool_leaves_neither_sessions_nor_a_thread(bmc, pool):
    def threads():
        return [thread for thread in threading.enumerate() if thread.name == "rmcp"]
    before = len(threads())
    ask(pool, bmc)
    assert len(threads()) == before + 1
    pool.close()
    assert len(threads()) == before and bmc.sessions() == 0
    assert ask(pool, bmc) == b"\0\0\0"


def test_a_bulk_read_answers_in_order_and_dead_bmcs_delay_nobody(fleet, unused, pool):
    machines = [Machine(fleet, next(unused)) for _ in range(4)]
    machines[1].fault(mute=True)
    settings = [machine.settings for machine in machines]
    settings[2] = {"ipmi_address": "x", "ipmi_port": "none"}
    arrived, started = [], time.monotonic()

    def on_result(index, value):
        arrived.append((index, time.monotonic() - started))
    answers = pool.read_many(settings, STATUS, timeout=3.0, concurrency=1, on_result=on_result)
    assert (answers[0], answers[3]) == (b"\0\0\0", b"\0\0\0")
    assert isinstance(answers[1], exceptions.Unreachable)
    assert isinstance(answers[2], exceptions.InvalidSetting)
    order = [index for index, _ in arrived]
    assert sorted(order) == [0, 1, 2, 3] and order[-1] == 1


def test_an_error_in_the_callback_comes_out_and_ends_the_bulk_read(bmc, pool):
    def on_result(index, value):
        raise KeyError(index)
    with pytest.raises(KeyError):
        pool.read_many([bmc.settings], STATUS, on_result=on_result)
    assert ask(pool, bmc) == b"\0\0\0"


def test_two_users_of_one_bmc_do_not_take_each_others_answers(bmc, pool):
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        good = [threads.submit(ask, pool, bmc) for _ in range(20)]
        bad = [threads.submit(ask, pool, bmc, ipmi_username="x") for _ in range(5)]
        assert {one.result() for one in good} == {b"\0\0\0"}
        assert all(isinstance(one.exception(), exceptions.LoginRefused) for one in bad)
