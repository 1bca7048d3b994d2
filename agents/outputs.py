"""What a step sends: records with their topic, partition and exact bytes."""

from collections.abc import Sequence
from typing import Final

import msgspec

from agents.placing import Placing
from agents.shard import Output
from agents.users import UserWork
from core.canary import HEADERS
from core.detect import Judged
from core.events import Action
from core.notices import CanarySeen
from core.records import encode
from core.sources import Out, Signal

# So many sources at their largest fit into one changelog batch, where a record is the least that a step can take.
SOURCES_MOST: Final = 32
PART_BITS: Final = 20


class Signals(msgspec.Struct, array_like=True):
    """What one step of a users partition tells some sources of one signals partition. sequence: grows with each such
    record of an upstream partition, see `sequence_of`."""

    upstream: int
    sequence: int
    by_source: dict[str, list[Signal]]


encode_signals = msgspec.msgpack.Encoder().encode


def verdict_outputs(work: UserWork, judged: Judged) -> list[Output]:
    """Decisions, alerts and locks, to the partition of the same number: all are keyed by the user."""
    topics, partition = work.services.topics, work.partition
    outputs = [
        Output(topics.decisions, partition, decision.user_id.encode(), encode(decision))
        for decision in judged.decisions
    ]
    outputs += [
        Output(topics.alerts, partition, (alert.user_id or "").encode(), encode(alert)) for alert in judged.alerts
    ]
    outputs += [Output(topics.locks, partition, lock.user_id.encode(), encode(lock)) for lock in judged.locks]
    return outputs


def canary_outputs(work: UserWork, canaries: Sequence[Action], judged: Judged) -> list[Output]:
    """Their decisions, and word of them to notify, which sent them."""
    topics, partition = work.services.topics, work.partition
    outputs = [
        Output(topics.decisions, partition, decision.user_id.encode(), encode(decision), HEADERS)
        for decision in judged.decisions
    ]
    sent_ms = {action.event_id: action.time_ms for action in canaries}
    outputs += [
        Output(topics.notices, 0, None, encode(CanarySeen(partition, decision.event_id, sent_ms[decision.event_id])))
        for decision in judged.decisions
    ]
    return outputs


def signal_outputs(work: UserWork, signals: Out, place: Placing) -> list[Output]:
    """A record for each partition of the signals topic that has a source in it, and more where these are many."""
    by_partition: dict[int, list[dict[str, list[Signal]]]] = {}
    for source, observed in signals.items():
        parts = by_partition.setdefault(place(source), [{}])
        if len(parts[-1]) == SOURCES_MOST:
            parts.append({})
        parts[-1][source] = observed
    step = work.shard.meta.sequence + 1
    return [
        Output(
            work.services.topics.signals,
            partition,
            str(work.partition).encode(),
            encode_signals(Signals(work.partition, sequence_of(step, part), by_source)),
        )
        for partition, parts in by_partition.items()
        for part, by_source in enumerate(parts)
    ]


def sequence_of(step: int, part: int) -> int:
    """In the order of steps, and within a step of its parts."""
    return step << PART_BITS | part
