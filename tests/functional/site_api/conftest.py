from tests.unit.api.site.conftest import site_api, site_bus

__all__ = ["site_api", "site_bus"]
