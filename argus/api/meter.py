"""What `argus serve` reports, in terms of the declared metrics."""

from argus.measure import Metrics


class ApiMeter:
    """route: the path as the table has it, `other` for one that is in no table."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def request(self, route: str, status: int, seconds: float) -> None:
        self._metrics.number("argus_http_requests_total", route, f"{status // 100}xx").inc()
        self._metrics.spread("argus_http_request_duration_seconds", route).observe(seconds)

    def refused(self, reason: str) -> None:
        self._metrics.number("argus_http_refused_total", reason).inc()

    def events(self, count: int) -> None:
        self._metrics.number("argus_http_events_total").inc(count)

    def scored(self, seconds: float, found: bool) -> None:
        self._metrics.spread("argus_score_duration_seconds").observe(seconds)
        if not found:
            self._metrics.number("argus_score_timeouts_total").inc()

    def clients(self, count: int) -> None:
        self._metrics.number("argus_live_clients").set(count)

    def dropped(self) -> None:
        self._metrics.number("argus_live_clients_dropped_total").inc()
