"""The audit table's partition at work: what others decide and do comes in, one chain of records goes out.

The chain's end is part of the shard's state and its records are in the shard's outbox, so that after a crash the
next owner sends the very same bytes again, and goes on from there.
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

import msgspec
from msgspec import Struct

from agents.keyed import KeyedWork, Kind, Step
from agents.services import Services
from agents.shard import Output, Shard
from agents.steps import Missed
from core.audit import Chain, Detail, Entry
from core.audited import APPROVED, Read, approvals, told
from core.canary import has_header
from core.clock import rfc3339
from tables.audit import CHAINS

# The table has one key.
CHAIN: Final = ""
CHAIN_KEY: Final = b"c"
KIND: Final = Kind("audit", CHAIN_KEY, CHAINS)
REPEATS_KEY: Final = b"r"
STANDING_KEY: Final = b"s"
CHECKPOINT_RECORDS: Final = 1_000
CHECKPOINT_MS: Final = 60_000
# A repeat comes from a step that was sent again: so many of what is told one by one are known by their hashes.
REPEATS_KEPT: Final = 1_024
REPEAT_BYTES: Final = 8

_encode_standing = msgspec.msgpack.Encoder(order="sorted").encode
_decode_standing = msgspec.msgpack.Decoder(dict[str, str]).decode


class Audit(Struct, frozen=True, kw_only=True):
    """What the audit is about. topic: its own; decisions: the topic whose approvals become digests; readers: by
    topic; key: signs; by: who has started this process; standing: what is in force, settings and rules, as text by
    name; keep: is given each checkpoint, to be kept elsewhere."""

    topic: str
    decisions: str
    readers: Mapping[str, Read]
    key: bytes
    by: str
    standing: Callable[[], Mapping[str, str]]
    keep: Callable[[bytes], None]


class Draft:
    """A step's records, before it has happened."""

    def __init__(self, chain: Chain, repeats: dict[bytes, None], audit: Audit, now_ms: int) -> None:
        self.chain = msgspec.structs.replace(chain)
        self.repeats = repeats.copy()
        self.records: list[tuple[str, bytes]] = []
        self.checkpoint: bytes | None = None
        self._audit = audit
        self._now_ms = now_ms
        self._recorded = rfc3339(now_ms)

    def add(self, entry: Entry) -> None:
        self.records.append((entry.subject, self.chain.append(entry, self._recorded, self._audit.key)))

    def new(self, digest: bytes) -> bool:
        """Whether a record of this hash has not been told of late."""
        short = digest[:REPEAT_BYTES]
        if short in self.repeats:
            return False
        self.repeats[short] = None
        if len(self.repeats) > REPEATS_KEPT:
            del self.repeats[next(iter(self.repeats))]
        return True

    def check(self, *, after: int = 1) -> None:
        """End with a checkpoint, if there are so many records behind the last one."""
        if self.chain.sequence - self.chain.checkpoint >= after:
            self.checkpoint = self.chain.append_checkpoint(self._now_ms, self._recorded, self._audit.key)
            self.records.append(("checkpoint", self.checkpoint))


class AuditWork(KeyedWork[Chain]):
    """One partition of the audit table while this worker owns it (see `agents.lanes.Work`). Its one state is the
    chain's end."""

    def __init__(self, services: Services, shard: Shard, audit: Audit, missed: Missed) -> None:
        super().__init__(services, shard, KIND, 1, missed)
        self._audit = audit
        self._chain = Chain(partition=shard.partition)
        self._repeats: dict[bytes, None] = {}
        self._standing: Mapping[str, str] = {}

    async def start(self) -> None:
        await super().start()
        store = self.shard.store
        repeats, standing = store.get(REPEATS_KEY) or b"", store.get(STANDING_KEY)
        self._chain = self.load([CHAIN]).get(CHAIN, self._chain)
        self._repeats = dict.fromkeys(repeats[at : at + REPEAT_BYTES] for at in range(0, len(repeats), REPEAT_BYTES))
        self._standing = _decode_standing(standing) if standing is not None else {}
        await self._note_changes()

    def decide(self, topic: str, records: Sequence[Any]) -> Step[Chain]:
        draft = self._draft()
        self._tell(draft, topic, records)
        draft.check(after=CHECKPOINT_RECORDS)
        return self._happening(draft)

    async def tick(self) -> None:
        async with self.shard.lock:
            await self._note_changes()
            now_ms = self.services.now_ms()
            if self._chain.sequence > self._chain.checkpoint and now_ms - self._chain.checkpoint_ms >= CHECKPOINT_MS:
                await self._check()
            else:
                await self.shard.confirm_if_quiet()

    async def stop(self, *, gracefully: bool) -> None:
        if gracefully:
            await self._check()
        await super().stop(gracefully=gracefully)

    def _tell(self, draft: Draft, topic: str, records: Sequence[Any]) -> None:
        read = self._audit.readers[topic]
        singles = records
        if topic == self._audit.decisions:
            records = singles = [record for record in records if not (record.headers and has_header(record.headers))]
            approved = [record for record in records if record.value is not None and APPROVED in record.value]
            if approved:
                first, last = approved[0].offset, approved[-1].offset
                time = rfc3339(approved[-1].timestamp)
                draft.add(approvals([record.value for record in approved], first, last, time))
                if len(approved) == len(records):
                    return
                singles = [record for record in records if record.value is None or APPROVED not in record.value]
        for record in singles:
            value = record.value or b""
            digest = sha256(value)
            if draft.new(digest.digest()):
                time = rfc3339(record.timestamp)
                draft.add(told(read, value, digest.hexdigest(), topic, record.offset, time))

    async def _note_changes(self) -> None:
        """Record what is in force and was not before: the first partition's chain tells it for all."""
        standing, before = self._audit.standing(), self._standing
        if self.shard.partition != 0 or standing is before:
            return
        draft, time = self._draft(), rfc3339(self.services.now_ms())
        for name in sorted(before.keys() | standing.keys()):
            old, new = before.get(name), standing.get(name)
            if old != new:
                details: dict[str, Detail] = {"before": old, "after": new}
                draft.add(Entry(name, "configuration.change", self._audit.by, "", time, details))
        if draft.records:
            step = self._happening(draft)
            step.writes[STANDING_KEY] = _encode_standing(dict(standing))
            await self.commit(step, self.shard.meta.applied)
        self._standing = standing

    async def _check(self) -> None:
        draft = self._draft()
        draft.check()
        if draft.records:
            await self.commit(self._happening(draft), self.shard.meta.applied)

    def _draft(self) -> Draft:
        return Draft(self._chain, self._repeats, self._audit, self.services.now_ms())

    def _happening(self, draft: Draft) -> Step[Chain]:
        """The step that the draft is: when it has happened, the chain goes on from there."""
        partition = self.shard.partition
        outputs = [Output(self._audit.topic, partition, subject.encode(), raw) for subject, raw in draft.records]
        writes: dict[bytes, bytes | None] = {}
        if draft.repeats.keys() != self._repeats.keys():
            writes[REPEATS_KEY] = b"".join(draft.repeats)

        def after() -> None:
            self._chain, self._repeats = draft.chain, draft.repeats
            self.services.meter.count("audit_records", len(draft.records))
            if draft.checkpoint is not None:
                self.services.meter.count("audit_checkpoints", 1)
                self._audit.keep(draft.checkpoint)

        return Step({CHAIN: draft.chain}, writes, outputs, 0, self.shard.meta.origins, after)
