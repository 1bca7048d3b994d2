"""Decisions by event: those that were just made, those that somebody waits for, and those that were kept."""

import asyncio
import logging
import time
from collections.abc import Iterable
from datetime import datetime
from math import inf
from typing import Any, Final, NamedTuple

import msgspec
from asyncpg import PostgresError
from msgspec import Struct
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from argus.api.recent import Recent
from argus.log import Seldom
from argus.store import reads, tables, upserts
from argus.store.engine import words
from argus.store.rows import Decisions, Rows, event_of
from argus.store.store import Store
from core.clock import MINUTE, to_ms
from core.events import FUTURE_MS
from core.records import Decision, encode

logger = logging.getLogger(__name__)

REMEMBERED: Final = 50_000
WAITING_MAX: Final = 10_000
KEEP_EVERY_S: Final = 0.25
# The clocks of machines differ.
SLACK_MS: Final = MINUTE
ASKED_AT_ONCE: Final = 4


class _Key(Struct):
    event_id: str
    user_id: str


class Made(NamedTuple):
    """A decision as it was told, and when."""

    raw: bytes
    at_ms: int


class Decided:
    """Decisions that were asked for are all kept in the database, with those that the sink leaves out standing for no
    others there: so a repeated id is answered alike by every process, and after a restart.

    Nothing is decided about before it happens (but for `FUTURE_MS`), and all that was decided since some time is
    remembered here: so only about events that are older the database is asked.
    """

    def __init__(self, store: Store, share: float) -> None:
        """share: of the approvals that the sink keeps."""
        self._store = store
        self._sink = Decisions(share)
        self._recent = self._empty(REMEMBERED)
        self._since_ms: float = inf
        self._asking = asyncio.Semaphore(ASKED_AT_ONCE)
        self._waiting: list[bytes] = []
        self._seldom = Seldom()
        self._key = msgspec.json.Decoder(_Key).decode
        self._decode = msgspec.json.Decoder(Decision).decode

    def take(self, record: Any) -> None:
        """A record of the decisions topic."""
        if record.value is not None:
            key = self._key(record.value)
            self._recent.put(_name(key.user_id, key.event_id), Made(record.value, record.timestamp))

    async def find(self, user_id: str, event_id: str, time_ms: int) -> bytes | None:
        """A decision that was made before about an event of that time, as it was told. A database that is away is
        done without."""
        known = self._recent.get(_name(user_id, event_id))
        if known is not None:
            return known.raw
        if time_ms > self._since_ms + FUTURE_MS + SLACK_MS:
            return None
        try:
            async with self._asking, self._store.reading() as connection:
                stored = await reads.decision(connection, user_id, event_id)
        except (SQLAlchemyError, PostgresError, OSError) as error:
            if self._seldom("read") is not None:
                logger.warning("earlier decisions cannot be looked up: %s", words(error))
            return None
        return None if stored is None else encode(stored)

    def of_user(self, user_id: str, event_ids: Iterable[str]) -> list[Decision]:
        """Those of the events that were decided about just now."""
        found = (self._recent.get(_name(user_id, event_id)) for event_id in event_ids)
        return [self._decode(made.raw) for made in found if made is not None]

    async def wait(self, user_id: str, event_id: str, within_s: float) -> bytes | None:
        found = await self._recent.wait(_name(user_id, event_id), within_s)
        return None if found is None else found.raw

    def keep(self, raw: bytes) -> None:
        """Have it written down soon."""
        if len(self._waiting) < WAITING_MAX:
            self._waiting.append(raw)

    async def begin(self) -> None:
        """The database is there: find out since when nothing has been decided that only it knows. To be called when
        the topic is followed already."""
        async with self._store.reading() as connection:
            newest = await connection.scalar(select(func.max(tables.decisions.c.recorded_ms)))
        self._since_ms = newest or 0

    def _empty(self, most: int) -> Recent[Made]:
        return Recent(most, forgotten=self._forget)

    def _forget(self, made: Made) -> None:
        self._since_ms = max(self._since_ms, made.at_ms)

    async def run(self) -> None:
        """Writes down what is to be kept. Never returns; cancel it."""
        while True:
            await asyncio.sleep(KEEP_EVERY_S)
            await self.flush()

    async def flush(self) -> None:
        batch, self._waiting = self._waiting, []
        rows: Rows = []
        for raw in batch:
            decision = self._decode(raw)
            if decision.decision == "approve" and not self._sink.keeps(decision.event_id):
                rows.append((upserts.DECISIONS.name, _row(decision, raw)))
        if not rows:
            return
        try:
            await self._store.write([rows])
        except (SQLAlchemyError, PostgresError, OSError) as error:
            if self._seldom("write") is not None:
                logger.warning("decisions that were asked for are not written down: %s", words(error))


def _row(decision: Decision, raw: bytes) -> tuple[Any, ...]:
    time_ms = to_ms(datetime.fromisoformat(decision.time))
    now_ms = time.time_ns() // 1_000_000
    return (
        decision.event_id, decision.user_id, time_ms, decision.decision, decision.risk_score, 0.0, raw.decode(),
        now_ms, *event_of(decision),
    )  # fmt: skip


def _name(user_id: str, event_id: str) -> str:
    return f"{user_id}\0{event_id}"
