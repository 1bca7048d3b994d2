"""Workers that keep copies of each other's partitions: whoever is killed, the other goes on with little to read."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.stage import Stage, simulated
from tests.faults.workers import Worker
from tests.kafka.until import until_async

TABLES = ("users", "sources", "cases", "audit")

pytestmark = [pytest.mark.broker, pytest.mark.slow]


@pytest.fixture
def stage(bootstrap: str, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(bootstrap, tmp_path, simulated(events=16_000, users=1_000, seed=71))
    yield stage
    stage.end()


def standing_by(stage: Stage) -> Worker:
    return stage.worker(ARGUS_STANDBY_REPLICAS="1")


async def stands_by(worker: Worker, partitions: int, within_records: int) -> None:
    """Wait until it has copies of so many partitions of each table that lack so few records."""

    def fresh() -> bool:
        kept = [worker.value("argus_standby_partitions", table=table) for table in TABLES]
        lag = worker.value("argus_standby_lag_records")
        return kept == [partitions] * len(TABLES) and lag is not None and lag <= within_records

    await until_async(fresh)


async def takes_over(worker: Worker, partitions: int) -> None:
    await until_async(
        lambda: worker.value("argus_assigned_partitions") == partitions and worker.value("argus_ready") == 1
    )


def test_after_a_kill_the_standby_reads_the_tail_and_nothing_is_lost_or_doubled(stage: Stage) -> None:
    async def faults(stage: Stage) -> None:
        half, everything = stage.settings.partitions // 2, stage.settings.partitions
        first = standing_by(stage)
        await takes_over(first, everything)
        second = standing_by(stage)
        await stands_by(second, half, within_records=2_000)
        await stage.decided(6_000)
        await stands_by(second, half, within_records=2_000)
        read, written = second.value("argus_recovery_records_total"), first.value("argus_changelog_records_total")
        first.kill()
        await takes_over(second, everything)
        # What the killed one wrote last was written while it was looked for, and in the seconds before.
        taken_over = (second.value("argus_recovery_records_total") or 0) - (read or 0)
        assert taken_over < (written or 0) / 4, (taken_over, written)
        # And back: what the first has on disk is brought on before it is given partitions again, and kept then.
        first.start()
        await stands_by(first, half, within_records=2_000)
        await stage.decided(12_000)
        second.kill()
        await takes_over(first, everything)

    async def story() -> None:
        await stage.play(faults, per_second=1_000.0)
        await stage.check()
        assert not any(worker.said("set aside|Traceback") for worker in stage.workers)

    asyncio.run(story())
