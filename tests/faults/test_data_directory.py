"""A data directory that is full, read-only, damaged or another's: nothing lost, nothing doubled, and it is told."""

import asyncio
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from argus.topics import ensure_topics
from tests.faults.disks import small_disk
from tests.faults.stage import Stage, simulated
from tests.faults.workers import Worker
from tests.kafka.until import until_async

EVENTS = 4_000
PER_SECOND = 1_500.0
SEED = 31
BLOCK_BYTES = 4 * 1024

pytestmark = [pytest.mark.broker, pytest.mark.slow]


@pytest.fixture
def stage(tansu: str, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tansu, tmp_path, simulated(EVENTS, users=300, seed=SEED))
    yield stage
    stage.end()


def test_a_full_disk_stops_the_worker_and_once_there_is_room_nothing_is_lost_or_doubled(
    stage: Stage, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk") as disk:

        async def faults(stage: Stage) -> None:
            worker = stage.worker(disk.path / "worker")
            await stage.decided(500, ahead=EVENTS)
            disk.fill(worker)
            await until_async(lambda: not worker.alive, 120)
            assert worker.wait() == 70
            assert worker.said(f"critical .*the process stops: .*{disk.words}")
            disk.make_room()
            worker.start()

        async def story() -> None:
            await stage.play(faults, PER_SECOND)
            await stage.check()
            stage.end()

        asyncio.run(story())


def damage(file: Path, at: int) -> None:
    with file.open("r+b") as opened:
        opened.seek(at)
        opened.write(bytes(200))


def test_damaged_files_come_back_from_the_changelog_and_a_second_worker_is_kept_out(stage: Stage) -> None:
    async def faults(stage: Stage) -> None:
        worker = stage.worker()
        await stage.decided(1_500)
        guest = stage.worker(worker.data_dir)
        assert guest.wait() == 2
        assert guest.said("another worker .* has its tables in")
        stage.workers.remove(guest)
        # In good order, which puts all of it into files; without that RocksDB drops what of its log it cannot read.
        worker.leave()
        users = worker.data_dir / "users"
        damage(max((users / "0").glob("*.sst"), key=lambda file: file.stat().st_size), BLOCK_BYTES)
        damage(next((users / "1").glob("MANIFEST-*")), 10)
        next((users / "2").glob("*.sst")).unlink()
        async with stage.kept():
            worker.start()
            await until_async(lambda: len(worker.said("error .* it is deleted and comes back")) >= 3, 120)
            await stage.decided(2_500)
            await until_async(lambda: worker.value("argus_table_discarded_total", table="users"))

    async def story() -> None:
        await stage.play(faults, PER_SECOND)
        await stage.check()

    asyncio.run(story())


def test_a_directory_that_cannot_be_written_to_ends_the_worker_with_one_line(stage: Stage, tmp_path: Path) -> None:
    data_dir = tmp_path / "read-only"
    data_dir.mkdir()
    data_dir.chmod(stat.S_IRUSR | stat.S_IXUSR)
    # The superuser may write anywhere, unless it gives that up.
    within = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
    asyncio.run(ensure_topics(stage.bootstrap, stage.settings))
    worker = Worker(stage.bootstrap, stage.settings.topic_prefix, data_dir, tmp_path / "worker.log", within=within)
    worker.start()
    assert worker.wait() == 1
    assert worker.log.read_text() == f"argus: {data_dir / 'worker.lock'}: Permission denied\n"
