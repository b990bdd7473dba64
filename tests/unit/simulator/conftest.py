import itertools

import pytest

from tests.simulated import fleet
from tests.unit.simulator.fake_api import fake_api

_MACHINES = 120


class OneMachine:
    """The part of a running fleet that one test has for itself: a machine that nobody used.

    :ivar nodes: a list of one
    """

    def __init__(self, running, node):
        self._running, self.nodes, self.images = running, [node], running.images
        self.control, self.machine = running.control, running.machine
        self.faults, self.wait = running.faults, running.wait

    def log(self, **wanted):
        return self._running.log(node=self.nodes[0]["name"], **wanted)


@pytest.fixture(scope="session")
def shared_api():
    with fake_api() as running:
        yield running


@pytest.fixture
def api(shared_api):
    shared_api.reset()
    return shared_api


@pytest.fixture(scope="session")
def shared_fleet(shared_api, tmp_path_factory):
    """Machines that boot from the fake API without delay; the simulator must not complain."""
    folder = tmp_path_factory.mktemp("shared")
    args = ["--boot-url", shared_api.url + "/boot/{mac}.ipxe", "--boot-timeout", "3",
            "--fault", "boot_delay=0.01", "--heartbeat", "0.3", "--disk-size", "16M"]
    with fleet(_MACHINES, folder, args=args) as running:
        yield running, itertools.cycle(running.nodes)
    assert (folder / "simulator.err").read_text() == ""


@pytest.fixture
def booting(api, shared_fleet):
    """A machine that boots from ``api``; its power is cut when the test ends."""
    running, unused = shared_fleet
    node = next(unused)
    yield OneMachine(running, node)
    running.control("POST", f"/machines/{node['name']}/power", {"power": "off"})
