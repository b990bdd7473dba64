import pytest

from tests.simulated import SimulatorError, fleet


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    args = ["--boot-url", "http://127.0.0.1:1/{mac}"]
    with fleet(3, tmp_path_factory.mktemp("fleet"), args=args) as running:
        yield running


def test_shows_machines(machines):
    listed = machines.control("GET", "/machines")
    assert [one["name"] for one in listed] == ["node-001", "node-002", "node-003"]
    machine = machines.machine("node-002")
    assert machine["mac"] == "52:54:00:77:00:02"
    assert machine["address"] == machines.nodes[1]["address"]
    assert (machine["power"], machine["booted"], machine["sessions"]) == ("off", None, 0)
    assert machine["boot_device"] == "default"


def test_sets_faults_on_one_and_on_all(machines):
    assert machines.faults("node-001", loss=0.5)["loss"] == 0.5
    assert machines.machine("node-002")["faults"]["loss"] == 0
    assert machines.control("PATCH", "/faults", {"boot_delay": 0.1}) == {"machines": 3}
    assert {one["faults"]["boot_delay"] for one in machines.control("GET", "/machines")} == {0.1}


def test_power_is_cut_and_restored(machines):
    assert machines.control("POST", "/machines/node-003/power", {"power": "on"}) == {"power": "on"}
    assert machines.control("POST", "/machines/node-003/power", {"power": "off"}) == {
        "power": "off"}


def test_digest_of_a_disk(machines):
    empty = machines.control("GET", "/machines/node-001/disk?bytes=0")
    assert empty == {"bytes": 0, "sha256":
                     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}
    assert machines.control("GET", "/machines/node-001/disk")["bytes"] == 64 << 20


def test_stats(machines):
    stats = machines.control("GET", "/stats")
    assert stats["bmcs"].keys() == {"node-001", "node-002", "node-003"}
    assert stats["packets_in"] == stats["sessions_max"] == 0


@pytest.mark.parametrize(("method", "path", "body", "status"), [
    ("GET", "/machines/none", None, 404), ("GET", "/none", None, 404),
    ("PATCH", "/machines/node-001/faults", {"smoke": True}, 400),
    ("PATCH", "/faults", {"loss": 2}, 400), ("PATCH", "/faults", [1], 400),
    ("POST", "/machines/node-001/power", {"power": "up"}, 400),
    ("GET", "/machines/node-001/disk?bytes=x", None, 400),
    ("GET", "/machines/node-001/disk?bytes=-1", None, 400)])
def test_refuses_with_a_reason(machines, method, path, body, status):
    with pytest.raises(SimulatorError, match=f": {status} .*error"):
        machines.control(method, path, body)
