"""Hundreds of worlds in which processes die, freeze, wake up and overlap; in the end every count is exactly right.

What is checked is read from the logs and the wire by a reading of its own, never from a process's memory.
`ARGUS_CRASH_SEEDS` sets the number of seeds.
"""

import asyncio
import json
import os
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
from rocksdict import Cache

from agents.shard import Shard
from tables.store import Store, discard
from tests.agents.fakes import Log, MemoryJournal, MemorySender, MemoryStore, state_of
from tests.agents.world import EVENTS, INDEXED, World, chained

SEEDS = int(os.environ.get("ARGUS_CRASH_SEEDS", "300"))
GROUPS = 10
ON_DISK_EVERY = 31  # opening a RocksDB costs more than a whole world in memory


@pytest.mark.parametrize("standbys", [False, True])
@pytest.mark.parametrize("group", range(GROUPS))
def test_whatever_dies_and_when_every_count_is_right_and_every_output_is_there(
    group: int, standbys: bool, tmp_path: Path
) -> None:
    taken = 0
    for seed in range(group, SEEDS, GROUPS):
        in_memory = seed % ON_DISK_EVERY
        world = (
            worlds_in_memory(seed, standbys) if in_memory else worlds_on_disk(seed, tmp_path / str(seed), standbys)
        )
        try:
            world.run()
            check(world)
        except Exception as error:
            error.add_note("\n".join([f"seed {seed}:", *world.schedule[-400:], f"seed {seed}"]))
            raise
        taken += world.taken
    assert bool(taken) is standbys


def worlds_in_memory(seed: int, standbys: bool) -> World:
    disks: dict[tuple[int, int], MemoryStore] = {}
    return World(
        seed,
        lambda partition, worker: disks.setdefault((partition, worker), MemoryStore()),
        lambda partition, worker: disks.pop((partition, worker), None) and None,
        standbys,
    )


def worlds_on_disk(seed: int, path: Path, standbys: bool) -> World:
    cache = Cache(1024 * 1024)
    return World(
        seed,
        lambda partition, worker: Store(path / f"{partition}-{worker}", cache, 1),
        lambda partition, worker: discard(path / f"{partition}-{worker}"),
        standbys,
    )


def check(world: World) -> None:
    truth = Counter(world.source)
    for partition, log in enumerate(world.logs):
        values, void = state_of(log.history)
        assert not void, f"void records of partition {partition} were never written again: {void}"
        assert state_of(log.entries)[0] == values, f"compaction changed partition {partition}"
        log.compact(log.end, log.end)
        assert state_of(log.entries)[0] == values, f"full compaction would change partition {partition}"
        assert recovered(log) == own(values), f"recovery of partition {partition} differs"
        users = {key[1:].decode(): json.loads(value) for key, value in values.items() if key[:1] == b"u"}
        assert {key: count for key, (count, _) in users.items()} == truth, f"counts of partition {partition}"
        sent = outputs_by_key(world, f"counts-{partition}")
        for key, (count, digest) in users.items():
            assert sorted(sent[key]) == list(range(1, count + 1)), f"outputs of {key} in partition {partition}"
            told = ""
            for number in range(1, count + 1):
                assert len(sent[key][number]) == 1, f"{key} was decided twice: {sent[key][number]}"
                told = chained(told, next(iter(sent[key][number])))
            assert told == digest, f"the state of {key} in partition {partition} and its outputs disagree"
    index = sorted(key for key in state_of(world.logs[0].entries)[0] if key[:1] == b"i")
    assert index == [b"i%06d" % offset for offset in range(EVENTS - INDEXED, EVENTS)]


def own(values: dict[bytes, bytes]) -> dict[bytes, bytes]:
    return {key: value for key, value in values.items() if key[:1] in (b"u", b"i")}


def recovered(log: Log) -> dict[bytes, bytes]:
    """What a shard with an empty disk makes of it."""
    store: Any = MemoryStore()
    copy = Log()
    copy.entries, copy.end = list(log.entries), log.end
    shard = Shard(
        partition=0,
        owner="reader",
        store=store,
        journal=MemoryJournal(copy),
        sender=MemorySender([]),
        monotonic=lambda: 0.0,
        recheck_s=1.0,
    )
    asyncio.run(shard.take_over())
    return dict([*store.scan(b"i"), *store.scan(b"u")])


def outputs_by_key(world: World, topic: str) -> dict[str, dict[int, set[str]]]:
    """key -> count -> every different text that was sent for it."""
    found: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for output in world.wire:
        if output.topic == topic:
            text = (output.value or b"").decode()
            key, count, _ = text.split(" ", 2)
            found[key][int(count)].add(text)
    return found
