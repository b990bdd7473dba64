import pytest

from tests.unit.api.site import harness


@pytest.fixture
def site_api(tmp_path):
    """The site API with an accepting conductor."""
    with harness.running(tmp_path) as running:
        yield running
