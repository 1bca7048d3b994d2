"""The audit chain: records that each carry the hash of the one before, so that none can be changed, dropped, moved or
put in between without that being found.

A record travels as canonical JSON: keys sorted, no spaces, UTF-8, no floats. `hash` is the SHA-256 of the record
without `hash` and `signature`; `previous` is the hash of the record before it. `signature` is a keyed BLAKE2b of
`hash`: without the key nobody can append to a chain, or write one anew.
"""

from collections.abc import Mapping
from hashlib import blake2b, sha256
from hmac import compare_digest
from typing import Final

import msgspec
from msgspec import Struct, field

from core.records import AuditRecord

VERSION: Final = 1
GENESIS: Final = "0" * 64
SIGNATURE_BYTES: Final = 32
CHECKPOINT: Final = "checkpoint"
HASH_BYTES: Final = 32
# After a crash a step's records come again, behind at most a few steps of the next owner.
REPEATS_WITHIN: Final = 100_000

canonical = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder(AuditRecord).decode

Detail = str | int | bool | None


class Entry(Struct, gc=False):
    """What is to be recorded. by: who did it; reason: why; time: when, RFC 3339."""

    subject: str
    action: str
    by: str
    reason: str
    time: str
    details: dict[str, Detail] = field(default_factory=dict)


class Chain(Struct, array_like=True):
    """Where a partition's chain stands. checkpoint, checkpoint_ms: sequence and time of its last checkpoint."""

    version: int = VERSION
    partition: int = 0
    sequence: int = 0
    hash: str = GENESIS
    checkpoint: int = 0
    checkpoint_ms: int = 0

    def append(self, entry: Entry, recorded: str, key: bytes) -> bytes:
        """The next record, as it travels. recorded: the wall clock, RFC 3339; key: signs."""
        body = {
            "action": entry.action,
            "by": entry.by,
            "details": entry.details,
            "partition": self.partition,
            "previous": self.hash,
            "reason": entry.reason,
            "recorded": recorded,
            "sequence": self.sequence + 1,
            "subject": entry.subject,
            "time": entry.time,
        }
        self.hash = body["hash"] = sha256(canonical(body)).hexdigest()
        body["signature"] = signature_of(self.hash, key)
        self.sequence += 1
        return canonical(body)

    def append_checkpoint(self, now_ms: int, recorded: str, key: bytes) -> bytes:
        """A record that a copy elsewhere proves the chain's length by."""
        entry = Entry(
            subject=CHECKPOINT,
            action=CHECKPOINT,
            by="argus",
            reason="",
            time=recorded,
            details={"records": self.sequence - self.checkpoint},
        )
        record = self.append(entry, recorded, key)
        self.checkpoint, self.checkpoint_ms = self.sequence, now_ms
        return record


def signature_of(hash_: str, key: bytes) -> str:
    """Says that whoever has the key has written the record of this hash."""
    return blake2b(hash_.encode(), key=key, digest_size=SIGNATURE_BYTES).hexdigest()


class Broken(Exception):
    """A record that can't stand where it is. sequence: None where it can't be read."""

    def __init__(self, what: str, partition: int | None = None, sequence: int | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.partition = partition
        self.sequence = sequence


class Head(Struct, frozen=True):
    """A record that a chain must contain. source: who says so, for people."""

    partition: int
    sequence: int
    hash: str
    source: str


def read_record(raw: bytes, key: bytes | None) -> AuditRecord:
    """A record that is whole in itself: canonical, of its own hash and, where there is a key, signed by it. Raises
    `Broken`."""
    try:
        record = _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Broken(f"it is no audit record: {error}") from None
    where = (record.partition, record.sequence)
    fields = {name: getattr(record, name) for name in AuditRecord.__struct_fields__}
    if canonical(fields) != raw:
        raise Broken("it is not in canonical form", *where)
    signature = fields.pop("signature")
    hash_ = fields.pop("hash")
    if sha256(canonical(fields)).hexdigest() != hash_:
        raise Broken("its contents are not what its hash was made of", *where)
    if key is not None and not compare_digest(signature_of(hash_, key).encode(), signature.encode()):
        raise Broken("its signature was not made with this secret", *where)
    return record


class Verifier:
    """Takes every partition's records in order and raises `Broken` at the first that can't stand; `end` looks for a
    tail that was cut off. A byte-identical repeat is no break."""

    def __init__(
        self,
        key: bytes | None,
        heads: tuple[Head, ...] = (),
        *,
        partial: bool = False,
        repeats_within: int = REPEATS_WITHIN,
    ) -> None:
        """key: None to check the hashes alone. partial: chains may begin behind their first record. repeats_within:
        how many records, at least, a repeat may be behind."""
        self._repeats_within = repeats_within
        self._key = key
        self._partial = partial
        self._heads: dict[tuple[int, int], list[Head]] = {}
        for head in heads:
            self._heads.setdefault((head.partition, head.sequence), []).append(head)
        self._seen: dict[int, _Seen] = {}
        self.records = 0
        self.repeats = 0
        self.checkpoints = 0

    @property
    def ends(self) -> Mapping[int, tuple[int, str]]:
        """Sequence and hash of each partition's last record."""
        return {partition: (seen.sequence, seen.hash) for partition, seen in self._seen.items()}

    def reached(self, partition: int, sequence: int) -> bool:
        """Whether the partition's chain is that long."""
        seen = self._seen.get(partition)
        return sequence <= (seen.sequence if seen is not None else 0)

    def take(self, raw: bytes, partition: int | None = None) -> AuditRecord:
        """The next record of its partition. partition: where it was found, if that is known."""
        record = read_record(raw, self._key)
        where = (record.partition, record.sequence)
        if partition is not None and record.partition != partition:
            raise Broken(f"it is found in partition {partition}", *where)
        seen = self._seen.get(record.partition)
        if seen is None:
            first = record.sequence - 1 if self._partial else 0
            previous = record.previous if self._partial else GENESIS
            seen = self._seen[record.partition] = _Seen(first, previous, self._repeats_within)
        if record.sequence <= seen.sequence:
            if not seen.had(record):
                raise Broken("another record has its number, or it is out of place", *where)
            self.repeats += 1
            return record
        if record.sequence > seen.sequence + 1:
            missing = f"{seen.sequence + 1} to {record.sequence - 1}" if record.sequence - seen.sequence > 2 else ""
            which = f"records {missing} are" if missing else f"record {seen.sequence + 1} is"
            raise Broken(f"{which} missing, or not in place", *where)
        if record.previous != seen.hash:
            raise Broken("it does not follow from the record before it", *where)
        for head in self._heads.pop(where, ()):
            if head.hash != record.hash:
                raise Broken(f"{head.source} has another record of this number", *where)
        seen.add(record)
        self.records += 1
        self.checkpoints += record.action == CHECKPOINT
        return record

    def sealed(self, ends: Mapping[int, tuple[int, str]], source: str) -> list[Broken]:
        """What is missing or too much where the chains must end here and nowhere else."""
        broken = []
        for partition in sorted(ends.keys() | self._seen.keys()):
            sequence, hash_ = ends.get(partition, (0, GENESIS))
            last, last_hash = self.ends.get(partition, (0, GENESIS))
            if last < sequence:
                broken.append(_cut_off(partition, sequence, last, source))
            elif last > sequence:
                broken.append(Broken(f"it was added behind the end that {source} gives", partition, sequence + 1))
            elif last_hash != hash_:
                broken.append(Broken(f"{source} has another record of this number", partition, sequence))
        return broken

    def end(self) -> list[Broken]:
        """What is missing behind the last records."""
        broken = []
        for (partition, sequence), heads in sorted(self._heads.items()):
            seen = self._seen.get(partition)
            last = seen.sequence if seen is not None else 0
            if sequence > last:
                broken.append(_cut_off(partition, sequence, last, heads[0].source))
        return broken


def _cut_off(partition: int, sequence: int, last: int, source: str) -> Broken:
    return Broken(f"{source} has it, and the chain is cut off behind record {last}", partition, sequence)


class _Seen:
    """A partition's end, and the hashes of the records before it, as far as repeats reach."""

    def __init__(self, sequence: int, hash_: str, repeats_within: int) -> None:
        self.sequence = sequence
        self.hash = hash_
        self._kept_bytes = repeats_within * HASH_BYTES
        self._hashes = bytearray()

    def add(self, record: AuditRecord) -> None:
        self.sequence = record.sequence
        self.hash = record.hash
        self._hashes += bytes.fromhex(record.hash)
        if len(self._hashes) >= 2 * self._kept_bytes:
            del self._hashes[: self._kept_bytes]

    def had(self, record: AuditRecord) -> bool:
        begin = len(self._hashes) - (self.sequence - record.sequence + 1) * HASH_BYTES
        return begin >= 0 and self._hashes[begin : begin + HASH_BYTES] == bytes.fromhex(record.hash)
