from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import rfc3339, to_ms


@pytest.mark.parametrize(
    ("time_ms", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_772_442_000_001, "2026-03-02T09:00:00.001Z"),
        (1_772_442_059_999, "2026-03-02T09:00:59.999Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
    ],
)
def test_a_time_is_written_in_utc_with_milliseconds(time_ms: int, text: str) -> None:
    assert rfc3339(time_ms) == text


@given(st.integers(0, 4_102_444_799_999))
def test_a_time_that_was_written_is_read_back(time_ms: int) -> None:
    assert to_ms(datetime.fromisoformat(rfc3339(time_ms))) == time_ms


def test_a_moment_is_rounded_down_to_milliseconds() -> None:
    assert to_ms(datetime(1970, 1, 1, 0, 0, 1, 999_999, tzinfo=UTC)) == 1_999


def test_an_offset_is_taken_into_account() -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    assert to_ms(datetime(2026, 3, 2, 14, 30, tzinfo=zone)) == to_ms(datetime(2026, 3, 2, 9, tzinfo=UTC))


def test_more_minutes_than_are_kept_are_still_right() -> None:
    for minute in range(5_000):
        assert rfc3339(minute * 60_000).endswith(":00.000Z")
    assert rfc3339(60_000) == "1970-01-01T00:01:00.000Z"
