"""Records what an earlier version leaves in its changelogs: `python -m tests.upgrade.record NAME`.

Its worker is told to stop once, which takes its models' snapshots, goes on, and is killed, which leaves an outbox.
There is one partition; of each key the last record is kept, as compaction would.
"""

import asyncio
import lzma
import sys
import tempfile
from pathlib import Path

import msgspec

from argus import broker
from core.records import encode
from simulation.config import Config
from simulation.feedback import Desk
from simulation.stream import generate
from tests.faults import outside
from tests.faults.stage import Stage, event_counts
from tests.faults.workers import Worker
from tests.upgrade.old import Recorded, Row, recorded_file, unpacked

CONFIG = Config(events=2_000, users=60, seed=81)
FIRST = 1_600
TABLES = ("users", "sources", "cases", "audit")
PER_SECOND = 400.0


async def record(name: str, directory: Path) -> Recorded:
    running = await broker.start(directory)
    desk, lines = Desk(CONFIG), []
    for labelled in generate(CONFIG):
        desk.hear(labelled)
        lines.append((labelled.event["user_id"], encode(labelled.event)))
    labels = [(record["user_id"], encode(record)) for record in desk.due(None)]
    stage = Stage(running.bootstrap, directory, lines[:FIRST])
    stage.settings = msgspec.structs.replace(stage.settings, partitions=1)
    prefix, code = stage.settings.topic_prefix, unpacked(name, directory)
    worker = Worker(
        running.bootstrap,
        prefix,
        directory / "data",
        directory / "log",
        settings={"ARGUS_PARTITIONS": "1"},
        code=code,
    )
    stage.workers.append(worker)
    try:

        async def first(stage: Stage) -> None:
            worker.start()
            await stage.decided(distinct(lines[:FIRST]))
            await outside.send(running.bootstrap, stage.settings.topic("feedback"), labels, PER_SECOND)
            worker.leave()
            worker.start()
            await outside.send(running.bootstrap, stage.settings.topic("events"), lines[FIRST:], PER_SECOND)
            await stage.decided(distinct(lines))
            # In the middle of what it still has to tell.
            worker.kill()

        await stage.play(first, PER_SECOND)
        tables = {table: await last_records(stage, f"{table}-changelog") for table in TABLES}
    finally:
        stage.end()
        running.stop()
    return Recorded(counts=event_counts(lines), newest=lines[-1][1], tables=tables)


def distinct(lines: list[tuple[str, bytes]]) -> int:
    return len({msgspec.json.decode(line)["event_id"] for _, line in lines})


async def last_records(stage: Stage, topic: str) -> list[Row]:
    records = await stage._read(topic)
    last = {record.key: record for record in records}
    return [
        (record.key, record.value) for record in records if last[record.key] is record and record.value is not None
    ]


def main(name: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        recorded = asyncio.run(record(name, Path(directory)))
    recorded_file(name).write_bytes(lzma.compress(msgspec.msgpack.encode(recorded), preset=9))


if __name__ == "__main__":
    main(sys.argv[1])
