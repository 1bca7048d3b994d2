"""Real workers on a real broker are killed, wiped, frozen and joined by others while events pour in. In the end every
event has its decision, every user's count is right and every alert that was due is there."""

import asyncio
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.stage import Lines, Stage, simulated

EVENTS = 100_000
PER_SECOND = 4_000.0

pytestmark = [pytest.mark.broker, pytest.mark.slow]


@pytest.fixture(scope="module")
def lines() -> Lines:
    return simulated(EVENTS, users=2_000, seed=11)


@pytest.fixture
def stage(bootstrap: str, tmp_path: Path, lines: Lines) -> Iterator[Stage]:
    stage = Stage(bootstrap, tmp_path, lines)
    yield stage
    stage.end()


def test_kills_a_wiped_disk_and_a_guest_lose_nothing_and_double_nothing(stage: Stage) -> None:
    async def faults(stage: Stage) -> None:
        worker = stage.worker()
        await stage.decided(10_000)
        worker.kill()
        worker.start()
        await stage.decided(25_000)
        guest = stage.worker()
        await stage.decided(45_000)
        worker.kill()
        shutil.rmtree(worker.data_dir)
        worker.start()
        await stage.decided(65_000)
        guest.leave()
        assert guest.statuses == [0]
        await stage.decided(80_000)
        worker.kill()
        worker.start()

    async def story() -> None:
        await stage.play(faults, PER_SECOND)
        await stage.check()

    asyncio.run(story())


def test_a_worker_that_sleeps_through_its_session_harms_nothing_even_when_all_disks_are_wiped_then(
    stage: Stage,
) -> None:
    async def faults(stage: Stage) -> None:
        sleeper = stage.worker()
        await stage.decided(10_000)
        sleeper.signal(signal.SIGSTOP)
        successor = stage.worker()
        await stage.decided(40_000)
        sleeper.signal(signal.SIGCONT)
        await stage.decided(70_000)
        for worker in (sleeper, successor):
            worker.end()
            shutil.rmtree(worker.data_dir)
        stage.worker()

    async def story() -> None:
        await stage.play(faults, PER_SECOND)
        await stage.check()

    asyncio.run(story())
