"""What notify reports, in terms of the declared metrics."""

from collections.abc import Mapping

from argus.measure import Metrics, Number
from core.notices import OTP


class NotifyMeter:
    """Counts by channel. way: how one-time passwords go out."""

    def __init__(self, metrics: Metrics, way: str) -> None:
        self._metrics = metrics
        self._way = way

    def outcome(self, channel: str, outcome: str) -> None:
        """A message was sent, is tried again, was given up, collected, or came too late."""
        if channel == OTP:
            self._metrics.number("argus_otp_deliveries_total", self._way, outcome).inc()
        else:
            self._metrics.number("argus_notifications_total", channel, outcome).inc()
        if outcome == "dead":
            self._metrics.number("argus_dlq_records_total", "notices").inc()

    def took(self, channel: str, seconds: float, is_open: bool) -> None:
        self._metrics.spread("argus_notification_duration_seconds", channel).observe(seconds)
        self._metrics.number("argus_notification_breaker_open", channel).set(float(is_open))

    def waiting(self, by_channel: Mapping[str, int]) -> None:
        for channel, count in by_channel.items():
            self._metrics.number("argus_notifications_waiting", channel).set(count)

    def canary_began(self, partition: int, now_ms: int) -> None:
        self._canary_at(partition).set(now_ms / 1_000)

    def canary_ended(self, partition: int) -> None:
        self._metrics.forget("argus_canary_last_seen_timestamp_seconds", str(partition))

    def canary_sent(self, count: int) -> None:
        self._metrics.number("argus_canary_sent_total").inc(count)

    def canary_seen(self, partition: int, latency_s: float, now_ms: int) -> None:
        self._metrics.number("argus_canary_seen_total").inc()
        self._metrics.spread("argus_canary_latency_seconds").observe(latency_s)
        self._canary_at(partition).set(now_ms / 1_000)

    def _canary_at(self, partition: int) -> Number:
        return self._metrics.number("argus_canary_last_seen_timestamp_seconds", str(partition))

    def push(self, ok: bool, now_ms: int) -> None:
        self._metrics.number("argus_alertmanager_pushes_total", "ok" if ok else "failed").inc()
        if ok:
            self.pushed_at(now_ms)

    def pushed_at(self, now_ms: int) -> None:
        self._metrics.number("argus_alertmanager_push_last_success_timestamp_seconds").set(now_ms / 1_000)

    def standing(self, held: int, storms: int) -> None:
        self._metrics.number("argus_alertmanager_held_alerts").set(held)
        self._metrics.number("argus_alertmanager_storms").set(storms)
