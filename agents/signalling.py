"""What the users of a partition tell the sources: gathered over some steps, sent as a few records.

A step has something to tell to nearly every partition of the sources, and each record batch costs the broker and all
who fetch from it. So what is told waits, as part of the state, for the next time that signals are sent. To send it
and to stop keeping it is one step, so that nothing is told twice or lost.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from agents.placing import Placing
from agents.shard import Output
from core.signal import Out, Signal
from tables.store import Store

SIGNALS_KEY: Final = b"g"
# So many at most wait, of about a hundred bytes each; a step's changelog batch holds ten thousand.
WAITING_MOST: Final = 500
# So many sources at their largest fit into one changelog batch, where a record is the least that a step can take.
SOURCES_MOST: Final = 32
PART_BITS: Final = 20


class Signals(msgspec.Struct, array_like=True):
    """What some steps of a users partition tell some sources of one signals partition. sequence: grows with each such
    record of an upstream partition, see `sequence_of`."""

    upstream: int
    sequence: int
    by_source: dict[str, list[Signal]]


class Plan(msgspec.Struct, frozen=True):
    """What a step sends now, and what waits after it."""

    now: Out
    later: Out


NOTHING: Final = Plan({}, {})

encode_signals = msgspec.msgpack.Encoder().encode
_decode_waiting = msgspec.msgpack.Decoder(Out).decode


class Signalling:
    """The signals of one users partition that wait."""

    def __init__(self, store: Store, every_s: float, monotonic: Callable[[], float]) -> None:
        """every_s: the least time between two times that signals are sent."""
        stored = store.get(SIGNALS_KEY)
        self._waiting: Out = _decode_waiting(stored) if stored else {}
        self._every_s = every_s
        self._monotonic = monotonic
        self._send_at = monotonic()

    def due_in_s(self) -> float | None:
        """How soon what waits is to be sent; None where nothing waits."""
        return max(0.0, self._send_at - self._monotonic()) if self._waiting else None

    def plan(self, told: Out, writes: dict[bytes, bytes | None]) -> Plan:
        """What becomes of a step's signals and of those that wait; adds what is to be kept of them to `writes`."""
        if not told and not self._waiting:
            return NOTHING
        merged = {source: list(signals) for source, signals in self._waiting.items()}
        for source, signals in told.items():
            merged.setdefault(source, []).extend(signals)
        if self._monotonic() >= self._send_at or sum(map(len, merged.values())) > WAITING_MOST:
            if self._waiting:
                writes[SIGNALS_KEY] = None
            return Plan(merged, {})
        if told:
            writes[SIGNALS_KEY] = encode_signals(merged)
        return Plan({}, merged)

    def happened(self, plan: Plan) -> None:
        """The step of that plan is durable."""
        self._waiting = plan.later
        if plan.now:
            self._send_at = self._monotonic() + self._every_s


def signal_outputs(topic: str, upstream: int, step: int, signals: Out, place: Placing) -> list[Output]:
    """A record for each partition of the signals topic that has a source in it, and more where these are many.
    upstream: the users partition; step: the number of its step."""
    by_partition: dict[int, list[dict[str, list[Signal]]]] = {}
    for source, observed in signals.items():
        parts = by_partition.setdefault(place(source), [{}])
        if len(parts[-1]) == SOURCES_MOST:
            parts.append({})
        parts[-1][source] = observed
    return [
        Output(
            topic,
            partition,
            str(upstream).encode(),
            encode_signals(Signals(upstream, sequence_of(step, part), by_source)),
        )
        for partition, parts in by_partition.items()
        for part, by_source in enumerate(parts)
    ]


def sequence_of(step: int, part: int) -> int:
    """In the order of steps, and within a step of its parts."""
    return step << PART_BITS | part
