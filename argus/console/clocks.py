"""A case's deadlines as people see them: what is left, and how much of the time has gone."""

from datetime import datetime
from typing import Final, Literal

from msgspec import Struct

from core.records import Case

Standing = Literal["running", "near", "missed", "met", "late"]
MINUTE_S: Final = 60
HOUR_S: Final = 3_600
DAY_S: Final = 86_400
# As the cases themselves have it, unless a setting says otherwise: it is told, and nothing is decided by it.
NEAR_SHARE: Final = 0.8


class Clock(Struct, frozen=True):
    """name: what is to be done; by: until when; done: when it was; share: of the time that has gone, 0 to 1; left:
    in words."""

    name: Literal["acknowledge", "resolve"]
    by: str
    done: str | None
    standing: Standing
    share: float
    left: str


def clocks(case: Case, now: datetime) -> tuple[Clock, Clock]:
    """To acknowledge, and to resolve."""
    return (
        _clock("acknowledge", case.opened, case.acknowledge_by, case.acknowledged, now),
        _clock("resolve", case.opened, case.resolve_by, case.resolved, now),
    )


def next_clock(case: Case, now: datetime) -> Clock:
    """What is to be done next, or was last."""
    first, last = clocks(case, now)
    return first if first.done is None and last.done is None else last


def spoken(seconds: float) -> str:
    """A length of time with its two largest units: `2 h 5 min`."""
    whole = int(abs(seconds))
    days, hours, minutes = whole // DAY_S, whole % DAY_S // HOUR_S, whole % HOUR_S // MINUTE_S
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    if minutes:
        return f"{minutes} min"
    return f"{whole} s"


def _clock(name: Literal["acknowledge", "resolve"], opened: str, by: str, done: str | None, now: datetime) -> Clock:
    began, end = datetime.fromisoformat(opened), datetime.fromisoformat(by)
    at = datetime.fromisoformat(done) if done is not None else now
    length_s = max(1.0, (end - began).total_seconds())
    left = (end - at).total_seconds()
    share = max(0.0, min(1.0, 1.0 - left / length_s))
    if done is not None:
        took = spoken((at - began).total_seconds())
        standing: Standing = "met" if left >= 0 else "late"
        return Clock(name, by, done, standing, share, f"after {took}" if left >= 0 else f"late, after {took}")
    if left < 0:
        return Clock(name, by, None, "missed", 1.0, f"{spoken(left)} over")
    return Clock(name, by, None, "near" if share >= NEAR_SHARE else "running", share, f"{spoken(left)} left")
