"""Rates and digests."""

from hypothesis import given
from hypothesis import strategies as st

from core.clock import HOUR, MINUTE
from core.notices import Channel, Message
from core.throttle import QUEUED_MAX, SAMPLES, TITLES, Bucket, Digest, Limits, add, digest_message, due, full, take

NOW = 1_770_000_000_000
CHANNEL = Channel(name="c", url="json://x", rate_per_minute=3, user_per_hour=2, digest_s=60)


def message(number: int = 0, severity: str = "HIGH") -> Message:
    return Message(f"n{number}", "c", severity, f"title {number}", "text", None, NOW, NOW, {})


@given(st.integers(1, 50), st.lists(st.integers(0, 20_000), max_size=200))
def test_a_bucket_lets_no_more_pass_than_its_burst_and_what_time_brings(burst: int, gaps_ms: list[int]) -> None:
    bucket, now_ms, passed = None, NOW, 0
    for gap_ms in gaps_ms:
        now_ms += gap_ms
        taken = take(bucket, burst, MINUTE, now_ms)
        if taken is not None:
            bucket, passed = taken, passed + 1
    assert passed <= burst + (now_ms - NOW) * burst / MINUTE + 1e-6


def test_a_bucket_fills_up_again() -> None:
    bucket = take(None, 2, MINUTE, NOW)
    assert bucket == Bucket(1, NOW)
    assert not full(bucket, 2, MINUTE, NOW + 29_999)
    assert full(bucket, 2, MINUTE, NOW + 30_000)


def test_a_clock_that_goes_back_brings_nothing() -> None:
    assert take(Bucket(0.5, NOW), 2, MINUTE, NOW - HOUR) is None


def test_a_channel_and_each_user_have_their_own_rates() -> None:
    limits = Limits()
    allowed = [limits.allow(CHANNEL, user, 0, NOW) for user in ("a", "a", "a", "b", "c", None)]
    assert allowed == [True, True, False, True, False, False]
    assert limits.allow(CHANNEL, None, 0, NOW + 20_000)


def test_a_full_queue_and_a_rate_of_nothing_collect_all() -> None:
    assert not Limits().allow(CHANNEL, None, QUEUED_MAX, NOW)
    assert not Limits().allow(Channel(name="c", url="json://x", rate_per_minute=0), None, 0, NOW)


def test_buckets_that_are_full_again_are_forgotten() -> None:
    limits = Limits()
    limits.allow(CHANNEL, "a", 0, NOW)
    limits.changed.clear()
    limits.forget_full({"c": CHANNEL}, NOW + MINUTE)
    assert set(limits.buckets) == {"c\na"}
    limits.forget_full({}, NOW + MINUTE)
    assert not limits.buckets
    assert limits.changed == {"c": None, "c\na": None}


def test_a_digest_is_small_whatever_it_holds_and_shows_the_worst() -> None:
    digest = Digest("c", NOW)
    for number in range(500):
        add(digest, message(number, "CRITICAL" if number == 400 else "LOW"))
    assert digest.total == 500
    assert len(digest.by_title) == TITLES
    assert len(digest.samples) == SAMPLES
    told = digest_message(digest, NOW + MINUTE)
    assert told.severity == "CRITICAL"
    assert told.title == "500 more notices, CRITICAL at most"
    assert "title 400" in told.text
    assert "480 x others" in told.text
    assert len(told.text) <= 4_000


def test_a_digest_is_due_when_its_time_has_gone() -> None:
    digest = Digest("c", NOW)
    assert not due(digest, CHANNEL, NOW + 59_999)
    assert due(digest, CHANNEL, NOW + 60_000)
