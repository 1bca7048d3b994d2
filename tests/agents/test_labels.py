import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents.labels import ASIDE_KEY, CHUNK_PREFIX, LABEL_PREFIX, SNAPSHOT_KEY
from agents.lanes import TICK_S
from agents.pins import Pins
from agents.users import UserWork
from agents.versions import VERSIONS_KEPT
from agents.waiting_labels import WAITING_PREFIX
from core.clock import DAY, MINUTE
from core.model_records import ModelPin
from models.kept import FRAUD
from models.labelled import Plan
from tables.chunks import joined
from tests.agents.household import NOON_MS, TOPICS, Town, event, users_of

USERS = users_of(0, 37)
FEEDBACK = "feedback"
PLAN = Plan(modes={"logistic_regression": "decide", "random_forest": "decide"}, delay_ms=0)


def play(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(story())  # type: ignore[arg-type]


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path, labels=PLAN)


def paid(number: int, amount: float) -> bytes:
    user, at_ms = USERS[number % len(USERS)], NOON_MS - 20 * DAY + number * 10 * MINUTE
    return event(user, number, "transaction", at_ms, amount=amount, currency="EUR")


def said(number: int, what: str = "fraud", **more: Any) -> bytes:
    user = USERS[number % len(USERS)]
    facts = {"feedback_id": f"f-{number}", "event_id": f"{user}-{number}", "user_id": user, "label": what}
    time_ms = NOON_MS - 20 * DAY + number * 10 * MINUTE + 1_000
    return msgspec.json.encode({**facts, "source": "chargeback", "time": time_ms, **more})


async def lived(town: Town, work: UserWork, until: int = 1_200, *, first: int = 0, batch: int = 100) -> None:
    """Small payments, every twentieth a large one that is disputed at once."""
    for start in range(first, until, batch):
        numbers = range(start, min(until, start + batch))
        large = [number for number in numbers if number % 20 == 7]
        values: list[bytes | None] = [
            paid(number, 900.0 if number in large else 10.0 + number % 9) for number in numbers
        ]
        await work.apply("events", town.topic("events", values, first=start))
        labels: list[bytes | None] = [said(number) for number in large]
        offset = sum(1 for number in range(start) if number % 20 == 7)
        await work.apply(FEEDBACK, town.topic(FEEDBACK, labels, first=offset))


def facts(work: UserWork) -> tuple[int, dict[int, int]]:
    """How many rows there are, and the labels that stand, by event key."""
    learner = work.labels.learner
    assert learner is not None
    kept = learner.kept
    labels = dict(zip(kept.column("key").tolist(), kept.column("label").tolist(), strict=True))
    return kept.count, {key: label for key, label in labels.items() if label}


def scores(work: UserWork) -> list[dict[str, float]]:
    learner = work.labels.learner
    assert learner is not None
    loud, quiet = [0.0] * len(learner.features), [0.0] * len(learner.features)
    loud[:4] = [0.9, 0.9, 0.8, 0.5]
    return [dict(each) for each in learner.score([loud, quiet])]


def keys(work: UserWork, prefix: bytes) -> list[bytes]:
    return [key for key, _ in work.shard.store.scan(prefix)]


def test_labels_teach_in_the_stream_and_their_scores_are_in_the_decisions(town: Town) -> None:
    async def story() -> None:
        work = await town.users()
        await lived(town, work)
        assert facts(work)[0] == 1_200
        assert len(facts(work)[1]) == 60
        await work.apply("events", town.topic("events", [paid(1_200, 12.0), paid(1_201, 900.0)], first=1_200))
        small, large = (decision["scores"] for decision in town.sent("decisions")[-2:])
        assert large["random_forest"] > 0.99 > small["random_forest"]
        assert large["logistic_regression"] > small["logistic_regression"]
        heard = [outcome for counts, _ in town.reports["labels"] for outcome in counts]
        assert set(heard) == {"joined"}
        assert all(delay_s == 1.0 for _, delays_s in town.reports["labels"] for delay_s in delays_s)
        await work.tick()
        assert town.reports["taught"][-1][:2] == (0, {"fraud": 60, "legit": 0, "unknown": 1_142})
        await work.stop(gracefully=True)

    play(story)


@pytest.mark.parametrize("disk", ["a", "b"])
def test_rows_labels_and_models_survive_a_kill_with_the_disk_and_without(town: Town, disk: str) -> None:
    async def story() -> None:
        work = await town.users()
        await lived(town, work)
        await work.labels.save()
        before, told = facts(work), scores(work)
        await work.stop(gracefully=False)
        heir = await town.users(disk=disk)
        assert facts(heir) == before
        assert scores(heir) == told
        await lived(town, heir, 1_400, first=1_200)
        assert facts(heir)[0] == 1_400
        await heir.stop(gracefully=True)

    play(story)


def test_killed_before_any_snapshot_all_is_learnt_anew_from_the_rows(town: Town) -> None:
    async def story() -> None:
        work = await town.users()
        await lived(town, work, 500)
        await lived(town, work, 700, first=500)
        await work.shard.commit({SNAPSHOT_KEY: None}, [], work.shard.meta)
        before = facts(work)
        await work.stop(gracefully=False)
        heir = await town.users(disk="b")
        assert facts(heir) == before
        assert not any(scores(heir))
        await lived(town, heir, 900, first=700)
        loud, quiet = scores(heir)
        assert loud["random_forest"] > quiet["random_forest"]
        await heir.stop(gracefully=True)

    play(story)


def test_a_snapshot_that_cannot_be_read_is_set_aside_and_counted(town: Town) -> None:
    async def story() -> None:
        work = await town.users()
        await lived(town, work)
        await work.labels.save()
        raw = joined(work.shard.store.get, SNAPSHOT_KEY)
        assert raw is not None
        damaged = raw[:-1] + bytes([raw[-1] ^ 1])
        await work.shard.commit({SNAPSHOT_KEY: damaged}, [], work.shard.meta)
        before = facts(work)
        await work.stop(gracefully=False)
        heir = await town.users()
        assert town.reports["snapshot_unreadable"] == [("signature",)]
        assert facts(heir) == before
        await lived(town, heir, 1_300, first=1_200)
        assert len(scores(heir)) == 2
        await heir.stop(gracefully=True)
        third = await town.users()
        assert joined(third.shard.store.get, ASIDE_KEY) == damaged
        assert len(scores(third)) == 2
        await third.stop(gracefully=True)

    play(story)


def test_a_step_that_is_taken_again_in_halves_keeps_each_row_once(town: Town) -> None:
    async def story() -> None:
        work = await town.users(max_entries=60)
        values: list[bytes | None] = [paid(number, 10.0) for number in range(100)]
        await work.apply("events", town.topic("events", values))
        assert facts(work)[0] == 100
        await work.stop(gracefully=False)
        heir = await town.users(disk="b")
        assert facts(heir)[0] == 100
        await heir.stop(gracefully=True)

    play(story)


def test_a_label_ahead_of_its_event_waits_for_it_and_is_kept_with_it(town: Town) -> None:
    async def story() -> None:
        work = await town.users()
        await work.apply("events", town.topic("events", [paid(0, 10.0)]))
        await work.apply(
            FEEDBACK, town.topic(FEEDBACK, [said(3), said(0, time=NOON_MS - 21 * DAY, user_id=USERS[5])])
        )
        assert not facts(work)[1]
        values: list[bytes | None] = [paid(number, 10.0) for number in range(1, 6)]
        await work.apply("events", town.topic("events", values, first=1))
        assert len(facts(work)[1]) == 1
        await work.apply(FEEDBACK, town.topic(FEEDBACK, [said(1)], first=2))
        await work.tick()
        await work.apply("events", town.topic("events", [paid(6, 10.0)], first=6))
        before = facts(work)
        await work.stop(gracefully=False)
        heir = await town.users(disk="b")
        assert facts(heir) == before
        await heir.stop(gracefully=True)

    play(story)


@pytest.mark.parametrize("disk", ["a", "b"])
def test_a_label_that_waits_for_its_event_waits_on_after_a_kill(town: Town, disk: str) -> None:
    async def story() -> None:
        work = await town.users()
        await work.apply("events", town.topic("events", [paid(0, 10.0)]))
        await work.apply(FEEDBACK, town.topic(FEEDBACK, [said(3), said(4), said(5)]))
        # Events have come further than the labels since, and still it is not known that there is none.
        await work.apply("events", town.topic("events", [paid(40, 10.0)], first=1))
        assert len(keys(work, WAITING_PREFIX)) == 3
        await work.stop(gracefully=False)
        heir = await town.users(disk=disk)
        assert facts(heir)[1] == {}
        await heir.apply("events", town.topic("events", [paid(3, 10.0), paid(4, 10.0)], first=2))
        before = facts(heir)
        assert set(before[1].values()) == {FRAUD}
        assert len(before[1]) == 2
        # Killed before another step has written that they were found.
        await heir.stop(gracefully=False)
        third = await town.users(disk=disk)
        assert facts(third) == before
        await third.apply("events", town.topic("events", [paid(41, 10.0)], first=4))
        assert len(keys(third, LABEL_PREFIX)) == 2
        assert len(keys(third, WAITING_PREFIX)) == 1
        await third.stop(gracefully=False)
        fourth = await town.users(disk=disk)
        assert facts(fourth)[1] == before[1]
        await fourth.stop(gracefully=True)

    play(story)


def test_the_newest_label_of_those_that_contradict_each_other_survives(town: Town) -> None:
    async def story() -> None:
        work = await town.users()
        await work.apply("events", town.topic("events", [paid(number, 10.0) for number in range(5)]))
        labels = [said(2), said(2, "legit", time=NOON_MS), said(2, "fraud", time=NOON_MS - 1)]
        await work.apply(FEEDBACK, town.topic(FEEDBACK, [*labels]))
        assert [dict(counts) for counts, _ in town.reports["labels"]] == [{"joined": 1, "changed": 1, "older": 1}]
        before = facts(work)
        await work.stop(gracefully=False)
        heir = await town.users(disk="b")
        assert facts(heir) == before
        assert set(before[1].values()) == {1}
        await heir.stop(gracefully=True)

    play(story)


def test_what_is_past_the_window_leaves_the_state(town: Town) -> None:
    async def story() -> None:
        work = await town.users()
        await lived(town, work, 300, batch=20)
        assert len(keys(work, CHUNK_PREFIX)) == len(keys(work, LABEL_PREFIX)) == 15
        late = event(USERS[0], 9_999, "transaction", NOON_MS + 20 * DAY, amount=10.0, currency="EUR")
        town.now_ms += 20 * DAY
        await work.apply("events", town.topic("events", [late], first=300))
        await work.apply("events", town.topic("events", [late], first=301))
        assert len(keys(work, CHUNK_PREFIX)) == 1
        assert not keys(work, LABEL_PREFIX)
        await work.stop(gracefully=True)

    play(story)


def test_where_all_are_off_nothing_is_kept(tmp_path: Path) -> None:
    async def story() -> None:
        town = Town(tmp_path)
        work = await town.users()
        await lived(town, work, 60)
        await work.tick()
        assert not keys(work, CHUNK_PREFIX)
        assert all(not counts for counts, _ in town.reports["labels"])
        assert not town.reports["taught"]
        await work.stop(gracefully=True)

    play(story)


def told(town: Town) -> dict[str, dict[str, Any]]:
    """What the models topic holds after compaction."""
    held: dict[str, dict[str, Any]] = {}
    for output in town.wire:
        if output.topic == TOPICS.models:
            key = (output.key or b"").decode()
            held.pop(key, None)
            if output.value is not None:
                held[key] = msgspec.json.decode(output.value)
    return held


def test_forests_and_what_models_earned_are_on_record(town: Town) -> None:
    async def story() -> None:
        work = await town.users()
        await lived(town, work)
        await work.tick()
        await work.stop(gracefully=True)

    play(story)
    records = told(town)
    first = min(key for key in records if key.startswith("random_forest/0/"))
    version = records[first]
    assert (version["mode"], version["frauds"] >= 30, version["auc"]) == ("decide", True, None)
    assert version["parameters"]["n_trees"] == 50
    assert "rules_risk" in version["features"]
    assert version["trained_from"] < version["trained_to"] <= version["fitted"]
    assert sum(one["in_force"] for key, one in records.items() if key.startswith("random_forest/")) == 1
    snapshot = records["labels/0"]
    assert (snapshot["frauds"], snapshot["speaking"]) == (60, ["logistic_regression", "random_forest"])
    earned = snapshot["earned"]["random_forest"]
    assert 0 < earned["caught"] <= earned["frauds"]
    assert 0 < earned["trust"] < 1
    assert town.reports["watched"][-1] == (0, None)
    watched = [told for _, told in town.reports["watched"] if told is not None and "random_forest" in told.names]
    assert watched[-1].speaking == ("logistic_regression", "random_forest")


def test_a_pinned_forest_is_put_back_and_stays_through_a_kill_until_it_is_released(town: Town) -> None:
    pins = Pins()
    town._more["pins"] = lambda: pins.current
    town.now_ms += 10 * DAY

    def pin(version: int | None) -> None:
        wanted = ModelPin(model="random_forest", version=version or 1, by="a", time="")
        pins.take(b"pin/random_forest", msgspec.json.encode(wanted) if version else None)

    def forest(work: UserWork) -> int:
        assert work.labels.learner is not None
        return work.labels.learner.version_of("random_forest")

    async def story() -> None:
        work = await town.users()
        await lived(town, work, 1_400)
        newest = forest(work)
        assert newest > 1
        loud_before = scores(work)[0]
        pin(1)
        await work.tick()
        assert forest(work) == 1
        await lived(town, work, 2_000, first=1_400)
        assert forest(work) == 1
        await work.stop(gracefully=False)
        heir = await town.users(disk="b")
        await heir.tick()
        assert forest(heir) == 1
        assert len(scores(heir)[0]) == len(loud_before)
        pin(99)  # nobody keeps it
        town.monotonic.now_s += TICK_S
        await heir.tick()
        assert forest(heir) == 1
        pin(None)
        await lived(town, heir, 2_700, first=2_000)
        assert forest(heir) > newest
        await heir.stop(gracefully=True)

    play(story)
    records = told(town)
    assert not any(one.get("pinned") for one in records.values())
    assert len([key for key in records if key.startswith("random_forest/0/")]) <= VERSIONS_KEPT
