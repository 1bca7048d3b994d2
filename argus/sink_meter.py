"""What the sink reports, in terms of the declared metrics."""

from argus.measure import Metrics


class SinkMeter:
    """Counts by table, which for the sink is a topic without its prefix."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.database_up = False

    def batch(self, table: str, stored: int, skipped: int, seconds: float) -> None:
        """A batch is done. skipped: records that are not kept."""
        self._metrics.number("argus_sink_records_total", table, "stored").inc(stored)
        self._metrics.number("argus_sink_records_total", table, "skipped").inc(skipped)
        self._metrics.spread("argus_sink_batch_seconds", table).observe(seconds)

    def rejected(self, table: str) -> None:
        self._metrics.number("argus_sink_records_total", table, "rejected").inc()
        self._metrics.number("argus_dlq_records_total", table).inc()

    def retry(self, table: str) -> None:
        self._metrics.number("argus_sink_retries_total", table).inc()
        self.database(up=False)

    def database(self, *, up: bool) -> None:
        self.database_up = up
        self._metrics.number("argus_sink_database_up").set(float(up))

    def deleted(self, table: str, count: int) -> None:
        self._metrics.number("argus_sink_deleted_total", table).inc(count)
