"""Deadlines as people see them."""

from datetime import UTC, datetime

import pytest

from argus.console.clocks import clocks, next_clock, spoken
from core.clock import rfc3339
from core.records import Case
from tests.argus.store.records import NOW_MS, case

HOUR_MS = 3_600_000


def at(minutes: float) -> datetime:
    return datetime.fromtimestamp(NOW_MS / 1_000 + minutes * 60, UTC)


def opened(**changed: object) -> Case:
    """To be acknowledged within one hour and resolved within two."""
    return case("c", opened=rfc3339(NOW_MS), **changed)


@pytest.mark.parametrize(
    ("minutes", "standing", "left"),
    [(0, "running", "1 h left"), (30, "running", "30 min left"), (50, "near", "10 min left"),
     (59.5, "near", "30 s left"), (61, "missed", "1 min over"), (60 * 26, "missed", "1 d 1 h over")],
)  # fmt: skip
def test_a_clock_runs_comes_near_and_is_missed(minutes: float, standing: str, left: str) -> None:
    first, _ = clocks(opened(), at(minutes))
    assert (first.standing, first.left) == (standing, left)


def test_a_clock_that_was_stopped_tells_how_long_it_took() -> None:
    first, last = clocks(
        opened(acknowledged=rfc3339(NOW_MS + HOUR_MS // 2), resolved=rfc3339(NOW_MS + 3 * HOUR_MS)), at(600)
    )
    assert (first.standing, first.left) == ("met", "after 30 min")
    assert (last.standing, last.left) == ("late", "late, after 3 h")


def test_the_next_clock_is_the_first_that_still_runs() -> None:
    assert next_clock(opened(), at(0)).name == "acknowledge"
    assert next_clock(opened(acknowledged=rfc3339(NOW_MS)), at(0)).name == "resolve"
    assert next_clock(opened(acknowledged=None, resolved=rfc3339(NOW_MS)), at(0)).name == "resolve"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (59.9, "59 s"), (-61, "1 min"), (7_200, "2 h"), (93_600, "1 d 2 h")]
)
def test_lengths_have_two_units_at_most(seconds: float, words: str) -> None:
    assert spoken(seconds) == words
