import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents.signalling import Signals
from core.signal import FRAUD, LEGIT
from tests.agents.household import NOON_MS, PLACE, Town, event, users_of

USER, OTHER = users_of(0, 1)[0], users_of(1, 1)[0]
FEEDBACK = "feedback"


def play(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(story())  # type: ignore[arg-type]


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def label(user: str, event_id: str, what: str = "fraud", **more: Any) -> bytes:
    facts = {
        "feedback_id": f"f-{event_id}",
        "event_id": event_id,
        "user_id": user,
        "label": what,
        "source": "dispute",
    }
    return msgspec.json.encode({**facts, "time": NOON_MS + 60_000, **more})


def payment(number: int, merchant: str = "shop") -> bytes:
    return event(USER, number, "transaction", amount=20.0, currency="EUR", merchant_id=merchant)


def told(town: Town) -> list[tuple[str, str, str, float]]:
    """(source, kind, event, time of the payment) of every signal about labels."""
    found = []
    for output in town.wire:
        if output.topic == "signals":
            record = msgspec.msgpack.decode(output.value or b"", type=Signals)
            assert all(PLACE(source) == output.partition for source in record.by_source)
            found += [
                (source, signal.kind, signal.event_id, signal.value)
                for source, signals in record.by_source.items()
                for signal in signals
                if signal.kind in (FRAUD, LEGIT)
            ]
    return found


def test_a_label_tells_the_merchant_what_became_of_a_payment(town: Town) -> None:
    async def story() -> None:
        work = await town.users()
        await work.apply("events", town.topic("events", [payment(0), payment(1, "till"), event(USER, 2)]))
        labels = [
            label(USER, f"{USER}-0"),
            label(USER, f"{USER}-1", "legit"),
            label(USER, f"{USER}-2"),
            label(USER, "never-seen"),
        ]
        await work.apply(FEEDBACK, town.topic(FEEDBACK, labels))
        assert sorted(told(town)) == [
            ("merchant:shop", FRAUD, f"{USER}-0", float(NOON_MS)),
            ("merchant:till", LEGIT, f"{USER}-1", float(NOON_MS)),
        ]
        assert [facts[0] for facts in town.reports["feedback"]] == ["fraud", "legit", "fraud", "fraud"]
        await work.stop(gracefully=True)

    play(story)


def test_a_redelivered_label_is_not_told_again_and_has_an_offset_of_its_own(town: Town) -> None:
    async def story() -> None:
        work = await town.users()
        await work.apply("events", town.topic("events", [payment(0)]))
        labels = town.topic(FEEDBACK, [label(USER, f"{USER}-0")])
        await work.apply(FEEDBACK, labels)
        await work.stop(gracefully=True)
        heir = await town.users(disk="b")
        await heir.apply(FEEDBACK, labels)
        assert len(told(town)) == 1
        assert heir.shard.meta.applied == {"events": 1, FEEDBACK: 1}
        await heir.stop(gracefully=True)

    play(story)


def test_a_misplaced_label_is_forwarded_untouched(town: Town) -> None:
    async def story() -> None:
        work = await town.users()
        value = label(OTHER, "e")
        await work.apply(FEEDBACK, town.topic(FEEDBACK, [value]))
        assert [(output.topic, output.partition, output.key, output.value) for output in town.wire] == [
            (FEEDBACK, 1, OTHER.encode(), value)
        ]
        assert not town.reports["feedback"]
        await work.stop(gracefully=True)

    play(story)


def test_what_cannot_be_read_is_rejected_and_the_others_count(town: Town) -> None:
    async def story() -> None:
        work = await town.users()
        await work.apply("events", town.topic("events", [payment(0)]))
        bad: list[bytes | None] = [b"{", None, label(USER, "e", "maybe"), label(USER, "e", source="gossip"), b"[]"]
        await work.apply(FEEDBACK, town.topic(FEEDBACK, [*bad, label(USER, f"{USER}-0")]))
        rejected = [output for output in town.wire if output.topic == "rejected"]
        assert [output.value for output in rejected] == bad
        assert {dict(output.headers)["topic"] for output in rejected} == {b"feedback"}
        assert len(told(town)) == 1
        assert len(town.reports["rejected"]) == len(bad)
        await work.stop(gracefully=True)

    play(story)


def test_a_label_changes_no_user(town: Town) -> None:
    async def story() -> None:
        work = await town.users()
        await work.apply("events", town.topic("events", [payment(0)]))
        before = work.shard.store.get(b"u" + USER.encode())
        await work.apply(FEEDBACK, town.topic(FEEDBACK, [label(USER, f"{USER}-0"), label("nobody", "e")]))
        assert work.shard.store.get(b"u" + USER.encode()) == before
        assert work.shard.store.get(b"unobody") is None
        await work.stop(gracefully=True)

    play(story)
