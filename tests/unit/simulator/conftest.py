import pytest

from tests.simulated import fleet
from tests.unit.simulator.fake_api import fake_api


@pytest.fixture
def api():
    with fake_api() as running:
        yield running


@pytest.fixture
def booting(api, tmp_path):
    """Three machines that boot from ``api`` without delay."""
    args = ["--boot-url", api.url + "/boot/{mac}.ipxe", "--boot-timeout", "3",
            "--fault", "boot_delay=0.01", "--heartbeat", "0.3", "--disk-size", "16M"]
    with fleet(3, tmp_path, args=args) as running:
        yield running
