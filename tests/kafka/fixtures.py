"""Brokers for tests: the embedded one, real Apache Kafka, and a `bootstrap` that is each in turn."""

import asyncio
import functools
from collections.abc import Iterator

import pytest

from argus import broker
from tests.kafka.node import Node, NoKafka


@pytest.fixture(scope="session")
def tansu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Bootstrap address of an embedded broker, shared by the session: name your own topics."""
    running = asyncio.run(broker.start(tmp_path_factory.mktemp("tansu")))
    yield running.bootstrap
    running.stop()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Bootstrap address of an Apache Kafka node, shared by the session; skips where it can't run."""
    try:
        node = Node(tmp_path_factory.mktemp("kafka"))
    except NoKafka as reason:
        pytest.skip(str(reason))
    node.start()
    try:
        ready = functools.partial(broker.answers, node.bootstrap, 60)
        assert asyncio.run(ready()), node.log()[-2_000:]
        yield node.bootstrap
    finally:
        node.stop()


@pytest.fixture(params=["tansu", pytest.param("kafka", marks=pytest.mark.kafka)])
def bootstrap(request: pytest.FixtureRequest) -> str:
    """Each broker in turn."""
    address: str = request.getfixturevalue(request.param)
    return address
