"""How often a channel may be used, and what becomes of the rest: one digest instead of a storm of messages."""

from typing import Final

from msgspec import Struct

from core.clock import HOUR, MINUTE
from core.notices import RANK, Channel, Message, notice_id

SAMPLES: Final = 10
TITLES: Final = 20
QUEUED_MAX: Final = 500


class Bucket(Struct, array_like=True):
    """Tokens left at a time. A full bucket is as good as none, and need not be kept."""

    tokens: float
    at_ms: int


def take(bucket: Bucket | None, burst: int, per_ms: int, now_ms: int) -> Bucket | None:
    """The bucket with one token less; None if there is none left. burst: tokens of a full one, and those that come
    in `per_ms`."""
    tokens = float(burst) if bucket is None else _refilled(bucket, burst, per_ms, now_ms)
    return Bucket(tokens - 1, now_ms) if tokens >= 1 else None


def full(bucket: Bucket, burst: int, per_ms: int, now_ms: int) -> bool:
    """Whether it may be forgotten."""
    return _refilled(bucket, burst, per_ms, now_ms) >= burst


def _refilled(bucket: Bucket, burst: int, per_ms: int, now_ms: int) -> float:
    return min(float(burst), bucket.tokens + max(0, now_ms - bucket.at_ms) * burst / per_ms)


class Digest(Struct, array_like=True):
    """What was held back for a channel since. by_title: counts of the first titles; samples: texts of the worst."""

    channel: str
    since_ms: int
    total: int = 0
    severity: str = "LOW"
    by_title: dict[str, int] = {}
    samples: list[tuple[str, str]] = []


def add(digest: Digest, message: Message) -> None:
    """Take a message in, in bounded space."""
    digest.total += 1
    if RANK[message.severity] > RANK[digest.severity]:
        digest.severity = message.severity
    if message.title in digest.by_title or len(digest.by_title) < TITLES:
        digest.by_title[message.title] = digest.by_title.get(message.title, 0) + 1
    digest.samples.append((message.severity, f"{message.title}: {message.text}"[:200]))
    if len(digest.samples) > SAMPLES:
        digest.samples.sort(key=lambda sample: -RANK[sample[0]])
        del digest.samples[SAMPLES:]


def due(digest: Digest, channel: Channel, now_ms: int) -> bool:
    """Whether it is time to send it."""
    return now_ms >= digest.since_ms + channel.digest_s * 1_000


def digest_message(digest: Digest, now_ms: int) -> Message:
    """One message for all that was held back."""
    lines = [f"{count} x {title}" for title, count in sorted(digest.by_title.items(), key=lambda item: -item[1])]
    others = digest.total - sum(digest.by_title.values())
    if others:
        lines.append(f"{others} x others")
    lines += ["", *(text for _, text in digest.samples)]
    return Message(
        notice_id(digest.channel, "digest", digest.since_ms, digest.total),
        digest.channel,
        digest.severity,
        f"{digest.total} more notices, {digest.severity} at most",
        "\n".join(lines)[:4_000],
        None,
        now_ms,
        now_ms,
        {"type": "digest", "total": digest.total, "since_ms": digest.since_ms},
    )


class Limits:
    """The buckets of all channels and users. `changed`: keys whose bucket isn't stored yet (None: is to go)."""

    def __init__(self, buckets: dict[str, Bucket] | None = None) -> None:
        self.buckets = buckets or {}
        self.changed: dict[str, Bucket | None] = {}

    def allow(self, channel: Channel, user_id: str | None, queued: int, now_ms: int) -> bool:
        """Whether a message may be sent now; if so, it has been counted."""
        if queued >= QUEUED_MAX or channel.rate_per_minute == 0:
            return False
        mine = take(self.buckets.get(channel.name), channel.rate_per_minute, MINUTE, now_ms)
        if mine is None:
            return False
        if user_id is not None and channel.user_per_hour:
            key = f"{channel.name}\n{user_id}"
            theirs = take(self.buckets.get(key), channel.user_per_hour, HOUR, now_ms)
            if theirs is None:
                return False
            self._set(key, theirs)
        self._set(channel.name, mine)
        return True

    def forget_full(self, channels: dict[str, Channel], now_ms: int) -> None:
        """Drop the buckets that have filled up again, and those of channels that are gone."""
        for key, bucket in list(self.buckets.items()):
            name, _, user_id = key.partition("\n")
            channel = channels.get(name)
            burst = 0 if channel is None else channel.user_per_hour if user_id else channel.rate_per_minute
            if full(bucket, burst, HOUR if user_id else MINUTE, now_ms):
                del self.buckets[key]
                self.changed[key] = None

    def _set(self, key: str, bucket: Bucket) -> None:
        self.buckets[key] = bucket
        self.changed[key] = bucket
