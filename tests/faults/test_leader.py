"""Three Kafka nodes, of which each is killed once while events come: the others have what was acknowledged."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from argus import broker
from tests.faults.stage import Stage, simulated
from tests.kafka.cluster import NODES, Cluster
from tests.kafka.node import NoKafka

EVENTS = 12_000
PER_SECOND = 400.0
SEED = 51
KAFKA_WITHIN_S = 240.0

pytestmark = [pytest.mark.broker, pytest.mark.kafka, pytest.mark.slow, pytest.mark.long]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    try:
        cluster = Cluster(tmp_path)
    except NoKafka as reason:
        pytest.skip(str(reason))
    with cluster:
        for node in cluster.nodes:
            assert asyncio.run(broker.answers(node.bootstrap, KAFKA_WITHIN_S)), node.log()[-2_000:]
        yield cluster


@pytest.fixture
def stage(cluster: Cluster, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(cluster.bootstrap, tmp_path, simulated(EVENTS, users=300, seed=SEED), replication=NODES)
    yield stage
    stage.end()


def test_leaders_that_are_lost_one_after_another_lose_and_double_nothing(stage: Stage, cluster: Cluster) -> None:
    async def faults(stage: Stage) -> None:
        stage.worker()
        for number, node in enumerate(cluster.nodes):
            await stage.decided(1_000 + 3_000 * number)
            node.kill()
            # With one node away what was acknowledged is on the two others, and work goes on.
            await stage.decided(2_500 + 3_000 * number)
            node.start()
            assert await broker.answers(node.bootstrap, KAFKA_WITHIN_S)

    async def story() -> None:
        async with stage.kept():
            await stage.play(faults, PER_SECOND)
            await stage.check()

    asyncio.run(story())
