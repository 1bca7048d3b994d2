"""The people of a soak: as many as ever, and others all the time."""

from itertools import islice

import msgspec

from core.clock import DAY
from core.events import decode_action, nowhere
from tests.soak.traffic import LIFETIME_MS, at_the_time, due_number, life, renamed


def test_users_come_and_go_and_are_about_as_many_at_any_time() -> None:
    by_day: dict[int, set[str]] = {}
    for event in islice(life(200), 40_000):
        time_ms = decode_action(msgspec.json.encode(event), now_ms=None, locate=nowhere).time_ms
        by_day.setdefault(time_ms // DAY, set()).add(event["user_id"])
    days = sorted(by_day)[-10:-1]
    assert all(120 < len(by_day[day]) < 320 for day in days)
    # Half a life later some are there still, two lives later nobody is.
    assert by_day[days[0]] & by_day[days[1]]
    assert not by_day[days[0]] & by_day[days[-1]]


def test_who_signs_up_leaves_again() -> None:
    joined_ms: dict[str, int] = {}
    stays_ms: dict[str, int] = {}
    for event in islice(life(200), 40_000):
        time_ms = decode_action(msgspec.json.encode(event), now_ms=None, locate=nowhere).time_ms
        user_id = event["user_id"].partition(".")[0]
        if event["type"] == "signup":
            joined_ms[user_id] = time_ms
        if user_id in joined_ms:
            stays_ms[user_id] = time_ms - joined_ms[user_id]
    assert max(stays_ms.values()) > LIFETIME_MS / 2
    assert max(stays_ms.values()) < LIFETIME_MS


def test_an_identity_is_one_for_its_time_and_then_another() -> None:
    names = {at_the_time("u1", time_ms) for time_ms in range(0, 4 * LIFETIME_MS, LIFETIME_MS // 8)}
    assert len(names) == 5
    event = {"event_id": "e", "user_id": "u1", "device_id": "d1", "ip": "192.0.2.1"}
    later = renamed(event, LIFETIME_MS)
    assert later == event | {"user_id": at_the_time("u1", LIFETIME_MS), "device_id": at_the_time("d1", LIFETIME_MS)}


def test_every_event_comes_once() -> None:
    ids = [event["event_id"] for event in islice(life(100), 5_000)]
    assert len(set(ids)) == len(ids)


def test_an_event_says_when_it_was_due() -> None:
    assert due_number("e7-12@345") == 345
