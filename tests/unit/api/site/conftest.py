import pytest

from tests.unit.api.site import harness


@pytest.fixture(scope="session")
def site_bus():
    """The in-process bus with one accepting conductor."""
    bus = harness.Bus()
    yield bus
    bus.stop()


@pytest.fixture
def site_api(tmp_path, site_bus):
    """The site API over an empty database."""
    running = harness.Harness(tmp_path, site_bus)
    yield running
    running.database.dispose()
