"""Windows of user-defined rules: exact, sliding by event time, and bounded.

A ring holds (time_ms, who, value): a user's digest (0 where it is the user's own), and the amount of a sum or the
digest of what is counted as distinct. It holds no more than the rule's bound asks for.
"""

from typing import Final

from core.clock import DAY
from core.rules.definitions import Window
from core.state import mark, short
from core.windows import entries_around, insert_entry, merge

Sample = tuple[int, int, float]
Rings = dict[str, list[Sample]]

# How late an event may be and still find its window.
LATE_MS: Final = DAY
USER_RINGS_MAX: Final = 8
USER_SAMPLES_MAX: Final = 64
SOURCE_RINGS_MAX: Final = 8
SOURCE_SAMPLES_MAX: Final = 800


def value_of(window: Window, value: object) -> float | None:
    """What of a field's value is kept; None if there is nothing to sum or to tell apart."""
    if window.of == "count":
        return 0.0
    if window.of == "sum":
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else None
    return None if value is None else float(short(mark(str(value))))


def tally(rings: Rings, rule_id: str, window: Window, time_ms: int, who: int, value: float) -> float:
    """Place one event in the rule's window; answers the most that any window around it holds."""
    ring = rings.get(rule_id)
    if ring is None:
        ring = rings[rule_id] = []
    most, since_ms = window.most, ring[-1][0] - window.window_ms - LATE_MS if ring else 0
    if window.of == "sum":
        insert_entry(ring, (time_ms, who, value), most + 1, since_ms)
        if len(ring) > most:
            if ring[0][0] <= ring[-1][0] - window.window_ms:
                del ring[0]  # only an event that comes late would miss it
            else:
                merge(ring, max(1, window.window_ms // (most - 1)))
        return max(sum([entry[2] for entry in part]) for part in entries_around(ring, time_ms, window.window_ms))
    if window.of == "count":
        insert_entry(ring, (time_ms, who, 0.0), most, since_ms)
        return max(len(part) for part in entries_around(ring, time_ms, window.window_ms))
    for at, entry in enumerate(ring):
        if entry[2] == value:
            time_ms = max(time_ms, entry[0])
            del ring[at]
            break
    insert_entry(ring, (time_ms, who, value), most, since_ms)
    return max(len(part) for part in entries_around(ring, time_ms, window.window_ms))


def trim(rings: Rings, keep: str, rings_max: int, samples_max: int) -> None:
    """Let go of whole windows, the longest quiet first and never `keep`, until what is left is within its bounds."""
    while len(rings) > rings_max or sum(map(len, rings.values())) > samples_max:
        others = [(ring[-1][0] if ring else 0, rule_id) for rule_id, ring in rings.items() if rule_id != keep]
        if not others:
            return
        del rings[min(others)[1]]
