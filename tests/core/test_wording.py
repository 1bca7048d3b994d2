import pytest

from core.wording import count, duration


@pytest.mark.parametrize(
    ("span_ms", "text"),
    [
        (0, "less than a second"),
        (999, "less than a second"),
        (1_000, "1 second"),
        (60_000, "1 minute"),
        (90_000, "90 seconds"),
        (120_000, "2 minutes"),
        (3_600_000, "1 hour"),
        (5_400_000, "90 minutes"),
        (43_200_000, "12 hours"),
        (86_400_000, "1 day"),
        (100_000_000, "28 hours"),
        (100 * 86_400_000, "100 days"),
    ],
)
def test_a_span_is_told_in_the_unit_that_fits(span_ms: int, text: str) -> None:
    assert duration(span_ms) == text


def test_one_is_not_many() -> None:
    assert (count(1, "user"), count(0, "user"), count(1_200, "user")) == ("1 user", "0 users", "1,200 users")
