"""`argus audit verify` and `export`: files that were tampered with, and the chain of a worker that is killed."""

import asyncio
import functools
import json
import shutil
import uuid
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from argus.audit import export, key_of, verify_file, verify_topic
from argus.audit_file import seal
from argus.audit_table import KEY_PURPOSE
from argus.cli import run
from argus.secret import derived_key
from argus.settings import Settings, SettingsError
from argus.topics import ensure_topics
from core.audit import Broken, Chain, Entry, Verifier, read_record
from core.audited import APPROVED
from simulation.config import Config
from simulation.stream import generate
from tests.faults import outside
from tests.faults.workers import Worker

Told = dict[str, Any]

SECRET = "for tests only"
KEY = derived_key(SECRET, KEY_PURPOSE)
TIME = "2026-03-02T12:00:00.000Z"


def links(count: int, partition: int) -> list[bytes]:
    """Records of one partition, the last a checkpoint."""
    chain = Chain(partition=partition)
    entries = [Entry(f"u{number}", "lock.locked", "rule", "why", TIME) for number in range(count - 1)]
    return [*(chain.append(entry, TIME, KEY) for entry in entries), chain.append_checkpoint(0, TIME, KEY)]


def exported() -> list[bytes]:
    """Two partitions one after the other, and a seal: lines 1 to 6, 7 to 12, 13."""
    lines = links(6, 0) + links(6, 1)
    verifier = Verifier(KEY)
    for line in lines:
        verifier.take(line)
    return [*lines, seal(verifier.ends, len(lines), TIME, KEY)]


class Desk:
    """A file, and what verifying it says."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.said: list[str] = []

    def verify(
        self, lines: list[bytes], checkpoints: list[bytes] | None = None, key: bytes | None = KEY, **how: bool
    ) -> int:
        file, kept = self.path / "audit.jsonl", self.path / "kept.jsonl"
        file.write_bytes(b"".join(line + b"\n" for line in lines))
        kept.write_bytes(b"".join(line + b"\n" for line in checkpoints or ()))
        self.said.clear()
        ways: dict[str, bool] = {"partial": False, "open_end": False} | how
        return verify_file(file, key, [kept] if checkpoints else [], **ways, echo=self.said.append)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_whole_export_is_summed_up(desk: Desk) -> None:
    assert desk.verify(exported()) == 0
    assert desk.said == ["whole: 12 records in 2 partitions, 2 of them checkpoints; ends by a seal"]


def test_records_that_came_twice_are_counted(desk: Desk) -> None:
    lines = exported()
    assert desk.verify(lines[:4] + lines[2:]) == 0
    assert desk.said == ["whole: 12 records in 2 partitions, 2 of them checkpoints, 2 came twice; ends by a seal"]


NO_END = "nothing says that the file ends where it should: it has no seal (--checkpoints, or --open-end)"


def flipped(line: bytes) -> bytes:
    return line.replace(b'"u2"', b'"u3"')


TAMPERED: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str]] = {
    "a changed byte": (
        lambda lines: [*lines[:2], flipped(lines[2]), *lines[3:]],
        "broken: partition 0, record 3 (line 3): its contents are not what its hash was made of",
    ),
    "a dropped record": (
        lambda lines: lines[:8] + lines[9:],
        "broken: partition 1, record 4 (line 9): record 3 is missing, or not in place",
    ),
    "a swapped pair": (
        lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]],
        "broken: partition 0, record 4 (line 3): record 3 is missing, or not in place",
    ),
    "an appended forgery": (
        lambda lines: [*lines[:-1], forgery(lines[-2]), lines[-1]],
        "broken: partition 1, record 7 (line 13): its signature was not made with this secret",
    ),
    "a record behind the seal": (
        lambda lines: [*lines, lines[0]],
        "broken: some partition (line 14): it stands behind the seal",
    ),
    "a truncated tail": (
        lambda lines: lines[:10],
        f"broken: some partition (behind line 10): {NO_END}",
    ),
    "a truncated tail in front of the seal": (
        lambda lines: [*lines[:10], lines[-1]],
        "broken: partition 1, record 6: the seal of the export has it, and the chain is cut off behind record 4",
    ),
    "a partition left out": (
        lambda lines: [*lines[:6], lines[-1]],
        "broken: partition 1, record 6: the seal of the export has it, and the chain is cut off behind record 0",
    ),
    "a changed seal": (
        lambda lines: [*lines[:-1], lines[-1].replace(b'"records":12', b'"records":11')],
        "broken: some partition (line 13): the seal was not made with this secret",
    ),
    "a broken seal": (
        lambda lines: [*lines[:-1], lines[-1].replace(b'"records":12', b'"records": 12')],
        "broken: some partition (line 13): the seal is not in canonical form",
    ),
}


def forgery(last: bytes) -> bytes:
    record = read_record(last, KEY)
    chain = Chain(partition=record.partition, sequence=record.sequence, hash=record.hash)
    return chain.append(Entry("u1", "lock.unlocked", "admin", "trust me", TIME), TIME, b"x" * 32)


@pytest.mark.parametrize("how", TAMPERED)
def test_tampering_with_a_file_is_found_and_the_first_broken_record_named(how: str, desk: Desk) -> None:
    tamper, line = TAMPERED[how]
    assert desk.verify(tamper(exported())) == 1
    assert desk.said[0] == line


def test_a_break_in_one_partition_hides_none_in_another(desk: Desk) -> None:
    lines = exported()
    assert desk.verify([*lines[:2], *lines[3:8], *lines[9:]]) == 1
    assert [line[:29] for line in desk.said] == ["broken: partition 0, record 4", "broken: partition 1, record 4"]


def test_every_cut_of_a_sealed_file_is_found(desk: Desk) -> None:
    lines = exported()
    assert [desk.verify(lines[:end]) for end in range(1, len(lines))] == [1] * (len(lines) - 1)


def test_a_bare_dump_needs_checkpoints_to_be_known_as_whole(desk: Desk) -> None:
    dump, checkpoints = exported()[:-1], [links(6, 0)[-1], links(6, 1)[-1]]
    assert desk.verify(dump) == 1
    assert desk.verify(dump, open_end=True) == 0
    assert desk.verify(dump, checkpoints) == 0
    assert desk.said == ["whole: 12 records in 2 partitions, 2 of them checkpoints; ends by 1 checkpoint files"]
    assert desk.verify(dump[:-1], checkpoints) == 1
    source = f"the checkpoint file {desk.path / 'kept.jsonl'}"
    assert desk.said == [f"broken: partition 1, record 6: {source} has it, and the chain is cut off behind record 5"]
    assert desk.verify(dump, [checkpoints[0], flipped(dump[2])]) == 1
    assert "line 2 is no checkpoint of these chains" in desk.said[0]


def test_a_part_of_a_chain_is_whole_where_a_part_was_meant(desk: Desk) -> None:
    assert desk.verify(exported()[3:6], open_end=True) == 1
    assert desk.verify(exported()[3:6], open_end=True, partial=True) == 0


def test_the_command_line_has_the_secret_from_the_data_directory_and_makes_none(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ARGUS_SECRET", raising=False)
    desk.verify(exported())
    command = ["audit", "verify", "--file", str(tmp_path / "audit.jsonl"), "--data-dir", str(tmp_path)]
    assert run(command) == 2
    assert "no secret to check signatures with" in capsys.readouterr().err
    assert not (tmp_path / "secret").exists()
    assert run([*command, "--unsigned"]) == 0
    (tmp_path / "secret").write_text(SECRET + "\n")
    assert run(command) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("whole: 12 records")
    (tmp_path / "secret").write_text("another\n")
    assert run(command) == 1
    assert "partition 0, record 1 (line 1): its signature was not made with this secret" in capsys.readouterr().out


def test_a_secret_setting_comes_first(tmp_path: Path) -> None:
    assert key_of(Settings(secret=SECRET, data_dir=tmp_path), unsigned=False) == KEY
    assert key_of(Settings(data_dir=tmp_path), unsigned=True) is None
    with pytest.raises(SettingsError):
        key_of(Settings(data_dir=tmp_path), unsigned=False)


def test_a_broker_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["audit", "verify", "--broker", "127.0.0.1:1", "--unsigned", "--data-dir", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("argus: cannot read from 127.0.0.1:1")


class Stage:
    """Topics of their own on a broker, and one worker."""

    def __init__(self, bootstrap: str, path: Path) -> None:
        self.bootstrap = bootstrap
        self.settings = Settings(
            broker=bootstrap, topic_prefix=f"t{uuid.uuid4().hex[:8]}.", secret=SECRET, data_dir=path / "worker"
        )
        self.worker = Worker(bootstrap, self.settings.topic_prefix, self.settings.data_dir, path / "worker.log")
        self.said: list[str] = []

    async def verify(self) -> int:
        self.said.clear()
        return await verify_topic(self.settings, KEY, (), partial=False, echo=self.said.append)

    async def audited(self, enough: Callable[[list[Any]], bool]) -> list[dict[str, Any]]:
        """The audit records, once there are enough."""

        def told(records: list[Any]) -> bool:
            assert self.worker.alive, self.worker.log.read_text()[-2_000:]
            return enough([msgspec.json.decode(record.value) for record in records])

        records = await self.read("audit", told)
        return [msgspec.json.decode(record.value) for record in records]

    async def decided(self, count: int) -> None:
        """Wait until there is a decision for each of so many events."""

        def enough(records: list[Any]) -> bool:
            return len({msgspec.json.decode(record.value)["event_id"] for record in records}) >= count

        await self.read("decisions", enough)

    async def read(self, topic: str, enough: Callable[[list[Any]], bool] | None = None) -> list[Any]:
        """A topic's records, to their end where nothing else is asked for."""
        return await outside.read(self.bootstrap, self.settings.topic(topic), self.settings.partitions, enough, 120)

    async def send(self, lines: list[tuple[str, bytes]]) -> None:
        await outside.send(self.bootstrap, self.settings.topic("events"), lines, 4_000)


@pytest.fixture
def stage(bootstrap: str, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(bootstrap, tmp_path)
    yield stage
    stage.worker.end()


def once(records: list[Told]) -> list[Told]:
    """Without those that came again."""
    return list({(record["partition"], record["sequence"]): record for record in records}.values())


def told_more_than(count: int, records: list[Told]) -> bool:
    """Whether so many approvals are told of."""
    return sum(told["details"]["count"] for told in once(records) if told["action"] == "decision.approve") > count


def told_to_the_end(decided: list[Any], records: list[Told]) -> bool:
    """Whether the chains tell of the last decision of each partition."""
    ends = {record.partition: record.offset for record in decided}
    told: dict[int, int] = {}
    for record in records:
        if record["action"].startswith("decision."):
            details = record["details"]
            offset = details.get("last_offset", details.get("offset"))
            told[record["partition"]] = max(offset, told.get(record["partition"], -1))
    return all(told.get(partition, -1) >= end for partition, end in ends.items())


def check_decisions(decided: list[Any], records: list[Told]) -> None:
    """Every decision is told of: approvals by digests that can be made again, the others by their own hashes."""
    approved = {(r.partition, r.offset): sha256(r.value).digest() for r in decided if APPROVED in r.value}
    others = {sha256(r.value).hexdigest() for r in decided if APPROVED not in r.value}
    for record in once(records):
        partition, details = record["partition"], record["details"]
        if record["action"] == "decision.approve":
            offsets = range(details["first_offset"], details["last_offset"] + 1)
            digests = [approved.pop((partition, at)) for at in offsets if (partition, at) in approved]
            assert len(digests) == details["count"]
            assert sha256(b"".join(digests)).hexdigest() == details["sha256"]
        else:
            others.discard(details.get("sha256"))
    assert (approved, others) == ({}, set())


@pytest.mark.broker
@pytest.mark.slow
def test_a_worker_that_is_killed_again_and_again_leaves_whole_chains_of_all_it_decided(
    stage: Stage, tmp_path: Path
) -> None:
    events = [labelled.event for labelled in generate(Config(events=2_100, users=100, seed=5))]
    lines = [(event["user_id"], json.dumps(event).encode()) for event in events]

    async def story() -> None:
        await ensure_topics(stage.bootstrap, stage.settings)
        for turn in range(2):
            stage.worker.start()
            await stage.send(lines[turn * 700 : turn * 700 + 700])
            await stage.audited(functools.partial(told_more_than, turn * 700 + 200))
            stage.worker.kill()
        shutil.rmtree(stage.settings.data_dir)
        stage.worker.start()
        await stage.send(lines[1_400:])
        await stage.decided(len({event["event_id"] for event in events}))
        decided = await stage.read("decisions")
        records = await stage.audited(functools.partial(told_to_the_end, decided))
        assert {"decision.approve", "alert.raise"} <= {record["action"] for record in records}
        check_decisions(decided, records)
        assert await stage.verify() == 0, stage.said
        stage.worker.leave()
        assert await stage.verify() == 0, stage.said
        assert "ends by the changelog and 1 checkpoint files" in stage.said[0]
        assert int(stage.said[0].split()[1].replace(",", "")) > len(once(records))
        out = tmp_path / "audit.jsonl"
        assert await export(stage.settings, out, KEY, stage.said.append) == 0
        said: list[str] = []
        assert verify_file(out, KEY, [], partial=False, open_end=False, echo=said.append) == 0
        await forge(stage, out.read_bytes().splitlines()[:-1])
        assert await stage.verify() == 1
        assert "its signature was not made with this secret" in stage.said[0]
        assert stage.said[0].startswith("broken: partition 0, record ")

    asyncio.run(story())


async def forge(stage: Stage, lines: list[bytes]) -> None:
    """Append to the topic what nobody with the secret has written."""
    last = [line for line in lines if read_record(line, None).partition == 0][-1]
    producer = AIOKafkaProducer(bootstrap_servers=stage.bootstrap)
    await producer.start()
    await producer.send_and_wait(stage.settings.topic("audit"), forgery(last), key=b"u1", partition=0)
    await producer.stop()


@pytest.mark.broker
@pytest.mark.slow
def test_a_topic_that_is_shorter_than_the_changelog_says_was_cut_off(stage: Stage) -> None:
    from agents.audit import CHAIN_KEY
    from tables.audit import CHAINS

    async def story() -> None:
        await ensure_topics(stage.bootstrap, stage.settings)
        producer = AIOKafkaProducer(bootstrap_servers=stage.bootstrap)
        await producer.start()
        chain = Chain()
        for number in range(3):
            value = chain.append(Entry(f"u{number}", "lock.locked", "rule", "", TIME), TIME, KEY)
            await producer.send_and_wait(stage.settings.topic("audit"), value, key=b"u", partition=0)
        chain.append(Entry("u3", "lock.locked", "rule", "", TIME), TIME, KEY)
        state = (1).to_bytes(4, "big") + CHAINS.encode(chain)
        await producer.send_and_wait(stage.settings.topic("audit-changelog"), state, key=CHAIN_KEY, partition=0)
        await producer.stop()
        assert await stage.verify() == 1
        assert stage.said == [
            "broken: partition 0, record 4: the changelog has it, and the chain is cut off behind record 3"
        ]

    asyncio.run(story())


def test_a_break_says_what_it_is_without_a_place_too() -> None:
    assert (Broken("what").what, Broken("what").partition) == ("what", None)
