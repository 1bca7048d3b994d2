"""How alerts put figures, for people: in the unit that fits, and one is not many."""

from core.clock import DAY, HOUR, MINUTE, SECOND


def count(number: int, noun: str) -> str:
    """As "1 user", "1,200 users"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def duration(span_ms: float) -> str:
    """As "less than a second", "40 seconds", "3 minutes", "5 hours", "12 days": whole units, of which there are two
    or more unless it is exactly one."""
    if span_ms < SECOND:
        return "less than a second"
    for unit_ms, noun in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")):
        if span_ms >= 2 * unit_ms or span_ms == unit_ms:
            return count(round(span_ms / unit_ms), noun)
    return count(round(span_ms / SECOND), "second")
