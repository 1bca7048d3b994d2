"""One partition of state and the only way to change it: decide, append, store, send.

What holds, whatever is killed or stopped, and when:

- A step's new state, its progress on every source topic and the exact bytes of its outputs are one changelog record
  batch, so they are durable together or not at all. Outputs are sent only after that, and sent again by the next
  owner if this one may not have finished: a consumer can see a record twice, byte for byte, and never misses one.
- Ownership is an epoch, begun by a marker in the changelog itself. An append tells where it landed; if that isn't
  where the last one ended, somebody else has written. Behind a marker of a higher epoch this process is *fenced*: it
  ends without having stored or sent anything. Records of a lower epoch behind our marker are void, and their keys
  are written again, so that compaction can't keep the void ones.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Protocol

import msgspec
from msgspec import Struct

from agents.journal import OWNER_KEY, Entry, Journal, TooLarge
from agents.meters import UNMETERED, ShardMeter
from agents.recovering import Recovery, owner_value
from tables.store import Store

META_KEY: Final = b"\x00meta"
OUTBOX_KEY: Final = b"\x00outbox"
TAKEOVER_TRIES: Final = 20
# Half of the changelogs' min.compaction.lag.ms.
CONFIRM_AFTER_S: Final = 300.0


class Fenced(Exception):
    """Another process owns this partition now. The only right thing to do is to stop."""


class Output(Struct, array_like=True, frozen=True, gc=False):
    """A record to send: where to, and its exact bytes."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class Meta(Struct, array_like=True):
    """A partition's progress. applied: next offset of each source topic; sequence: steps taken so far, by which
    receivers of repartition records know repeats; origins: the last sequence seen of each upstream partition;
    clock_ms: the newest event time."""

    version: int = 1
    sequence: int = 0
    clock_ms: int = 0
    applied: dict[str, int] = {}
    origins: dict[str, int] = {}


class Sender(Protocol):
    """Sends records and returns when the broker has them all."""

    async def send(self, outputs: Sequence[Output]) -> None: ...


def no_crash(point: str) -> None:
    """The crash point of a process that isn't under test."""


_encode = msgspec.msgpack.Encoder().encode
_decode_meta = msgspec.msgpack.Decoder(Meta).decode
_decode_outbox = msgspec.msgpack.Decoder(list[Output]).decode


class Shard:
    """The state of one partition while this process owns it. Steps are serialised by `lock`."""

    def __init__(
        self,
        *,
        partition: int,
        owner: str,
        store: Store,
        journal: Journal,
        sender: Sender,
        monotonic: Callable[[], float],
        recheck_s: float,
        crash_point: Callable[[str], None] = no_crash,
        meter: ShardMeter = UNMETERED,
    ) -> None:
        """owner: names this process in markers. recheck_s: a step that was held up for longer between its append and
        its sends (a stopped process, a swapped-out one) asks the changelog first whether it still owns the partition;
        well below the session timeout."""
        self.partition = partition
        self.lock = asyncio.Lock()
        self.meta = Meta()
        self.epoch = 0
        self.store = store
        self._owner = owner.encode()
        self._journal = journal
        self._sender = sender
        self._monotonic = monotonic
        self._recheck_s = recheck_s
        self._crash_point = crash_point
        self._meter = meter
        self._next_offset = 0
        self._appended_at = monotonic()

    async def take_over(self, progress: Callable[[int], None] = lambda _remaining: None) -> int:
        """Become the owner: claim an epoch, recover all that is before the claim, finish the last owner's sends.

        Returns the number of changelog entries read. Raises `Fenced` if others claim it faster, again and again.
        """
        recovery, read = Recovery(self.store), 0
        for _ in range(TAKEOVER_TRIES):
            claim = recovery.newest + 1
            marker = await self._journal.append({OWNER_KEY: self._owner}, claim)
            self._crash_point("claimed")
            read += await self._recover(recovery, marker.base_offset, progress)
            if recovery.newest < claim:
                break
        else:
            raise Fenced(f"partition {self.partition} was claimed by others {TAKEOVER_TRIES} times")
        self.epoch = claim
        self._next_offset = marker.base_offset + 1
        await self._write_again(list(recovery.void), {})
        self.store.write({OWNER_KEY: owner_value(claim, self._owner)}, self._next_offset)
        self._crash_point("recovered")
        meta, outbox = self.store.get(META_KEY), self.store.get(OUTBOX_KEY)
        self.meta = _decode_meta(meta) if meta else Meta()
        if outbox:
            outputs = _decode_outbox(outbox)
            self._meter.unsent(outputs)
            await self._sender.send(outputs)
        self._crash_point("resent")
        self._meter.caught_up(read)
        return read

    async def _recover(self, recovery: Recovery, end: int, progress: Callable[[int], None]) -> int:
        """Bring the store to `end`; the number of entries that were read for it."""
        if recovery.next_offset > end:
            raise Fenced(
                f"the changelog of partition {self.partition} ends at {end}, the local state stands for "
                f"{recovery.next_offset}: the broker has lost data, or is another one; delete the data directory to "
                "start from the broker's"
            )
        count = 0
        async for entries in self._journal.read(recovery.next_offset, end):
            recovery.take(entries)
            count += len(entries)
            progress(end - recovery.next_offset)
        return count

    async def commit(
        self, writes: Mapping[bytes, bytes | None], outputs: Sequence[Output], meta: Meta | None = None
    ) -> None:
        """Make one step durable, then visible. The caller holds `lock` and has decided from the current state. meta:
        the progress that it makes, none by default; it is given its sequence here.

        Raises `journal.TooLarge` before anything has happened; the caller takes a smaller step. After any other
        exception it is unknown what others will see: end the process, the next owner finds out.
        """
        meta = msgspec.structs.replace(self.meta) if meta is None else meta
        meta.sequence = self.meta.sequence + 1
        entries = dict(writes)
        entries[META_KEY] = _encode(meta)
        entries[OUTBOX_KEY] = _encode(outputs)
        self._crash_point("decided")
        appending_at = self._monotonic()
        await self._append(entries)
        self._crash_point("appended")
        appended_at = self._monotonic()
        self._meter.timed("changelog", appended_at - appending_at)
        self.store.write(entries, self._next_offset)
        self._crash_point("stored")
        stored_at = self._monotonic()
        self._meter.timed("store", stored_at - appended_at)
        if outputs:
            if stored_at - appending_at > self._recheck_s:
                await self.confirm()
            try:
                await self._sender.send(outputs)
            except BaseException:
                self._meter.unsent(outputs)
                raise
            self._crash_point("sent")
            self._meter.timed("send", self._monotonic() - stored_at)
        self.meta = meta

    async def confirm(self) -> None:
        """Ask the changelog whether this process still owns the partition, and undo what others have appended since.

        For an owner with nothing to do, now and then within the changelog's compaction lag. Raises `Fenced`.
        """
        await self._append({OWNER_KEY: self._owner})

    async def confirm_if_quiet(self) -> None:
        """`confirm`, if nothing has been appended for `CONFIRM_AFTER_S`."""
        if self._monotonic() - self._appended_at > CONFIRM_AFTER_S:
            await self.confirm()

    async def release(self) -> None:
        """Give the partition up in good order: everything is sent, and the next owner needs to send nothing again."""
        # Not a delete: once compacted away, it would leave an old outbox in an old local state to be sent again.
        await self._append({OUTBOX_KEY: _encode([])})

    async def _append(
        self, entries: Mapping[bytes, bytes | None], newer: Mapping[bytes, bytes | None] = MappingProxyType({})
    ) -> None:
        """Append and find out who else has written since. Raises `Fenced`.

        newer: what this step has appended already and not stored yet."""
        appended = await self._journal.append(entries, self.epoch)
        self._appended_at = self._monotonic()
        expected, self._next_offset = self._next_offset, appended.base_offset + appended.count
        if appended.base_offset == expected:
            return
        newer = {**newer, **entries}
        void, seen = dict[bytes, None](), 0
        async for foreign in self._journal.read(expected, appended.base_offset):
            seen += len(foreign)
            for entry in foreign:
                if entry.epoch > self.epoch:
                    raise Fenced(f"partition {self.partition} has an owner of epoch {entry.epoch}, not {self.epoch}")
                if entry.key not in entries and not self._harmless(entry, newer):
                    void[entry.key] = None
        if seen != appended.base_offset - expected:
            raise Fenced(
                f"the changelog of partition {self.partition} has lost entries between {expected} and "
                f"{appended.base_offset} (compacted, or another log): who owns it now can't be told"
            )
        await self._write_again(list(void), newer)

    async def _write_again(self, keys: list[bytes], newer: Mapping[bytes, bytes | None]) -> None:
        """Append what the state has for `keys`, in as many batches as that takes."""
        if not keys:
            return
        try:
            await self._append({key: self._newest(key, newer) for key in keys}, newer)
        except TooLarge:
            if len(keys) == 1:
                raise
            await self._write_again(keys[: len(keys) // 2], newer)
            await self._write_again(keys[len(keys) // 2 :], newer)

    def _harmless(self, entry: Entry, newer: Mapping[bytes, bytes | None]) -> bool:
        """Whether an entry that isn't behind ours may stand: one of our own epoch is our own batch appended twice by
        a retry, and maybe late. (A marker of a lower epoch may not: compaction would forget ours.)"""
        own = entry.epoch == self.epoch
        return own and (entry.key == OWNER_KEY or entry.value == self._newest(entry.key, newer))

    def _newest(self, key: bytes, newer: Mapping[bytes, bytes | None]) -> bytes | None:
        if key == OWNER_KEY:
            return self._owner
        return newer[key] if key in newer else self.store.get(key)
