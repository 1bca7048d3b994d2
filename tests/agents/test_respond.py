import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents.placing import partition_of
from agents.users import UserWork
from core.clock import DAY
from core.otp import code, otp_hash
from core.rules.book import RuleBook
from tests.agents.household import (
    KEY,
    MINUTE_MS,
    NOON_MS,
    PARTITIONS,
    TOPICS,
    Town,
    burst,
    event,
    users_of,
)

ANNA, BERT = users_of(0, 2)
(ELSEWHERE,) = users_of(1, 1)


def command(number: int, type_: str, user: str = ANNA, **fields: Any) -> bytes:
    facts = {
        "command_id": f"c{number}",
        "type": type_,
        "user_id": user,
        "by": user if type_.startswith("otp") else "adam",
        "role": "member" if type_.startswith("otp") else "admin",
        "time": NOON_MS + number * 1_000,
    }
    return msgspec.json.encode(facts | fields)


def verify(number: int, asked_for: str, user: str = ANNA, **fields: Any) -> bytes:
    return command(number, "otp_verify", user, otp_hash=otp_hash(KEY, user, code(KEY, user, asked_for)), **fields)


async def give(town: Town, work: UserWork, *commands: bytes) -> None:
    first = len(town.records.get(TOPICS.commands, []))
    await work.apply(TOPICS.commands, town.topic(TOPICS.commands, commands, first=first))


def run(body: Any) -> None:
    asyncio.run(body)


def test_a_user_whom_a_rule_locked_gets_out_by_a_code_that_is_in_no_record(tmp_path: Path) -> None:
    async def story() -> None:
        town = Town(tmp_path)
        work = await town.users()
        await work.apply(TOPICS.events, town.topic(TOPICS.events, burst(ANNA)))
        await give(town, work, command(1, "otp_request"))
        (delivery,) = town.sent(TOPICS.deliveries)
        assert delivery == {"command_id": "c1", "user_id": ANNA, "expires": "2026-03-02T12:05:01.000Z"}
        await give(town, work, command(2, "otp_verify", otp_hash="0" * 64), verify(3, "c1"))
        assert [outcome["status"] for outcome in town.sent(TOPICS.outcomes)] == ["done", "refused", "done"]
        locks = town.sent(TOPICS.locks)
        assert (locks[-1]["state"], locks[-1]["by"]) == ("unlocked", "otp")
        assert [lock["version"] for lock in locks] == list(range(1, len(locks) + 1))
        secret = code(KEY, ANNA, "c1").encode()
        assert not any(secret in (output.value or b"") + (output.key or b"") for output in town.wire)
        assert not any(secret in (entry.value or b"") for entry in town.logs["users0"].history)
        assert ("otp_request", "done") in town.reports["command"]
        assert [outcome for (outcome,) in town.reports["otp"]] == ["sent", "wrong", "passed"]

    run(story())


def test_a_lock_outlives_what_is_known_of_its_user(tmp_path: Path) -> None:
    async def story() -> None:
        town = Town(tmp_path, dormant_ms=10 * DAY)
        work = await town.users()
        await work.apply(TOPICS.events, town.topic(TOPICS.events, [event(ANNA, number) for number in range(40)]))
        await give(town, work, command(1, "lock"))
        town.now_ms = later_ms = NOON_MS + 11 * DAY
        await work.apply(TOPICS.events, town.topic(TOPICS.events, [event(BERT, 0, at_ms=later_ms)], first=40))
        await work.tick()
        assert work.users.load([ANNA], {})[ANNA].events == 0
        back = event(ANNA, 99, "payout", later_ms + 1_000, amount=5.0)
        await work.apply(TOPICS.events, town.topic(TOPICS.events, [back], first=41))
        assert town.sent(TOPICS.decisions)[-1]["decision"] == "block"
        await give(town, work, command(2, "unlock", time=later_ms + 2_000))
        locks = [(lock["state"], lock["version"]) for lock in town.sent(TOPICS.locks)]
        assert locks == [("locked", 1), ("unlocked", 2)]
        await work.stop(gracefully=True)

    run(story())


def test_outcomes_go_by_their_command_and_all_else_by_the_user(tmp_path: Path) -> None:
    async def story() -> None:
        town = Town(tmp_path)
        work = await town.users()
        await give(town, work, *(command(number, "lock", BERT) for number in range(8)), command(9, "otp_request"))
        for output in town.wire:
            if output.topic == TOPICS.outcomes:
                assert output.key is not None
                assert output.partition == partition_of(output.key, PARTITIONS)
                assert msgspec.json.decode(output.value or b"")["command_id"] == output.key.decode()
            else:
                assert output.partition == 0
                assert output.key in (ANNA.encode(), BERT.encode())

    run(story())


def test_a_repeat_is_answered_with_the_same_bytes_even_after_a_restart_on_another_disk(tmp_path: Path) -> None:
    async def story() -> None:
        town = Town(tmp_path)
        work = await town.users()
        await give(
            town, work, command(1, "lock", reason="why"), command(2, "unlock"), command(1, "lock", reason="why")
        )
        await work.stop(gracefully=True)
        town.wire.clear()
        other = await town.users(disk="b")
        await give(town, other, command(1, "lock", reason="why"))
        (again,) = [output for output in town.wire if output.topic == TOPICS.outcomes]
        assert msgspec.json.decode(again.value or b"")["time"] == "2026-03-02T12:00:01.000Z"
        assert town.sent(TOPICS.locks) == []
        assert len(town.reports["command"]) == 2

    run(story())


def test_what_cannot_be_read_is_set_aside_and_what_is_misplaced_goes_home(tmp_path: Path) -> None:
    async def story() -> None:
        town = Town(tmp_path)
        work = await town.users()
        foreign, ahead = command(1, "lock", ELSEWHERE), command(2, "lock", time=NOON_MS + 6 * MINUTE_MS)
        await give(town, work, b"{}", foreign, ahead, command(3, "lock"))
        rejected = [output for output in town.wire if output.topic == TOPICS.rejected]
        assert [dict(output.headers)["error"] for output in rejected] == [b"missing_field", b"from_the_future"]
        (sent_on,) = [output for output in town.wire if output.topic == TOPICS.commands]
        assert (sent_on.partition, sent_on.key, sent_on.value) == (1, ELSEWHERE.encode(), foreign)
        assert [outcome["command_id"] for outcome in town.sent(TOPICS.outcomes)] == ["c3"]

    run(story())


@pytest.mark.parametrize("type_", ["acknowledge", "assign", "resolve", "false_positive"])
def test_what_cases_answer_is_left_to_them(type_: str, tmp_path: Path) -> None:
    async def story() -> None:
        town = Town(tmp_path)
        work = await town.users()
        await give(town, work, command(1, type_, case_id="k"), command(2, "escalate", case_id="k"))
        assert town.sent(TOPICS.outcomes) == []

    run(story())


def test_a_lock_with_an_end_is_announced_when_it_is_over_though_its_user_was_never_seen(tmp_path: Path) -> None:
    async def story() -> None:
        town = Town(tmp_path)
        work = await town.users()
        await give(town, work, command(1, "lock", until=NOON_MS + MINUTE_MS))
        await work.apply(TOPICS.events, town.topic(TOPICS.events, burst(BERT, 1, NOON_MS + 2 * MINUTE_MS)))
        assert [(lock["state"], lock["by"]) for lock in town.sent(TOPICS.locks)] == [
            ("locked", "admin"),
            ("unlocked", "expiry"),
        ]

    run(story())


def test_events_are_blocked_by_a_lock_that_was_asked_for(tmp_path: Path) -> None:
    async def story() -> None:
        town = Town(tmp_path)
        work = await town.users()
        await give(town, work, command(0, "lock", scope=["transaction"]))
        await work.apply(TOPICS.events, town.topic(TOPICS.events, burst(ANNA, 2)))
        assert [decision["decision"] for decision in town.sent(TOPICS.decisions)] == ["block", "block"]

    run(story())


def test_a_guesser_is_told_of_like_by_any_other_alert(tmp_path: Path) -> None:
    async def story() -> None:
        town = Town(tmp_path)
        work = await town.users()
        guesses = [command(number, "otp_verify", otp_hash="0" * 64) for number in range(2, 7)]
        await give(town, work, command(1, "otp_request"), *guesses)
        (alert,) = town.sent(TOPICS.alerts)
        assert (alert["rule_id"], alert["event_id"]) == ("otp_guessing", "c6")
        assert town.sent(TOPICS.decisions) == []
        assert town.reports["rule_hits"][-1] == ({"otp_guessing": 1},)

    run(story())


def test_an_alert_of_a_rule_in_shadow_counts_as_suppressed(tmp_path: Path) -> None:
    async def story() -> None:
        town = Town(tmp_path, book=RuleBook(modes={"otp_guessing": "shadow"}))
        work = await town.users()
        guesses = [command(number, "otp_verify", otp_hash="0" * 64) for number in range(2, 7)]
        await give(town, work, command(1, "otp_request"), *guesses)
        (alert,) = town.sent(TOPICS.alerts)
        assert alert["mode"] == "shadow"
        assert town.reports["alert"] == []
        assert ("shadow", 1) in town.reports["suppressed"]
        await work.stop(gracefully=True)

    run(story())


def test_a_confirmed_challenge_is_a_label_on_the_feedback_topic(tmp_path: Path) -> None:
    async def story() -> None:
        town = Town(tmp_path)
        work = await town.users()
        payments = burst(ANNA, 9)
        await work.apply(TOPICS.events, town.topic(TOPICS.events, payments))
        challenged = [
            decision["event_id"] for decision in town.sent(TOPICS.decisions) if decision["decision"] == "challenge"
        ]
        assert challenged
        await give(town, work, command(20, "otp_request"), verify(21, "c20"))
        labels = town.sent(TOPICS.feedback)
        assert [label["event_id"] for label in labels] == challenged[-4:]
        assert {(label["label"], label["source"], label["user_id"]) for label in labels} == {("legit", "otp", ANNA)}

    run(story())


def test_a_step_too_large_is_taken_as_two_with_the_same_answers(tmp_path: Path) -> None:
    async def story(max_entries: int, disk: str) -> list[Any]:
        town = Town(tmp_path)
        town.path = tmp_path / disk
        work = await town.users(max_entries=max_entries)
        users = users_of(0, 12)
        lots = [command(number, "lock", user, until=NOON_MS + 10**8) for number, user in enumerate(users)]
        await give(town, work, *lots, command(50, "otp_request"))
        return [(output.topic, output.value) for output in town.wire]

    async def both() -> None:
        whole, halved = await story(1_000, "whole"), await story(9, "halved")
        assert sorted(map(repr, whole)) == sorted(map(repr, halved))

    run(both())
