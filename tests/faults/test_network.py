"""Faults of Apache Kafka and of the network before it: nothing lost, nothing doubled, and it is told."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from argus import broker
from tests.faults.proxy import Proxy
from tests.faults.stage import Stage, simulated
from tests.kafka.node import NoKafka
from tests.kafka.proxied import ProxiedNode
from tests.kafka.until import until_async

EVENTS = 5_000
PER_SECOND = 1_000.0
SEED = 21
KAFKA_WITHIN_S = 240.0
STOPS = "critical .* the process stops: .*Error"

pytestmark = [pytest.mark.broker, pytest.mark.kafka, pytest.mark.slow]


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    with Proxy() as proxy:
        yield proxy


@pytest.fixture(scope="module")
def node(proxy: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxiedNode]:
    try:
        node = ProxiedNode(tmp_path_factory.mktemp("kafka"), proxy.port)
    except NoKafka as reason:
        pytest.skip(str(reason))
    proxy.target_port = node.behind
    try:
        begin(node)
        yield node
    finally:
        node.stop()


def begin(node: ProxiedNode) -> None:
    node.start()
    assert asyncio.run(broker.answers(node.bootstrap, KAFKA_WITHIN_S)), node.log()[-2_000:]


@pytest.fixture
def stage(node: ProxiedNode, proxy: Proxy, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(node.bootstrap, tmp_path, simulated(EVENTS, users=300, seed=SEED), proxy.address)
    yield stage
    proxy.delay_s = 0.0
    proxy.mend()
    stage.end()


def test_a_slow_network_a_cut_and_lost_answers_lose_and_double_nothing(stage: Stage, proxy: Proxy) -> None:
    async def faults(stage: Stage) -> None:
        worker = stage.worker()
        proxy.delay_s = 0.1
        await stage.decided(1_000)
        proxy.delay_s = 0.0
        proxy.cut()
        await until_async(lambda: (worker.value("argus_producer_oldest_unacked_seconds") or 0) > 1)
        proxy.mend()
        await stage.decided(2_500)
        stops = len(worker.said(STOPS))
        proxy.lose_answers()
        # What was sent is on the topics and nobody has said so: that cannot be told from what was not sent.
        await until_async(lambda: len(worker.said(STOPS)) > stops, 120)
        proxy.mend()

    async def story() -> None:
        async with stage.kept():
            await stage.play(faults, PER_SECOND)
            await stage.check()

    asyncio.run(story())


@pytest.mark.parametrize("how", ["killed", pytest.param("stopped in good order", marks=pytest.mark.long)])
def test_a_broker_that_goes_and_comes_back_loses_and_doubles_nothing(
    stage: Stage, node: ProxiedNode, how: str
) -> None:
    async def faults(stage: Stage) -> None:
        worker = stage.worker()
        await stage.decided(1_000)
        await asyncio.to_thread(node.kill if how == "killed" else node.stop)
        await until_async(
            lambda: (worker.value("argus_producer_oldest_unacked_seconds") or 0) > 0 or not worker.alive
        )
        await asyncio.to_thread(begin, node)

    async def story() -> None:
        async with stage.kept():
            await stage.play(faults, PER_SECOND)
            await stage.check()

    asyncio.run(story())
