"""`argus audit verify` and `argus audit export`: the chains checked on the broker or in a file, and taken out."""

import functools
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from argus.audit_file import SEAL_BEGINS, read_seal, seal
from argus.audit_table import KEY_PURPOSE
from argus.audit_topic import CHANGELOG, changelog_heads, consumer_of, partitions_of, records
from argus.checkpoints import checkpoint_files, heads
from argus.kafka_access import access_of
from argus.secret import FILE as SECRET_FILE
from argus.secret import derived_key
from argus.settings import Settings, SettingsError
from core.audit import Broken, Verifier
from core.clock import rfc3339

LINE_BYTES: Final = 4 * 1024 * 1024
Echo = Callable[[str], object]


class Finding(Struct, frozen=True):
    """A break. where: the offset or the line of the record."""

    broken: Broken
    where: str = ""

    def __str__(self) -> str:
        broken = self.broken
        place = f"partition {broken.partition}" if broken.partition is not None else "some partition"
        record = f", record {broken.sequence}" if broken.sequence is not None else ""
        return f"broken: {place}{record}{f' ({self.where})' if self.where else ''}: {broken.what}"


def key_of(settings: Settings, unsigned: bool) -> bytes | None:
    """What the records must be signed with; None where only hashes are to be checked. A secret is never made here.
    Raises `SettingsError`."""
    if unsigned:
        return None
    secret, path = settings.secret, settings.data_dir / SECRET_FILE
    if not secret:
        try:
            secret = path.read_text("ascii").strip()
        except OSError:
            message = f"no secret to check signatures with: ARGUS_SECRET is not set and {path} can't be read"
            raise SettingsError(f"{message} (--unsigned checks the hashes alone)") from None
    return derived_key(secret, KEY_PURPOSE)


def verify_file(
    path: Path, key: bytes | None, checkpoints: Sequence[Path], *, partial: bool, open_end: bool, echo: Echo
) -> int:
    """The exit status: 1 where something is broken, with a line for the first break of each partition."""
    try:
        verifier = Verifier(key, heads(checkpoints, key), partial=partial)
    except Broken as broken:
        echo(str(Finding(broken)))
        return 1
    findings: dict[int | None, Finding] = {}
    sealed, number = False, 0
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(LINE_BYTES), b""), 1):
            where = f"line {number}"
            try:
                if sealed:
                    raise Broken("it stands behind the seal")
                if line.startswith(SEAL_BEGINS):
                    sealed = True
                    ends = read_seal(line.removesuffix(b"\n"), key)
                    for missing in verifier.sealed(ends, "the seal of the export"):
                        findings.setdefault(missing.partition, Finding(missing))
                    continue
                verifier.take(line.removesuffix(b"\n"))
            except Broken as broken:
                findings.setdefault(broken.partition, Finding(broken, where))
    for missing in verifier.end():
        findings.setdefault(missing.partition, Finding(missing))
    if not (sealed or checkpoints or open_end or findings):
        what = "nothing says that the file ends where it should: it has no seal (--checkpoints, or --open-end)"
        findings[None] = Finding(Broken(what), f"behind line {number}")
    witness = ["a seal"] * sealed + [f"{len(checkpoints)} checkpoint files"] * bool(checkpoints)
    return _told(verifier, findings, witness, echo)


async def verify_topic(
    settings: Settings, key: bytes | None, checkpoints: Sequence[Path], *, partial: bool, echo: Echo
) -> int:
    """As `verify_file`, from the broker. Raises `BrokerError`."""
    topic, access = settings.topic("audit"), access_of(settings)
    files = [*checkpoints, *checkpoint_files(settings.data_dir)]
    findings: dict[int | None, Finding] = {}
    changelog = settings.topic(CHANGELOG)
    partitions, logged = await partitions_of(settings.broker, access, topic, changelog)
    async with consumer_of(settings.broker, access) as consumer:
        ends = await changelog_heads(consumer, changelog, logged)
        try:
            known = (*heads(files, key), *ends)
            verifier = Verifier(key, known, partial=partial)
        except Broken as broken:
            echo(str(Finding(broken)))
            return 1
        for partition in partitions:
            # What is in the changelog may be on its way.
            wanted = max((head.sequence for head in known if head.partition == partition), default=0)
            enough = functools.partial(verifier.reached, partition, wanted)
            async for record in records(consumer, topic, partition, enough=enough):
                try:
                    verifier.take(record.value or b"", partition)
                except Broken as broken:
                    broken.partition = partition
                    findings[partition] = Finding(broken, f"offset {record.offset}")
                    break
    for missing in verifier.end():
        findings.setdefault(missing.partition, Finding(missing))
    witness = ["the changelog"] * bool(ends) + [f"{len(files)} checkpoint files"] * bool(files)
    return _told(verifier, findings, witness, echo)


async def export(settings: Settings, out: Path, key: bytes | None, echo: Echo) -> int:
    """Every record of the topic, as it is, and a seal behind them; the exit status is 1 where a chain is broken (all
    is exported, the seal tells what could be followed)."""
    topic, access = settings.topic("audit"), access_of(settings)
    verifier = Verifier(key)
    findings: dict[int | None, Finding] = {}
    count = 0
    (partitions,) = await partitions_of(settings.broker, access, topic)
    async with consumer_of(settings.broker, access) as consumer:
        with out.open("wb") as file:
            for partition in partitions:
                async for record in records(consumer, topic, partition):
                    file.write((record.value or b"") + b"\n")
                    count += 1
                    try:
                        if partition not in findings:
                            verifier.take(record.value or b"", partition)
                    except Broken as broken:
                        broken.partition = partition
                        findings[partition] = Finding(broken, f"offset {record.offset}")
            file.write(seal(verifier.ends, count, rfc3339(time.time_ns() // 1_000_000), key) + b"\n")
    return _told(verifier, findings, [f"{out}"], echo)


def _told(verifier: Verifier, findings: dict[int | None, Finding], witness: list[str], echo: Echo) -> int:
    for finding in findings.values():
        echo(str(finding))
    if findings:
        return 1
    twice = f", {verifier.repeats:,} came twice" if verifier.repeats else ""
    vouched = f"; ends by {' and '.join(witness)}" if witness else ""
    echo(
        f"whole: {verifier.records:,} records in {len(verifier.ends)} partitions, "
        f"{verifier.checkpoints:,} of them checkpoints{twice}{vouched}"
    )
    return 0
