"""What a step sends: records with their topic, partition and exact bytes."""

import msgspec

from agents.placing import Placing
from agents.shard import Output
from agents.users import UserWork
from core.detect import Judged
from core.records import encode
from core.sources import Out, Signal


class Signals(msgspec.Struct, array_like=True):
    """What one step of a users partition tells the sources of one signals partition; `sequence` is the step's."""

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


def signal_outputs(work: UserWork, signals: Out, place: Placing) -> list[Output]:
    """One record for each partition of the signals topic that has a source in it."""
    by_partition: dict[int, dict[str, list[Signal]]] = {}
    for source, observed in signals.items():
        by_partition.setdefault(place(source), {})[source] = observed
    sequence = work.shard.meta.sequence + 1
    return [
        Output(
            work.services.topics.signals,
            partition,
            str(work.partition).encode(),
            encode_signals(Signals(work.partition, sequence, by_source)),
        )
        for partition, by_source in by_partition.items()
    ]
