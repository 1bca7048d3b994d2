"""Rings from a label to the words of an alert: users and sources partitions with real stores, and what they send."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents.shard import Output
from agents.sources import SOURCE_PREFIX, SourceWork
from agents.users import UserWork
from core.clock import DAY, HOUR
from core.reputation import decode_reputation
from core.ring import DEVICE, EVENT, PAYEE, PREFIX, TAKEN_BACK, key_of
from core.state import mark
from tables.sources import SOURCES
from tests.agents.household import NOON_MS, PARTITIONS, PLACE, TOPICS, Town, event, users_of

THIEF, MULE, BUYER = users_of(0, 3)
PHONE, SHARED = key_of(DEVICE, mark("phone")), key_of(PAYEE, mark("collector"))


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


class House:
    """One partition of users, all of the sources, and the broker between them."""

    def __init__(self, town: Town, users: UserWork, sources: list[SourceWork]) -> None:
        self._town = town
        self._users = users
        self.sources = sources
        self._offsets: dict[tuple[str, int], int] = {}
        self._carried = 0

    async def apply(self, topic: str, values: list[bytes], partition: int = 0) -> None:
        first = self._offsets.get((topic, partition), 0)
        self._offsets[topic, partition] = first + len(values)
        work = self._users if topic in (TOPICS.events, TOPICS.feedback) else self.sources[partition]
        await work.apply(topic, self._town.topic(topic, values, partition, first))

    async def play(self, topic: str, *values: bytes) -> None:
        """Records of users, and all that follows from them."""
        await self.apply(topic, list(values))
        while self._carried < len(self._town.wire):
            output = self._town.wire[self._carried]
            self._carried += 1
            if output.topic == TOPICS.signals:
                await self.apply(TOPICS.signals, [output.value or b""], output.partition)
            elif output.topic == TOPICS.reputation:
                self.learn(output)

    def learn(self, output: Output) -> None:
        self._town.reputations.learn((output.key or b"").decode(), decode_reputation(output.value or b""))


async def house(town: Town) -> House:
    return House(town, await town.users(), [await town.sources(number) for number in range(PARTITIONS)])


def payout(user: str, number: int, at_ms: int, payee: str | None = "collector", device: str = "own") -> bytes:
    device = "phone" if device == "phone" else f"{device} of {user}"
    fields: dict[str, Any] = {"amount": 50.0, "currency": "EUR", "device_id": device}
    return event(user, number, "payout", at_ms, **fields | ({} if payee is None else {"payee_id": payee}))


def label(what: str, at_ms: int, event_id: str = f"{THIEF}-1") -> bytes:
    facts = {"feedback_id": what, "event_id": event_id, "user_id": THIEF, "label": what, "source": "analyst"}
    return msgspec.json.encode({**facts, "time": at_ms})


async def ring(town: Town) -> House:
    """A thief's fraud on a phone is confirmed; a mule on the same phone pays a collector, whom a buyer pays, too."""
    town.now_ms = NOON_MS + 9 * DAY
    home = await house(town)
    await home.play(TOPICS.events, payout(THIEF, 1, NOON_MS, payee=None, device="phone"))
    await home.play(TOPICS.feedback, label("fraud", NOON_MS + HOUR))
    await home.play(TOPICS.events, payout(MULE, 1, NOON_MS + 12 * HOUR, device="phone"))
    await home.play(TOPICS.events, payout(BUYER, 1, NOON_MS + DAY))
    return home


def alerts(town: Town) -> dict[str, str]:
    return {alert["user_id"]: alert["summary"] for alert in town.sent("alerts") if alert["rule_id"] == "ring_member"}


def test_who_shares_with_a_confirmed_fraud_is_told_with_the_way(town: Town) -> None:
    async def story() -> None:
        await ring(town)
        told = alerts(town)
        assert list(told) == [MULE, BUYER]
        assert f"Shares device phone with {THIEF}, whose fraud was confirmed 11 hours ago" in told[MULE]
        assert f"Shares payee collector with {MULE}, who shares device phone with {THIEF}, whose" in told[BUYER]
        shared = town.reputations[SHARED].ring
        assert shared is not None
        assert [(tie.user, [(hop.thing, hop.user) for hop in tie.via]) for tie in shared.ties] == [
            (THIEF, [("phone", MULE)])
        ]
        risks = {decision["user_id"]: decision["risk_score"] for decision in town.sent("decisions")}
        assert risks[MULE] > risks[BUYER] > risks[THIEF]

    asyncio.run(story())


def test_what_is_told_of_rings_is_stored_and_read_again(town: Town) -> None:
    async def story() -> None:
        await ring(town)
        work = await town.sources(PLACE(PHONE), disk="b")
        stored = SOURCES.decode(work.shard.store.get(SOURCE_PREFIX + PHONE.encode()) or b"")
        assert stored.ring == town.reputations[PHONE].ring
        assert stored.rings == {}

    asyncio.run(story())


def test_a_label_that_is_taken_back_takes_back_all_that_grew_from_it(town: Town) -> None:
    async def story() -> None:
        home = await ring(town)
        await home.play(TOPICS.feedback, label("legit", NOON_MS + 2 * DAY))
        fraud = town.reputations[key_of(EVENT, mark(f"{THIEF}-1"))].ring
        assert fraud is not None
        assert fraud.closed == TAKEN_BACK
        before = len(town.sent("decisions"))
        again = [payout(user, 2, NOON_MS + 2 * DAY + HOUR, device="phone") for user in (MULE, BUYER)]
        await home.play(TOPICS.events, *again)
        after = town.sent("decisions")[before:]
        assert len(after) == len(again)
        assert all("ring_member" not in decision["rules"] for decision in after)
        # And an analyst may change the verdict once more.
        await home.play(TOPICS.feedback, label("fraud", NOON_MS + 3 * DAY))
        await home.play(TOPICS.events, payout(BUYER, 3, NOON_MS + 3 * DAY + HOUR, device="phone"))
        assert "ring_member" in town.sent("decisions")[-1]["rules"]

    asyncio.run(story())


def test_where_no_fraud_is_confirmed_nothing_is_told_of_rings(town: Town) -> None:
    async def story() -> None:
        home = await house(town)
        await home.play(TOPICS.events, *(payout(user, 1, NOON_MS) for user in (THIEF, MULE, BUYER)))
        await home.play(TOPICS.feedback, label("fraud", NOON_MS + HOUR, "never-seen"))
        assert not [key for key in town.reputations if key.startswith(PREFIX)]
        assert all(PREFIX.encode() not in (output.value or b"") for output in town.wire)

    asyncio.run(story())
