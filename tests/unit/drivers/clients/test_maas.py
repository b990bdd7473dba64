"""The client of MAAS regions, against a simulated one over HTTP."""

import threading

import pytest

from provisioner import exceptions
from provisioner.clock import Clock
from provisioner.drivers.clients.maas import MaasPool, Request, Watch
from provisioner.simulator.maas.machine import Power
from provisioner.simulator.maas.plant import hardware
from provisioner.simulator.maas.region import Region
from tests import maas


@pytest.fixture
def served():
    region = Region([hardware(number) for number in range(1, 6)])
    for one in region.plant:
        region.add_machine(one.name, [one.mac], Power("manual"))
    with maas.serving(region) as serving:
        yield serving


@pytest.fixture
def pool():
    made = MaasPool(Clock())
    yield made
    made.close()


@pytest.fixture
def region(served, pool):
    return pool.transport({"maas_url": served.url, "maas_api_key": served.api_key})


def ask(region, request, timeout=5.0, check=lambda: None):
    return region.exchange(request, timeout, check)


def lists(served):
    return served.region.requests.get("GET machines/", 0)


def test_answers_are_data_text_or_nothing(region):
    assert ask(region, Request("GET", "users/", "whoami"))["username"] == "admin"
    assert ask(region, Request("POST", "boot-resources/", "import")).startswith("Import")
    tag = Request("POST", "tags/", params={"name": "one", "kernel_opts": None})
    assert ask(region, tag)["kernel_opts"] == ""
    assert ask(region, Request("DELETE", "tags/one/")) == ""


def test_lists_and_booleans_travel_as_maas_takes_them(region, served):
    made = ask(region, Request("POST", "machines/", params={
        "architecture": "amd64/generic", "commission": False, "hostname": "two",
        "mac_addresses": ["52:54:00:00:00:01", "52:54:00:00:00:02"], "power_type": "manual"}))
    assert made["status_name"] == "New" and len(made["interface_set"]) == 2
    found = ask(region, Request("GET", "machines/", params={"hostname": ["two", "node-001"]}))
    assert {one["hostname"] for one in found} == {"two", "node-001"}


def test_every_request_is_signed_anew(region, served):
    for _ in range(20):
        ask(region, Request("GET", "zones/"))
    assert len(served.region.tokens[0].nonces) == 20


@pytest.mark.parametrize(("settings", "name"), [
    ({"maas_url": "region:5240", "maas_api_key": "a:b:c"}, "maas_url"),
    ({"maas_url": "http://region:5240/MAAS", "maas_api_key": "a:b"}, "maas_api_key")])
def test_settings_that_cannot_be_right_are_named(pool, settings, name):
    with pytest.raises(exceptions.InvalidSetting) as caught:
        pool.transport(settings)
    assert caught.value.where["setting"] == name and "a:b" not in str(caught.value.as_dict())


def test_one_way_leads_to_one_region(pool, served):
    settings = {"maas_url": served.url, "maas_api_key": served.api_key}
    assert pool.transport(settings) is pool.transport(dict(settings))
    assert pool.transport({**settings, "maas_api_key": "a:b:c"}) is not pool.transport(settings)


def test_a_wrong_key_is_refused_login_and_no_secret_is_told(pool, served):
    consumer, token, _ = served.api_key.split(":")
    region = pool.transport({"maas_url": served.url, "maas_api_key": f"{consumer}:{token}:bad"})
    with pytest.raises(exceptions.LoginRefused) as caught:
        ask(region, Request("GET", "zones/"))
    told = str(caught.value.as_dict())
    assert "maas_api_key" in told and served.region.tokens[0].secret not in told


def test_clocks_apart_are_told_from_a_wrong_key(served):
    class Late(Clock):
        def utcnow(self):
            return super().utcnow().replace(year=2020)
    region = MaasPool(Late()).transport(
        {"maas_url": served.url, "maas_api_key": served.api_key})
    with pytest.raises(exceptions.LoginRefused) as caught:
        ask(region, Request("GET", "zones/"))
    assert "clock" in caught.value.message and "NTP" in caught.value.remedy


@pytest.mark.parametrize(("request_", "status", "said"), [
    (Request("GET", "machines/zzzzzz/"), 404, "No Machine"),
    (Request("POST", "tags/", params={"name": "a b"}), 400, "name: Enter a valid value."),
    (Request("GET", "nothing/"), 404, "Unknown API endpoint"),
    (Request("POST", "machines/", "nothing"), 400, "Unrecognised signature"),
    (Request("PUT", "machines/"), 405, ".")])
def test_refusals_say_what_and_why(region, request_, status, said):
    with pytest.raises(exceptions.RequestRefused) as caught:
        ask(region, request_)
    assert caught.value.where["status"] == status and not caught.value.where["transient"]
    assert said in caught.value.message and request_.path in caught.value.message


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_region_that_is_not_up_is_unreachable(region, served, status):
    served.region.faults.update({"status": status})
    with pytest.raises(exceptions.Unreachable) as caught:
        ask(region, Request("GET", "zones/"))
    assert caught.value.where["status"] == status


def test_a_lost_race_is_transient_and_its_page_is_not_told(region, served):
    served.region.faults.lost_races = 1
    with pytest.raises(exceptions.RequestRefused) as caught:
        ask(region, Request("POST", "tags/", params={"name": "one"}))
    assert caught.value.where["transient"] and "<" not in caught.value.message
    assert ask(region, Request("POST", "tags/", params={"name": "one"}))["name"] == "one"


def test_nobody_there_and_nobody_answering_are_unreachable(pool, region, served, free_port):
    nobody = pool.transport({"maas_url": f"http://127.0.0.1:{free_port()}/MAAS",
                             "maas_api_key": "a:b:c"})
    with pytest.raises(exceptions.Unreachable) as caught:
        ask(nobody, Request("GET", "zones/"))
    assert not caught.value.where["sent"]
    served.region.faults.mute = True
    with pytest.raises(exceptions.Unreachable) as caught:
        ask(region, Request("GET", "zones/"), timeout=0.3)
    assert caught.value.where["sent"]


def test_without_a_lease_nothing_is_written(region, served):
    def lost():
        raise exceptions.LeaseLost("")
    with pytest.raises(exceptions.LeaseLost):
        ask(region, Request("POST", "tags/", params={"name": "one"}), check=lost)
    assert served.region.requests == {}


def test_one_list_serves_all_who_wait(region, served):
    ids = list(served.region.machines)
    ask(region, Watch(tuple(ids)))
    before = lists(served)
    for own in ids * 20:
        assert ask(region, Watch((own,), age=60))[own]["status"] == 0
    assert lists(served) == before
    ask(region, Watch((ids[0],)))
    assert lists(served) == before + 1


def test_machines_asked_for_one_by_one_are_fetched_together(region, served):
    ids = list(served.region.machines)
    for own in ids:
        ask(region, Watch((own,), age=60))
    before = lists(served)
    ask(region, Watch((ids[0],)))
    for own in ids:
        ask(region, Watch((own,), age=60))
    assert lists(served) == before + 1


def test_many_threads_make_one_request(region, served):
    ids, start = tuple(served.region.machines), threading.Barrier(8)

    def watch():
        start.wait()
        ask(region, Watch(ids, age=600))
    threads = [threading.Thread(target=watch) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lists(served) == 1


def test_a_change_makes_what_is_known_stale(region, served):
    own = next(iter(served.region.machines))
    assert ask(region, Watch((own,), age=60))[own]["hostname"] == "node-001"
    ask(region, Request("PUT", f"machines/{own}/", params={"hostname": "other"}))
    assert ask(region, Watch((own,), age=60))[own]["hostname"] == "other"


def test_a_machine_that_was_deleted_is_left_out(region, served):
    own = next(iter(served.region.machines))
    assert own in ask(region, Watch((own,)))
    ask(region, Request("DELETE", f"machines/{own}/"))
    assert ask(region, Watch((own,), age=60)) == {}
