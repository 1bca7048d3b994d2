"""A worker that has more memory than it may."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from argus.memory_guard import OVER_STATUS
from tests.faults.stage import Stage, simulated
from tests.kafka.until import until_async

pytestmark = [pytest.mark.broker, pytest.mark.slow]


@pytest.fixture
def stage(tansu: str, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tansu, tmp_path, simulated(events=2_000, users=300, seed=41))
    yield stage
    stage.end()


def test_it_ends_in_good_order_says_so_and_the_next_one_goes_on(stage: Stage) -> None:
    async def faults(stage: Stage) -> None:
        worker = stage.worker(ARGUS_MEMORY_MAX_MB="16")
        await until_async(lambda: not worker.alive)
        assert worker.wait() == OVER_STATUS
        assert worker.said("critical .* ARGUS_MEMORY_MAX_MB")
        stage.workers.remove(worker)
        stage.worker(worker.data_dir)

    async def story() -> None:
        await stage.play(faults, per_second=2_000.0)
        await stage.check()

    asyncio.run(story())
