"""The assignor as a group's leader and members use it."""

from collections.abc import Iterable, Mapping
from typing import Any

import faust
import pytest
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from faust.assignor.partition_assignor import PartitionAssignor
from faust.types import TP

from agents.assignor import Assignor

TOPICS = ("events", "commands", "rules")
PARTITIONS = {"events": 4, "commands": 4, "rules": 1}


class Cluster:
    """What the leader asks Kafka's metadata."""

    def partitions_for_topic(self, topic: str) -> set[int]:
        return set(range(PARTITIONS[topic]))


class Group:
    """Members, each with an assignor of its own; the first of them leads."""

    def __init__(self) -> None:
        self.members: dict[str, PartitionAssignor] = {}

    def join(self, name: str, kind: type[PartitionAssignor] = Assignor) -> None:
        app = faust.App(
            name, PartitionAssignor=Assignor, table_standby_replicas=1, web_port=6_000 + len(self.members)
        )
        self.members[name] = app.assignor

    def rebalance(self) -> None:
        told: Mapping[str, Any] = next(iter(self.members.values())).assign(
            Cluster(), {name: self._metadata(one) for name, one in self.members.items()}
        )
        for name, one in self.members.items():
            one.on_assignment(told[name])

    def _metadata(self, one: PartitionAssignor) -> ConsumerProtocolMemberMetadata:
        metadata: ConsumerProtocolMemberMetadata = one.metadata(set(TOPICS))
        return metadata


def of(topic: str, tps: Iterable[TP]) -> set[int]:
    return {tp.partition for tp in tps if tp.topic == topic}


def test_topics_of_a_table_go_together_and_where_a_member_dies_its_standby_has_them() -> None:
    group = Group()
    for name in ("a", "b"):
        group.join(name)
        group.rebalance()
    a, b = group.members["a"], group.members["b"]
    for topic in ("events", "commands"):
        assert of(topic, a.assigned_actives()) | of(topic, b.assigned_actives()) == {0, 1, 2, 3}
        assert of(topic, a.assigned_actives()) == of(topic, b.assigned_standbys())
        assert of(topic, b.assigned_actives()) == of(topic, a.assigned_standbys())
    assert of("events", a.assigned_actives()) == of("commands", a.assigned_actives())
    del group.members["a"]
    group.rebalance()
    assert of("events", b.assigned_actives()) == {0, 1, 2, 3}
    assert b.assigned_standbys() == set()


@pytest.mark.parametrize("kinds", [(Assignor, PartitionAssignor), (PartitionAssignor, Assignor)])
def test_workers_of_before_and_workers_of_now_share_the_partitions_whoever_leads(
    kinds: tuple[type[PartitionAssignor], ...],
) -> None:
    group = Group()
    for name, kind in zip("abc", (*kinds, Assignor), strict=True):
        group.join(name, kind)
        group.rebalance()
    actives = [partition for one in group.members.values() for partition in of("events", one.assigned_actives())]
    assert sorted(actives) == [0, 1, 2, 3]
