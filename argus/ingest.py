"""`argus ingest`: log lines into the events topic, unreadable ones to the rejected topic with the reason.

At least once: the position in a file is kept after the broker has acknowledged what was before it, and an id that
Argus gives to a line depends on the line and its place only, so a line sent twice is one event.
"""

import asyncio
import hashlib
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from msgspec import Struct

from argus import syslog
from argus.field_map import Mapped, apply
from argus.kafka_access import access_of
from argus.reach import quiet
from argus.settings import Settings
from argus.tail import LINE_MAX_BYTES, Line, Position, Tail, load_position, save_position
from core.events import Rejected, decode_action, nowhere
from core.records import encode

BATCH_LINES: Final = 500
POLL_S: Final = 0.2
Format = Literal["json", "syslog"]


class Unreachable(Exception):
    """The broker does not answer; the message names it."""


class Producer(Protocol):
    """What is asked of a producer: aiokafka's, or a fake."""

    async def send(
        self, topic: str, value: bytes, key: bytes | None = None, headers: Any = None
    ) -> "asyncio.Future[Any]": ...


class Counts(Struct):
    """What became of the lines. skipped: read, and of no concern (another program's syslog)."""

    sent: int = 0
    rejected: int = 0
    skipped: int = 0

    def __str__(self) -> str:
        lines = self.sent + self.rejected + self.skipped
        return f"{lines:,} lines: {self.sent:,} events, {self.rejected:,} rejected, {self.skipped:,} of no concern"


class Reader(Struct, frozen=True):
    """Turns a line into an event. source: the file's name, or `-`."""

    format: Format
    mapping: tuple[Mapped, ...]
    source: str

    def event(self, line: Line, now_ms: int) -> tuple[bytes, str] | None:
        """The record and its user; None where the line is of no concern. Raises `Rejected`."""
        if self.format == "json" and not self.mapping:
            raw = line.text
        else:
            fields = self._fields(line, now_ms)
            if fields is None:
                return None
            fields.setdefault("event_id", self._id(line))
            try:
                raw = encode(fields)
            except (TypeError, ValueError, OverflowError, RecursionError) as error:
                raise Rejected("invalid", str(error)) from None
        action = decode_action(raw, now_ms=now_ms, locate=nowhere)
        return raw, action.user_id

    def _fields(self, line: Line, now_ms: int) -> dict[str, Any] | None:
        try:
            if self.format == "json":
                told = msgspec.json.decode(line.text)
                if not isinstance(told, dict):
                    raise Rejected("invalid", "the line is no JSON object")
                return apply(self.mapping, told)
            parts = syslog.parse(line.text.decode("utf-8", "strict"), datetime.fromtimestamp(now_ms / 1_000, UTC))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError) as error:
            raise Rejected("not_json" if self.format == "json" else "invalid", str(error)) from None
        except syslog.NotSyslog as error:
            raise Rejected("invalid", str(error)) from None
        if not self.mapping:
            return syslog.sshd_event(parts)
        with suppress(msgspec.DecodeError, RecursionError):
            inner = msgspec.json.decode(parts.get("message", ""))
            parts = {**inner, **parts} if isinstance(inner, dict) else parts
        return apply(self.mapping, {"time": parts["time"], **parts})

    def _id(self, line: Line) -> str:
        place = f"{self.source}\0{line.inode}\0{line.offset}\0".encode()
        return f"line-{hashlib.blake2b(place + line.text, digest_size=12).hexdigest()}"


async def deliver(
    lines: Sequence[Line], reader: Reader, producer: Producer, settings: Settings, counts: Counts, now_ms: int
) -> None:
    """Send a batch of lines; returns when the broker has them all. Raises what the producer raises."""
    waiting: list[asyncio.Future[Any]] = []
    for line in lines:
        if not line.text.strip():
            continue
        try:
            made = reader.event(line, now_ms)
        except Rejected as rejected:
            headers = {
                "error": rejected.error,
                "reason": rejected.reason,
                "topic": f"file:{reader.source}",
                "partition": "-1",
                "offset": str(line.offset),
            }
            packed = [(name, text.encode("utf-8", "replace")) for name, text in headers.items()]
            waiting.append(await producer.send(settings.topic("rejected"), line.text, headers=packed))
            counts.rejected += 1
            continue
        if made is None:
            counts.skipped += 1
            continue
        raw, user_id = made
        waiting.append(await producer.send(settings.topic("events"), raw, key=user_id.encode()))
        counts.sent += 1
    await asyncio.gather(*waiting)


def run(settings: Settings, file: Path | None, follow: bool, format_: Format, mapping: tuple[Mapped, ...]) -> int:
    """file: None for standard input. The exit status."""
    counts = Counts()
    try:
        asyncio.run(_run(settings, file, follow, Reader(format_, mapping, str(file or "-")), counts))
    finally:
        sys.stderr.write(f"{counts}\n")
    return 0


async def _run(settings: Settings, file: Path | None, follow: bool, reader: Reader, counts: Counts) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.broker,
        acks="all",
        linger_ms=5,
        max_request_size=settings.producer_max_bytes,
        **access_of(settings).options(),
    )
    try:
        with quiet():
            await producer.start()
        if file is None:
            async for lines in _stdin(stop):
                await deliver(lines, reader, producer, settings, counts, _now_ms())
            return
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        store = position_file(settings, file)
        async for lines in _file(file, load_position(store), follow, stop):
            await deliver(lines, reader, producer, settings, counts, _now_ms())
            save_position(store, Position(lines[-1].inode, lines[-1].end))
    except KafkaError as error:
        raise Unreachable(f"the broker at {settings.broker} does not take it: {error}") from None
    finally:
        with suppress(KafkaError):
            await producer.stop()


def position_file(settings: Settings, file: Path) -> Path:
    """Where the position in a file is kept."""
    name = hashlib.blake2b(str(file.resolve()).encode(), digest_size=8).hexdigest()
    return settings.data_dir / "ingest" / f"{name}.json"


async def _file(
    path: Path, position: Position | None, follow: bool, stop: asyncio.Event
) -> AsyncIterator[Sequence[Line]]:
    tail = Tail(path, position)
    try:
        while not stop.is_set():
            for lines in _cut(tail.lines(last=not follow)):
                yield lines
                if stop.is_set():
                    return
            if not follow:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), POLL_S)
    finally:
        tail.close()


def _cut(lines: Iterator[Line]) -> Iterator[list[Line]]:
    batch: list[Line] = []
    for line in lines:
        batch.append(line)
        if len(batch) >= BATCH_LINES:
            yield batch
            batch = []
    if batch:
        yield batch


async def _stdin(stop: asyncio.Event) -> AsyncIterator[Sequence[Line]]:
    """Whole lines as they come; the pipe is left full while the broker is slow."""
    chunks: asyncio.Queue[bytes] = asyncio.Queue(maxsize=4)
    loop = asyncio.get_running_loop()
    # A thread of its own: standard input may be a file, and a read that waits cannot be called back.
    threading.Thread(target=_pump, args=(loop, chunks), name="stdin", daemon=True).start()
    stopping = asyncio.ensure_future(stop.wait())
    offset, rest, chunk = 0, b"", b"-"
    while chunk:
        reading = asyncio.ensure_future(chunks.get())
        done, _ = await asyncio.wait({reading, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if reading not in done:
            reading.cancel()
            return
        chunk = reading.result()
        *whole, rest = (rest + chunk).split(b"\n")
        if rest and (not chunk or len(rest) > LINE_MAX_BYTES):
            whole, rest = [*whole, rest], b""
        lines = []
        for text in whole:
            lines.append(Line(text.rstrip(b"\r"), offset, offset + len(text) + 1, 0))
            offset += len(text) + 1
        for begin in range(0, len(lines), BATCH_LINES):
            yield lines[begin : begin + BATCH_LINES]
    stopping.cancel()


def _pump(loop: asyncio.AbstractEventLoop, chunks: "asyncio.Queue[bytes]") -> None:
    chunk = b"-"
    # The loop may be gone by the time that a read returns.
    with suppress(RuntimeError, CancelledError):
        while chunk:
            chunk = os.read(0, 1 << 18)
            asyncio.run_coroutine_threadsafe(chunks.put(chunk), loop).result()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
