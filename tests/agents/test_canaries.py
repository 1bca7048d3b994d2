"""A canary's event in the detect agent: decided like any other, and nothing else comes of it."""

from pathlib import Path

import msgspec

from argus.notify.intake import decode_seen
from core.canary import HEADERS, canary_event, canary_user, has_header, is_canary
from core.notices import CanarySeen
from tests.agents.household import NOON_MS, PLACE, TOPICS, Record, Town
from tests.agents.test_users import play


def canary(offset: int, partition: int = 0, headers: tuple[tuple[str, bytes], ...] = HEADERS) -> Record:
    event = canary_event(canary_user(partition, PLACE), NOON_MS - 40)
    key = event["user_id"].encode()
    return Record(TOPICS.events, partition, offset, key, msgspec.json.encode(event), NOON_MS, headers)


def test_it_has_one_decision_and_notify_hears_of_it(tmp_path: Path) -> None:
    async def story() -> None:
        town = Town(tmp_path)
        work = await town.users()
        await work.apply(TOPICS.events, [canary(0), canary(1)])
        assert [decision["decision"] for decision in town.sent("decisions")] == ["approve"]
        assert [has_header(output.headers) for output in town.wire if output.topic == "decisions"] == [True]
        told = [decode_seen(output.value or b"") for output in town.wire if output.topic == TOPICS.notices]
        event_id = town.sent("decisions")[0]["event_id"]
        assert told == [CanarySeen(0, event_id, NOON_MS - 40)]
        assert {output.topic for output in town.wire} == {"decisions", TOPICS.notices}
        await work.stop(gracefully=True)

    play(story)


def test_it_counts_nowhere_and_is_not_learnt(tmp_path: Path) -> None:
    async def story() -> None:
        town = Town(tmp_path)
        work = await town.users()
        await work.apply(TOPICS.events, [canary(0)])
        assert [town.reports[name] for name in ("decisions", "latencies", "skews")] == [[({},)], [([],)], [([],)]]
        assert town.reports["ingest"][0][0] == {}
        assert town.reports["scores"] == []
        assert work.scorer.learned == 0
        await work.stop(gracefully=True)

    play(story)


def test_a_users_own_event_cannot_pass_for_one(tmp_path: Path) -> None:
    async def story() -> None:
        town = Town(tmp_path)
        work = await town.users()
        await work.apply(TOPICS.events, [canary(0, headers=())])
        assert not any(has_header(output.headers) for output in town.wire)
        assert town.reports["decisions"] == [({"approve": 1},)]
        await work.stop(gracefully=True)

    play(story)
    assert not is_canary(HEADERS, "ada")


def test_each_partition_has_a_canary_of_its_own_where_its_events_belong() -> None:
    users = [canary_user(partition, PLACE) for partition in range(2)]
    assert [PLACE(user_id) for user_id in users] == [0, 1]
    assert len(set(users)) == 2
