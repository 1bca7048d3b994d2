"""What a shard is given in tests instead of a broker: a log in memory, a list of what was sent, a clock set by hand.

Journals and senders call `reach(point)` at every point at which a process can be stopped or a broker can fail; the
test decides there what happens (nothing, an exception, a pause). The points are "before append", "before retry",
"after append", "amid read", "before send", "amid send" and "after send".
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence

from agents.journal import Append, Entry, TooLarge
from agents.shard import Output

Reach = Callable[[str], Awaitable[None]]

READ_AT_ONCE = 7  # small, so that a recovery takes several writes


class Lost(Exception):
    """The broker did not answer."""


class Killed(BaseException):
    """The process ends here."""


async def undisturbed(point: str) -> None:
    """Nothing happens at any point."""


class Log:
    """One partition of a compacted topic. `entries` is what a reader gets, `history` all that was ever appended."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.history: list[Entry] = []
        self.end = 0

    def append(self, entries: Mapping[bytes, bytes | None], epoch: int) -> int:
        """Returns the base offset."""
        base = self.end
        batch = [Entry(base + index, key, value, epoch) for index, (key, value) in enumerate(entries.items())]
        self.entries += batch
        self.history += batch
        self.end += len(batch)
        return base

    def compact(self, before: int, tombstones_before: int) -> None:
        """What a broker's cleaner does to everything before an offset: of each key the last record stays, and a
        delete before `tombstones_before` goes too."""
        last = {entry.key: entry.offset for entry in self.entries if entry.offset < before}
        self.entries = [
            entry
            for entry in self.entries
            if entry.offset >= before
            or (last[entry.key] == entry.offset and (entry.value is not None or entry.offset >= tombstones_before))
        ]


class MemoryJournal:
    """A process's connection to a log. `doubles(number)` says of the n-th append whether a retry appends it twice,
    and whether the "first" or the "second" is acknowledged."""

    def __init__(
        self,
        log: Log,
        reach: Reach = undisturbed,
        *,
        max_entries: int = 1_000_000,
        doubles: Callable[[int], str | None] = lambda number: None,
    ) -> None:
        self.log = log
        self._reach = reach
        self._max_entries = max_entries
        self._doubles = doubles
        self._appends = 0

    async def append(self, entries: Mapping[bytes, bytes | None], epoch: int) -> Append:
        if len(entries) > self._max_entries:
            raise TooLarge(f"{len(entries)} entries")
        await self._reach("before append")
        self._appends += 1
        doubled = self._doubles(self._appends)
        base = self.log.append(entries, epoch)
        if doubled is not None:
            await self._reach("before retry")
            second = self.log.append(entries, epoch)
            base = second if doubled == "second" else base
        await self._reach("after append")
        return Append(base, len(entries))

    async def read(self, start: int, end: int) -> AsyncIterator[Sequence[Entry]]:
        found = [entry for entry in self.log.entries if start <= entry.offset < end]
        for index in range(0, len(found), READ_AT_ONCE):
            yield found[index : index + READ_AT_ONCE]
            await self._reach("amid read")


class MemorySender:
    """Adds what is sent to `wire`."""

    def __init__(self, wire: list[Output], reach: Reach = undisturbed) -> None:
        self.wire = wire
        self._reach = reach

    async def send(self, outputs: Sequence[Output]) -> None:
        await self._reach("before send")
        half = len(outputs) // 2
        self.wire += outputs[:half]
        await self._reach("amid send")
        self.wire += outputs[half:]
        await self._reach("after send")


class ManualClock:
    """A monotonic clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


class MemoryStore:
    """`tables.store.Store` without a disk, for tests that open thousands."""

    def __init__(self) -> None:
        self._values: dict[bytes, bytes] = {}
        self.next_offset = 0

    def get(self, key: bytes) -> bytes | None:
        return self._values.get(key)

    def write(self, changes: Mapping[bytes, bytes | None], offset: int) -> None:
        for key, value in changes.items():
            if value is None:
                self._values.pop(key, None)
            else:
                self._values[key] = value
        self.next_offset = offset

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        return iter(sorted(item for item in self._values.items() if item[0].startswith(prefix)))

    def close(self) -> None:
        """Its contents stay, as they would on disk."""


def state_of(entries: Sequence[Entry]) -> tuple[dict[bytes, bytes], list[Entry]]:
    """What a log says, by the epoch rule alone: an entry counts if no entry before it has a higher epoch.

    Returns the keys with their values, and of each key that has been void since it last counted the first void entry.
    """
    newest, values, void = 0, dict[bytes, bytes](), dict[bytes, Entry]()
    for entry in entries:
        if entry.epoch < newest:
            void.setdefault(entry.key, entry)
            continue
        newest = entry.epoch
        void.pop(entry.key, None)
        if entry.value is None:
            values.pop(entry.key, None)
        else:
            values[entry.key] = entry.value
    return values, list(void.values())
