"""A cases partition at work: alerts and commands in, cases, answers and labels out, deadlines by the wall clock."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents.cases import KIND, CaseWork, Topics
from agents.journal import TooLarge
from agents.timers import PREFIX
from core.case_state import case_id_of
from core.records import Alert, Source, encode
from tables.cases import CASES
from tests.agents.household import MINUTE_MS, NOON_MS, PLACE, Record, Town, users_of
from tests.core.casework import alert

TOPICS = Topics(**{name: name for name in Topics.__struct_fields__})
USER, OTHER = users_of(0, 2)
STRANGER = users_of(1, 1)[0]
DAY_MS = 24 * 60 * MINUTE_MS


class Desks:
    """Cases partitions in a town."""

    def __init__(self, path: Path) -> None:
        self.town = Town(path)

    async def open(self, partition: int = 0, *, disk: str = "a", max_entries: int = 1_000_000) -> CaseWork:
        town = self.town
        shard = town.shard("cases", partition, disk, max_entries)
        work = CaseWork(town.services(), shard, TOPICS, PLACE, 10, town._missed)
        await work.start()
        return work

    def cases(self) -> list[tuple[str, int, str, str]]:
        return [
            (case["user_id"], case["version"], case["severity"], case["status"]) for case in self.town.sent("cases")
        ]

    def figures(self) -> tuple[dict[str, int], dict[str, float]]:
        """Open cases and the age of the oldest unacknowledged one, by severity."""
        _, opened, oldest_s = self.town.reports["cases"][-1]
        return dict(opened), dict(oldest_s)


@pytest.fixture
def desks(tmp_path: Path) -> Desks:
    return Desks(tmp_path)


def play(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(story())  # type: ignore[arg-type]


def alerts(*told: Alert, first: int = 0) -> list[Record]:
    return [Record("alerts", 0, first + at, b"k", encode(one)) for at, one in enumerate(told)]


def commands(*asked: dict[str, Any], first: int = 0) -> list[Record]:
    return [Record("commands", 0, first + at, b"k", msgspec.json.encode(one)) for at, one in enumerate(asked)]


def ask(command_id: str, type_: str, user_id: str = USER, **fields: Any) -> dict[str, Any]:
    facts = {"user_id": user_id, "by": "ann", "role": "analyst", "time": NOON_MS}
    return {"command_id": command_id, "type": type_, **facts, **fields}


def test_an_attack_becomes_a_case_that_is_worked_on_and_closed_with_labels(desks: Desks) -> None:
    async def story() -> None:
        town, work = desks.town, await desks.open()
        await work.apply("alerts", alerts(alert("a", user_id=USER), alert("b", "CRITICAL", user_id=USER)))
        town.now_ms += 3 * MINUTE_MS
        await work.apply(
            "commands", commands(ask("c0", "acknowledge", alert_id="b"), ask("c1", "assign", alert_id="a"))
        )
        town.now_ms += 2 * MINUTE_MS
        closing = ask("c2", "resolve", case_id=case_id_of("a"), resolution="confirmed_fraud")
        await work.apply("commands", commands(closing, first=2))
        assert desks.cases() == [
            (USER, 1, "HIGH", "open"),
            (USER, 2, "CRITICAL", "open"),
            (USER, 3, "CRITICAL", "acknowledged"),
            (USER, 4, "CRITICAL", "investigating"),
            (USER, 5, "CRITICAL", "resolved"),
        ]
        assert [outcome["status"] for outcome in town.sent("outcomes")] == ["done"] * 3
        feedback = [(one["event_id"], one["label"], one["source"], one["time"]) for one in town.sent("feedback")]
        closed = "2026-03-02T12:05:00.000Z"
        assert feedback == [("a-e1", "fraud", "analyst", closed), ("b-e1", "fraud", "analyst", closed)]
        assert town.reports["case_acknowledged"] == [("CRITICAL", 180.0)]
        assert town.reports["case_resolved"] == [("CRITICAL", 300.0)]
        await work.stop(gracefully=True)

    play(story)


def test_records_go_to_the_partitions_of_their_keys(desks: Desks) -> None:
    async def story() -> None:
        town, work = desks.town, await desks.open()
        told = [
            alert(f"a{number}", user_id=USER, attack=[attack]) for number, attack in enumerate(("T1078", "OAT-001"))
        ]
        await work.apply("alerts", alerts(*told))
        await work.apply(
            "commands", commands(*(ask(f"c{at}", "false_positive", alert_id=f"a{at}") for at in range(2)))
        )
        assert len(town.wire) == 8
        for output in town.wire:
            record = msgspec.json.decode(output.value or b"")
            key = {"cases": "case_id", "outcomes": "command_id", "feedback": "user_id"}[output.topic]
            assert (output.key, output.partition) == (record[key].encode(), PLACE(record[key]))
        await work.stop(gracefully=True)

    play(story)


def test_only_commands_about_cases_of_this_partition_are_answered(desks: Desks) -> None:
    async def story() -> None:
        town, work = desks.town, await desks.open()
        asked = [
            ask("c0", "lock", role="admin"),
            ask("c1", "otp_request", role="member", by=USER),
            ask("c2", "escalate"),
            ask("c3", "acknowledge", user_id=STRANGER, alert_id="a"),
            ask("c4", "nonsense"),
            ask("c5", "acknowledge", alert_id="a"),
        ]
        records = [
            *commands(*asked),
            Record("commands", 0, 9, b"k", b"garbage"),
            Record("commands", 0, 10, b"k", None),
        ]
        await work.apply("commands", records)
        assert [(one["command_id"], one["status"]) for one in town.sent("outcomes")] == [("c5", "refused")]
        assert {output.topic for output in town.wire} == {"outcomes"}
        await work.stop(gracefully=True)

    play(story)


def test_a_sources_case_is_found_by_its_key(desks: Desks) -> None:
    async def story() -> None:
        host = next(host for host in range(256) if PLACE(f"ip:198.51.100.{host}") == 0)
        address = f"198.51.100.{host}"
        about = alert("s", user_id=None, source=Source("ip", address), users=["x", "y"])
        town, work = desks.town, await desks.open()
        await work.apply("alerts", alerts(about))
        await work.apply("commands", commands(ask("c0", "acknowledge", user_id=f"ip:{address}", alert_id="s")))
        assert [one["status"] for one in town.sent("cases")] == ["open", "acknowledged"]
        assert town.sent("cases")[0]["source"] == {"type": "ip", "id": address}
        await work.stop(gracefully=True)

    play(story)


def test_an_alert_that_cannot_be_read_stops_nobody(desks: Desks, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        work = await desks.open()
        good = alerts(alert("a", user_id=USER), first=3)
        bad = [Record("alerts", 0, at, b"k", value) for at, value in enumerate((b"\xff", None, b"{}"))]
        await work.apply("alerts", [*bad, *good])
        assert desks.cases() == [(USER, 1, "HIGH", "open")]
        assert [entry.args[2] for entry in caplog.records] == [0, 1, 2]  # type: ignore[index]
        await work.stop(gracefully=True)

    play(story)


def test_redelivered_records_are_taken_once_and_skipped_ones_are_read(desks: Desks) -> None:
    async def story() -> None:
        town, work = desks.town, await desks.open()
        told = [encode(alert(f"a{number}", user_id=USER)) for number in range(6)]
        records = town.topic("alerts", told)
        await work.apply("alerts", records[:2])
        await work.apply("alerts", records[:3])
        await work.apply("alerts", records[5:])
        (case,) = CASES.decode(work.shard.store.get(KIND.prefix + USER.encode()) or b"").open_cases()
        assert case.alert_ids == [f"a{number}" for number in range(6)]
        assert [version for _, version, _, _ in desks.cases()] == list(range(1, 7))
        await work.stop(gracefully=True)

    play(story)


def test_deadlines_are_told_by_the_wall_clock_though_nothing_comes(desks: Desks) -> None:
    async def story() -> None:
        town, work = desks.town, await desks.open()
        await work.apply("alerts", alerts(alert("a", "CRITICAL", user_id=USER)))
        told = []
        for minute in (11, 12, 13, 15, 16, 48, 60, 10_000):
            town.now_ms = NOON_MS + minute * MINUTE_MS
            await work.tick()
            told.append((minute, town.sent("cases")[-1]["breaches"][-1:]))
        assert told == [
            (11, []),
            (12, ["acknowledge_near"]),
            (13, ["acknowledge_near"]),
            (15, ["acknowledge_missed"]),
            (16, ["acknowledge_missed"]),
            (48, ["resolve_near"]),
            (60, ["resolve_missed"]),
            (10_000, ["resolve_missed"]),
        ]
        assert len(town.sent("cases")) == 5
        assert town.reports["case_breach"] == [
            (kind, "CRITICAL")
            for kind in ("acknowledge_near", "acknowledge_missed", "resolve_near", "resolve_missed")
        ]
        await work.stop(gracefully=True)

    play(story)


@pytest.mark.parametrize("disk", ["a", "b"], ids=["its own disk", "an empty disk"])
def test_the_next_owner_goes_on_with_cases_deadlines_and_answers(desks: Desks, disk: str) -> None:
    async def story() -> None:
        town, first = desks.town, await desks.open()
        await first.apply("alerts", alerts(alert("a", "CRITICAL", user_id=USER), alert("b", user_id=OTHER)))
        await first.apply("commands", commands(ask("c0", "acknowledge", alert_id="b", user_id=OTHER)))
        await first.stop(gracefully=False)
        sent = [(output.topic, output.value) for output in town.wire]
        town.now_ms += 15 * MINUTE_MS
        second = await desks.open(disk=disk)
        again = [(output.topic, output.value) for output in town.wire][len(sent) :]
        assert again == sent[-len(again) :]
        assert desks.figures() == ({"CRITICAL": 1, "HIGH": 1}, {"CRITICAL": 900.0})
        await second.tick()
        assert town.sent("cases")[-1]["breaches"] == ["acknowledge_missed"]
        await second.apply("commands", commands(ask("c0", "acknowledge", alert_id="b", user_id=OTHER), first=1))
        first_answer, last_answer = (
            [output.value for output in town.wire if output.topic == "outcomes"][at] for at in (0, -1)
        )
        assert first_answer == last_answer
        await second.stop(gracefully=True)

    play(story)


def test_a_step_that_is_too_large_is_taken_in_halves(desks: Desks) -> None:
    async def story() -> None:
        # A subject, its timer, the progress and the outbox: four entries, so that no two subjects fit.
        town, work = desks.town, await desks.open(max_entries=5)
        users = users_of(0, 7)
        await work.apply("alerts", alerts(*(alert(f"a{user}", "CRITICAL", user_id=user) for user in users)))
        assert [user for user, *_ in desks.cases()] == users
        assert len(work.timers) == len(users)
        town.now_ms += 15 * MINUTE_MS
        await work.tick()
        assert sorted(user for user, version, *_ in desks.cases() if version == 2) == sorted(users)
        assert len(work.timers) == len(users)
        await work.stop(gracefully=True)

    play(story)


def test_a_subject_that_fits_no_step_is_an_error(desks: Desks) -> None:
    async def story() -> None:
        work = await desks.open(max_entries=3)
        with pytest.raises(TooLarge):
            await work.apply("alerts", alerts(alert("a", user_id=USER)))
        await work.stop(gracefully=False)

    play(story)


def test_figures_follow_open_cases(desks: Desks) -> None:
    async def story() -> None:
        town, work = desks.town, await desks.open()
        await work.apply("alerts", alerts(alert("a", user_id=USER), alert("b", "CRITICAL", user_id=OTHER)))
        town.now_ms += 2 * MINUTE_MS
        await work.tick()
        assert desks.figures() == ({"HIGH": 1, "CRITICAL": 1}, {"HIGH": 120.0, "CRITICAL": 120.0})
        await work.apply("commands", commands(ask("c0", "acknowledge", alert_id="a")))
        await work.tick()
        assert desks.figures() == ({"HIGH": 1, "CRITICAL": 1}, {"CRITICAL": 120.0})
        await work.apply("commands", commands(ask("c1", "false_positive", alert_id="a"), first=1))
        await work.tick()
        assert desks.figures() == ({"CRITICAL": 1}, {"CRITICAL": 120.0})
        await work.stop(gracefully=True)
        assert desks.figures() == ({}, {})

    play(story)


def test_a_compliance_case_is_open_and_pages_nobody(desks: Desks) -> None:
    async def story() -> None:
        work = await desks.open()
        await work.apply("alerts", alerts(alert("a", "CRITICAL", user_id=USER, kind="COMPLIANCE")))
        desks.town.now_ms += MINUTE_MS
        await work.tick()
        assert desks.figures() == ({"CRITICAL": 1}, {})
        await work.stop(gracefully=True)

    play(story)


def test_whoever_has_been_quiet_for_long_is_forgotten(desks: Desks) -> None:
    async def story() -> None:
        town, work = desks.town, await desks.open()
        await work.apply("alerts", alerts(alert("a", "LOW", user_id=USER), alert("b", user_id=OTHER)))
        town.now_ms += 60 * DAY_MS
        await work.apply("commands", commands(ask("c0", "acknowledge", alert_id="gone", time=town.now_ms)))
        keys = [KIND.prefix + user.encode() for user in (USER, OTHER)]
        for days, kept in ((91, [True, True]), (151, [False, True])):
            town.now_ms = NOON_MS + days * DAY_MS
            await work.tick()
            assert [value is not None for value in work.shard.store.get_many(keys)] == kept
        # Nothing waits for the open case any more: all its deadlines were told.
        assert len(work.timers) == 0
        await work.stop(gracefully=True)

    play(story)


def test_of_each_subject_one_timer_is_in_the_state(desks: Desks) -> None:
    async def story() -> None:
        # A severity that rises brings the deadlines nearer.
        town, work = desks.town, await desks.open()
        for at, user in enumerate(users_of(0, 3)):
            told = [alert(f"{user}{severity}", severity, user_id=user) for severity in ("LOW", "CRITICAL")]
            for number, one in enumerate(told):
                await work.apply("alerts", alerts(one, first=2 * at + number))
            closing = ask(f"c{at}", "false_positive", alert_id=told[0].alert_id, user_id=user)
            await work.apply("commands", commands(closing, first=at))
            assert len(list(work.shard.store.scan(PREFIX))) == at + 1
        town.now_ms += 90 * DAY_MS
        await work.tick()
        assert list(work.shard.store.scan(PREFIX)) == list(work.shard.store.scan(KIND.prefix)) == []
        await work.stop(gracefully=True)

    play(story)


def test_timers_do_not_pile_up(desks: Desks) -> None:
    async def story() -> None:
        town, work = desks.town, await desks.open()
        offset = 0
        for hour in range(40):
            town.now_ms = NOON_MS + hour * 60 * MINUTE_MS
            for severity in ("LOW", "HIGH", "CRITICAL"):
                told = alert(
                    f"a{offset}", severity, user_id=USER, at_min=hour * 60, attack=["T1078", "OAT-001"][hour % 2 :]
                )
                await work.apply("alerts", alerts(told, first=offset))
                offset += 1
            await work.tick()
            assert len(work.timers) <= 4
        await work.stop(gracefully=True)

    play(story)
