"""Figures for Prometheus: what this process counts itself. Each application has its own."""

import prometheus_client
from prometheus_client import core


class Metrics:
    """Requests answered, by route and status. Safe for use by several threads."""

    content_type = prometheus_client.CONTENT_TYPE_LATEST

    def __init__(self):
        self._registry = prometheus_client.CollectorRegistry()
        self._answered = prometheus_client.Counter(
            "provisioner_api_requests", "Requests answered.", ("method", "route", "status"),
            registry=self._registry)
        self._seconds = prometheus_client.Histogram(
            "provisioner_api_request_seconds", "Seconds from a request to its answer.",
            ("method", "route"), registry=self._registry)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer. :param route: the pattern, never the path: paths are without end"""
        self._answered.labels(method, route, status).inc()
        self._seconds.labels(method, route).observe(seconds)

    def text(self, gauges: dict[str, tuple[str, dict[str, float]]]) -> str:
        """Everything as Prometheus reads it.

        :param gauges: name -> (help, {label ``state``: value}), read just now
        """
        registry = core.CollectorRegistry()
        for name, (help_text, values) in gauges.items():
            gauge = prometheus_client.Gauge(name, help_text, ("state",), registry=registry)
            for state, value in values.items():
                gauge.labels(state).set(value)
        return (prometheus_client.generate_latest(self._registry)
                + prometheus_client.generate_latest(registry)).decode()
