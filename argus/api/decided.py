"""Decisions by event: those that were just made, those that somebody waits for, and those that were kept."""

import asyncio
import logging
import time
from datetime import datetime
from typing import Any, Final

import msgspec
from asyncpg import PostgresError
from msgspec import Struct
from sqlalchemy.exc import SQLAlchemyError

from argus.api.recent import Recent
from argus.log import Seldom
from argus.store import reads, upserts
from argus.store.engine import words
from argus.store.rows import Decisions, Rows
from argus.store.store import Store
from core.clock import to_ms
from core.records import Decision, encode

logger = logging.getLogger(__name__)

REMEMBERED: Final = 50_000
WAITING_MAX: Final = 10_000
KEEP_EVERY_S: Final = 0.25


class _Key(Struct):
    event_id: str
    user_id: str


class Decided:
    """Decisions that were asked for are all kept in the database, with those that the sink leaves out standing for no
    others there: so a repeated id is answered alike by every process, and after a restart."""

    def __init__(self, store: Store, share: float) -> None:
        """share: of the approvals that the sink keeps."""
        self._store = store
        self._sink = Decisions(share)
        self._recent: Recent[bytes] = Recent(REMEMBERED)
        self._waiting: list[bytes] = []
        self._seldom = Seldom()
        self._key = msgspec.json.Decoder(_Key).decode
        self._decode = msgspec.json.Decoder(Decision).decode

    def take(self, record: Any) -> None:
        """A record of the decisions topic."""
        if record.value is not None:
            key = self._key(record.value)
            self._recent.put(_name(key.user_id, key.event_id), record.value)

    async def find(self, user_id: str, event_id: str) -> bytes | None:
        """A decision that was made before, as it was told. A database that is away is done without."""
        known = self._recent.get(_name(user_id, event_id))
        if known is not None:
            return known
        try:
            async with self._store.reading() as connection:
                stored = await reads.decision(connection, user_id, event_id)
        except (SQLAlchemyError, PostgresError, OSError) as error:
            if self._seldom("read") is not None:
                logger.warning("earlier decisions cannot be looked up: %s", words(error))
            return None
        return None if stored is None else encode(stored)

    async def wait(self, user_id: str, event_id: str, within_s: float) -> bytes | None:
        return await self._recent.wait(_name(user_id, event_id), within_s)

    def keep(self, raw: bytes) -> None:
        """Have it written down soon."""
        if len(self._waiting) < WAITING_MAX:
            self._waiting.append(raw)

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
        now_ms,
    )  # fmt: skip


def _name(user_id: str, event_id: str) -> str:
    return f"{user_id}\0{event_id}"
