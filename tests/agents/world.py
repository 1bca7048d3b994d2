"""A world in which processes die at every point: two partitions, some workers, one seed.

Each life of a process is a coroutine that stops at every point where it could be stopped for long or for good (the
points of `fakes`, and between steps); the world picks who goes on, so that owners and zombies of one partition run
interleaved in every order. There is no event loop and no time but `tick`.

Partition 0 counts keys of a source log: a value per key, an index entry per record (deleted when it is 15 records
old), an output per record, and per step one output to partition 1, which counts the same keys again. An output names
the life that decided it, and a key's state holds a digest of all its outputs, so that a different decision about the
same record, or one that the state doesn't know of, is found out.

With standbys, what workers have on disk of a partition that they don't work on is brought on between steps, some
entries at a time, until a process begins there.
"""

import json
from collections.abc import Callable, Generator
from hashlib import blake2b
from random import Random
from typing import Any, NamedTuple

from agents.journal import Entry, TooLarge
from agents.recovering import Recovery
from agents.shard import Fenced, Meta, Output, Shard
from tests.agents.fakes import READ_AT_ONCE, Killed, Log, Lost, MemoryJournal, MemorySender, state_of

CRASH_POINTS = ("decided", "appended", "stored", "sent", "claimed", "recovered", "resent")
WORKERS = 4
KEYS = 20
EVENTS = 200
INDEXED = 15
MAX_ENTRIES = 20
RECHECK_TICKS = 25
CHAOS_TICKS = 2_500


class Record(NamedTuple):
    offset: int
    keys: tuple[str, ...]
    sequence: int  # of the step that made it; 0 in the source


class Pause:
    """Awaited where a process can be stopped; hands the point's name to whoever drives the coroutine."""

    def __init__(self, point: str) -> None:
        self._point = point

    def __await__(self) -> Generator[str, None, None]:
        yield self._point


class Life:
    """One process owning, or believing to own, one partition, until its end."""

    def __init__(self, world: "World", name: str, partition: int, worker: int, store: Any) -> None:
        self.world = world
        self.name = name
        self.partition = partition
        self.worker = worker
        self.store = store
        self.point = "born"
        self.frozen_until = 0
        self.leaving = False
        self.caught_up = False
        self._born_at = world.logs[partition].end
        self._points = 0
        self._dies_at = world.draw_death()
        self.coroutine = self._run()

    @property
    def knows_until(self) -> int:
        """The offset behind which others may have appended what this process has yet to find out."""
        return max(self._born_at, self.store.next_offset)

    async def reach(self, point: str) -> None:
        await Pause(point)

    def crash_point(self, point: str) -> None:
        if self._dies_at is not None and point == self._dies_at[0]:
            self._points += 1
            if self._points == self._dies_at[1] and self.world.chaos:
                raise Killed(point)

    async def _run(self) -> None:
        world = self.world
        journal = MemoryJournal(
            world.logs[self.partition], self.reach, max_entries=MAX_ENTRIES, doubles=lambda _: world.draw_double()
        )
        shard = Shard(
            partition=self.partition,
            owner=self.name,
            store=self.store,
            journal=journal,
            sender=MemorySender(world.wire, self.reach),
            monotonic=lambda: float(world.tick),
            recheck_s=RECHECK_TICKS,
            crash_point=self.crash_point,
        )
        await shard.take_over()
        position = world.committed[self.partition]
        while True:
            await self.reach("between steps")
            if self.leaving:
                await shard.release()
                return
            records = world.records(self.partition, position, world.random.randint(1, 9))
            self.caught_up = not records
            if records:
                position = await self._step(shard, records)
                await self.reach("before ack")
                world.acknowledge(self, position)

    async def _step(self, shard: Shard, records: list[Record]) -> int:
        while True:
            try:
                await shard.commit(*self._decide(shard, records))
            except TooLarge:
                records = records[: len(records) // 2]
            else:
                return records[-1].offset + 1

    def _decide(self, shard: Shard, records: list[Record]) -> tuple[dict[bytes, bytes | None], list[Output], Meta]:
        applied = shard.meta.applied.get("source", 0)
        origin = shard.meta.origins.get("0", 0)
        writes: dict[bytes, bytes | None] = {}
        outputs: list[Output] = []
        forwarded: list[str] = []
        for record in records:
            if record.offset < applied or (record.sequence and record.sequence <= origin):
                continue
            origin = record.sequence or origin
            for key in record.keys:
                stored = writes.get(b"u" + key.encode()) or shard.store.get(b"u" + key.encode())
                count, digest = json.loads(stored) if stored else (0, "")
                text = f"{key} {count + 1} decided by {self.name}"
                writes[b"u" + key.encode()] = json.dumps([count + 1, chained(digest, text)]).encode()
                outputs.append(Output(f"counts-{self.partition}", 0, key.encode(), text.encode()))
            forwarded += record.keys
            if self.partition == 0:
                writes[b"i%06d" % record.offset] = b""
                if record.offset >= INDEXED:
                    writes[b"i%06d" % (record.offset - INDEXED)] = None
        if self.partition == 0 and forwarded:
            body = json.dumps([shard.meta.sequence + 1, forwarded]).encode()
            outputs.append(Output("forwarded", 1, None, body))
        end = max(applied, records[-1].offset + 1)
        return writes, outputs, Meta(applied={"source": end}, origins={"0": origin})


class Follower:
    """What a worker has of a partition that it doesn't work on, brought on until it does."""

    def __init__(self, log: Log, store: Any) -> None:
        self.store = store
        self._log = log
        self._recovery = Recovery(store)

    def advance(self) -> int:
        """Take the next entries, as a consumer that has its position from the store would; how many there were."""
        start = self._recovery.next_offset
        found = [entry for entry in self._log.entries if entry.offset >= start][:READ_AT_ONCE]
        self._recovery.take(found)
        return len(found)


def chained(digest: str, text: str) -> str:
    return blake2b((digest + text).encode(), digest_size=6).hexdigest()


class World:
    """Everything outside of processes: logs, disks, the wire, and fate."""

    def __init__(
        self,
        seed: int,
        new_store: Callable[[int, int], Any],
        wipe: Callable[[int, int], None],
        standbys: bool = False,
    ) -> None:
        """new_store: opens what a worker has on disk for a partition. wipe: deletes that. standbys: whether those who
        don't work on a partition keep a copy of it fresh."""
        self.random = Random(seed)
        self.schedule: list[str] = []
        self.tick = 0
        self.chaos = True
        self.logs = [Log(), Log()]
        self.wire: list[Output] = []
        self.committed = [0, 0]
        self.lives: list[Life] = []
        self.source = [f"k{int(KEYS * self.random.random() ** 2)}" for _ in range(EVENTS)]
        self._new_store = new_store
        self._wipe = wipe
        self._following = Random(-seed) if standbys else None
        self._followers: dict[tuple[int, int], Follower] = {}
        # Entries that followers have taken.
        self.taken = 0
        self._stored: dict[tuple[int, int], int] = {}
        self._names = 0
        self._doubling = self.random.choice((0.0, 0.1, 0.4))
        self._dying = self.random.choice((0.2, 0.7))
        self._spawning = self.random.choice((0.003, 0.01, 0.04))
        self._freezing = self.random.choice((0.003, 0.02))

    def draw_death(self) -> tuple[str, int] | None:
        if self.random.random() > self._dying:
            return None
        return self.random.choice(CRASH_POINTS), self.random.choice((1, 1, 2, 4, 8))

    def draw_double(self) -> str | None:
        if not self.chaos or self.random.random() > self._doubling:
            return None
        return self.random.choice(("first", "second"))

    def records(self, partition: int, position: int, count: int) -> list[Record]:
        """Up to `count` records from `position` on."""
        if partition == 0:
            keys = self.source[position : position + count]
            return [Record(position + index, (key,), 0) for index, key in enumerate(keys)]
        found = []
        for offset in range(position, len(self.wire)):
            if self.wire[offset].topic == "forwarded":
                sequence, forwarded = json.loads(self.wire[offset].value or b"")
                found.append(Record(offset, tuple(forwarded), sequence))
                if len(found) == min(count, 2):
                    break
        return found

    def acknowledge(self, life: Life, position: int) -> None:
        """Offsets are committed by the newest member of the group, and not every time."""
        if self.random.random() < 0.15:
            void = [entry for entry in self._void(life.partition) if entry.offset < life.store.next_offset]
            assert not void, f"{life.name} went on and left {void} standing"
        newest = [other for other in self.lives if other.partition == life.partition][-1]
        if life is newest and self.random.random() < 0.7:
            self.committed[life.partition] = position

    def run(self) -> None:
        """Chaos, then peace: when this returns, no process is left and all work is done."""
        while self.tick < CHAOS_TICKS and not (self.tick > 300 and self._all_counted()):
            self._chaotic_tick()
        self.chaos = False
        self._say("peace")
        if self.random.random() < 0.5:
            # Zombies wake up when everything is done; one that was about to claim becomes the owner.
            self._finish()
        self._leave(list(self.lives))
        self._leave(self._finish())

    def _all_counted(self) -> bool:
        return all(not self.records(partition, self.committed[partition], 1) for partition in (0, 1))

    def _chaotic_tick(self) -> None:
        self.tick += 1
        self._follow()
        fate = self.random.random()
        partition = self.random.randint(0, 1)
        alive = [life for life in self.lives if life.partition == partition]
        if fate < self._spawning or (not alive and fate < 0.5):
            self._spawn(partition)
            return
        if fate > 0.99:
            self._compact(partition)
        movable = [life for life in alive if life.frozen_until <= self.tick]
        if not movable:
            return
        life = movable[-1] if self.random.random() < 0.6 else self.random.choice(movable)
        fate = self.random.random()
        if fate < self._freezing:
            life.frozen_until = self.tick + self.random.choice((5, 40, 200))
            self._say(f"{life.name} frozen {life.point}")
        elif fate < 0.97:
            self._advance(life)
        elif fate < 0.98:
            self._advance(life, Lost(life.point))
        elif fate < 0.985:
            self._advance(life, Killed(life.point))
        elif fate < 0.99:
            life.leaving = True

    def _spawn(self, partition: int) -> Life | None:
        busy = {life.worker for life in self.lives if life.partition == partition}
        free = [worker for worker in range(WORKERS) if worker not in busy]
        if not free:
            return None
        worker = self.random.choice(free)
        self._unfollow(partition, worker)
        wiped = self.random.random() < 0.3
        if wiped:
            self._wipe(partition, worker)
            self._stored.pop((partition, worker), None)
        self._names += 1
        name = f"life-{self._names}"
        life = Life(self, name, partition, worker, self._new_store(partition, worker))
        self.lives.append(life)
        self._say(f"{name} begins: partition {partition}, worker {worker}{', wiped' if wiped else ''}")
        return life

    def _advance(self, life: Life, error: BaseException | None = None) -> None:
        self.tick += 1
        try:
            if error is None:
                life.point = life.coroutine.send(None)
            elif life.point == "born":
                life.coroutine.close()
                raise error
            else:
                life.point = life.coroutine.throw(error)
        except StopIteration:
            self._end(life, "left")
        except (Killed, Lost, Fenced) as end:
            self._end(life, f"{type(end).__name__} {end}")
        else:
            if life.point != "between steps":
                self._say(f"{life.name} {life.point}")

    def _end(self, life: Life, how: str) -> None:
        self.lives.remove(life)
        self._stored[(life.partition, life.worker)] = life.store.next_offset
        life.store.close()
        self._say(f"{life.name} ended: {how}")

    def _leave(self, lives: list[Life]) -> None:
        """Wake them all up and let them come to their end."""
        for life in lives:
            life.leaving = True
        while waiting := [life for life in lives if life in self.lives]:
            self._advance(self.random.choice(waiting))

    def _finish(self) -> list[Life]:
        """Let a process for each partition do what is left to do."""
        finals: list[Life] = []
        for partition in (0, 1):
            while (final := self._spawn(partition)) is None:
                self._leave([next(life for life in self.lives if life.partition == partition)])
            finals.append(final)
            while not final.caught_up:
                self._advance(final)
        return finals

    def _follow(self) -> None:
        """Somebody who doesn't work on some partition begins to follow it, goes on with that, or is killed."""
        if self._following is None:
            return
        partition, worker = self._following.randint(0, 1), self._following.randrange(WORKERS)
        if any(life.worker == worker for life in self.lives if life.partition == partition):
            return
        follower = self._followers.get((partition, worker))
        if follower is None:
            store = self._new_store(partition, worker)
            follower = self._followers[partition, worker] = Follower(self.logs[partition], store)
        self.taken += follower.advance()
        if self._following.random() < 0.05:
            self._unfollow(partition, worker)

    def _unfollow(self, partition: int, worker: int) -> None:
        follower = self._followers.pop((partition, worker), None)
        if follower is not None:
            self._stored[partition, worker] = offset = follower.store.next_offset
            follower.store.close()
            self._say(f"worker {worker} follows partition {partition} no more, at {offset}")

    def _compact(self, partition: int) -> None:
        """The broker's cleaner. Its lag is longer than any process is out of touch and than any void record is left
        standing since the marker that made it void; deletes are kept for longer than any local state is unused."""
        log = self.logs[partition]
        known = [life.knows_until for life in self.lives if life.partition == partition]
        lowest = min((entry.epoch for entry in self._void(partition)), default=None)
        markers = [entry.offset for entry in log.history if lowest is not None and entry.epoch > lowest][:1]
        before = min([log.end, *known, *markers])
        stores = [end for (owner, _), end in self._stored.items() if owner == partition]
        stores += [life.store.next_offset for life in self.lives if life.partition == partition]
        stores += [
            follower.store.next_offset for (owner, _), follower in self._followers.items() if owner == partition
        ]
        log.compact(before, min([before, *stores]))
        self._say(f"partition {partition} compacted before {before}")

    def _void(self, partition: int) -> list[Entry]:
        return state_of(self.logs[partition].history)[1]

    def _say(self, what: str) -> None:
        self.schedule.append(f"{self.tick:5} {what}")
