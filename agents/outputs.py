"""What a step sends: records with their topic, partition and exact bytes."""

from collections.abc import Sequence

from agents.shard import Output
from agents.users import UserWork
from core.canary import HEADERS
from core.detect import Judged
from core.events import Action
from core.notices import CanarySeen
from core.records import encode


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
