from tests.api_service import api, bus  # noqa: F401 - fixtures
