"""A machine whose clock jumps: what is decided hangs on the events' own times alone."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.clock import DAY, HOUR
from tests.agents.household import MINUTE_MS, NOON_MS, TOPICS, Town, burst, event, users_of

EVENTS = TOPICS.events
LOCKED, OTHER = users_of(0, 2)


def life() -> list[list[bytes]]:
    """Two batches on each side of a lock: payments by the second, and what the locked user tries then."""
    return [
        burst(LOCKED, 5),
        burst(LOCKED, 5, NOON_MS + 5_000, first=5),
        [event(LOCKED, 20 + number, "payout", NOON_MS + MINUTE_MS * (1 + number), amount=5.0) for number in range(3)],
        burst(OTHER, 10, NOON_MS + 5 * MINUTE_MS),
    ]


def lived(path: Path, clocks_ms: list[int]) -> Town:
    """A town whose wall clock shows these as the batches come."""
    path.mkdir()
    town = Town(path)

    async def story() -> None:
        work, first = await town.users(), 0
        for batch, now_ms in zip(life(), clocks_ms, strict=True):
            town.now_ms = now_ms
            await work.apply(EVENTS, town.topic(EVENTS, batch, first=first))
            await work.tick()
            first += len(batch)
        await work.stop(gracefully=True)

    asyncio.run(story())
    return town


def told(town: Town, topic: str) -> list[dict[str, Any]]:
    """Without the time at which it was found out, which is the wall clock's."""
    return [{name: value for name, value in one.items() if name != "detected_at"} for one in town.sent(topic)]


@pytest.mark.parametrize(
    "jump", [lambda _turn: DAY * 30, lambda turn: HOUR * turn, lambda turn: DAY * (turn % 2)],
    ids=["a month ahead", "an hour more with each batch", "a day to and fro"],
)  # fmt: skip
def test_a_clock_that_jumps_ahead_or_back_to_where_it_was_changes_no_decision_alert_or_lock(
    tmp_path: Path, jump: Callable[[int], int]
) -> None:
    right = [NOON_MS + 10 * MINUTE_MS] * 4
    steady = lived(tmp_path / "steady", right)
    jumping = lived(tmp_path / "jumping", [now_ms + jump(turn) for turn, now_ms in enumerate(right)])
    assert any(lock["state"] == "locked" for lock in told(steady, TOPICS.locks))
    for topic in (TOPICS.decisions, TOPICS.alerts, TOPICS.locks):
        assert told(jumping, topic) == told(steady, topic)
    assert not jumping.reports["rejected"]


def test_a_clock_that_is_an_hour_behind_sets_events_aside_untouched_and_told_and_they_count_when_they_come_again(
    tmp_path: Path,
) -> None:
    town = Town(tmp_path)
    batch = burst(OTHER)

    async def story() -> None:
        work = await town.users()
        town.now_ms = NOON_MS - HOUR
        await work.apply(EVENTS, town.topic(EVENTS, batch))
        assert not town.sent(TOPICS.decisions)
        assert [output.value for output in town.wire if output.topic == TOPICS.rejected] == batch
        assert len(town.reports["rejected"]) == len(batch)
        town.now_ms = NOON_MS + MINUTE_MS
        await work.apply(EVENTS, town.topic(EVENTS, batch, first=len(batch)))
        await work.stop(gracefully=True)

    asyncio.run(story())
    steady = Town(tmp_path / "steady")
    steady.now_ms = NOON_MS + MINUTE_MS

    async def plain() -> None:
        work = await steady.users()
        await work.apply(EVENTS, steady.topic(EVENTS, batch))
        await work.stop(gracefully=True)

    asyncio.run(plain())
    for topic in (TOPICS.decisions, TOPICS.alerts, TOPICS.locks):
        assert told(town, topic) == told(steady, topic)
