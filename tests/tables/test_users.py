import contextlib
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.alerting import Group
from core.features import features
from core.observe import learn_user, observe
from core.otp import issue
from core.outcomes import Answer, Answered, note
from core.receipts import find_receipt
from core.records import EVENT_TYPES
from core.respond import LockFacts, remember_challenged
from core.rules.book import RuleBook
from core.rules.trial import story_action
from core.state import VERSION, UserState, record_hit
from tables.users import USER_MAX_BYTES, decode_user, encode_user
from tables.versions import NewerVersion, Unreadable

BOOK = RuleBook()
START_MS = 1_772_442_000_000


def lived(events: list[dict[str, Any]]) -> UserState:
    state = UserState()
    for number, fields in enumerate(events):
        action = story_action(fields, number)
        seen = observe(state, action)
        for rule in BOOK.user_rules(action.type):
            rule.check(action, state, seen, rule.t)
        learn_user(state, action, seen)
    return state


def hostile(count: int, seed: int) -> list[dict[str, Any]]:
    """Every event with new and longest ids of everything, at a pace that keeps the rings full."""
    rng = random.Random(seed)
    events = []
    for number in range(count):
        long = f"{number:>08}" + "\N{GRINNING FACE}" * 120
        events.append(
            {
                "type": rng.choice((*EVENT_TYPES, "login", "transaction", "payout", "page_view")),
                "at": number * 1.5,
                "outcome": rng.choice(("success", "failure")),
                "ip": f"2001:db8:{number:x}::1",
                "device_id": long,
                "session_id": long,
                "user_agent": long * 10,
                "country": chr(65 + number % 26) + chr(65 + number // 26 % 26),
                "lat": rng.uniform(-90, 90),
                "lon": rng.uniform(-180, 180),
                "amount": rng.choice((1.0, 9_000.0, 1e15, 5_000.0)),
                "currency": "USD",
                "merchant_id": rng.choice((long, "\N{GRINNING FACE}" * 40, f"m{number}")),
                "card_id": long,
                "payee_id": long,
                "path": f"/admin/{long}",
            }
        )
    return events


def test_what_is_encoded_comes_back() -> None:
    state = lived(hostile(400, 1))
    state.groups["velocity:"] = Group(bytes(16), 1, 2, 3, 4, 5, 0, ["e1"])
    read = decode_user(encode_user(state))
    assert read == state
    assert list(read.countries) == list(state.countries)
    assert decode_user(encode_user(UserState())) == UserState()


@pytest.mark.parametrize("seed", range(4))
def test_whatever_comes_in_a_state_stays_small(seed: int) -> None:
    state = lived(hostile(1_500, seed))
    for number in range(40):
        record_hit(state, f"{number:02}" + "r" * 126, number)
    assert len(encode_user(state)) <= USER_MAX_BYTES - 2_690
    # Groups of `core.alerting`, each with as much as it may hold.
    for number in range(24):
        pending = ["e" * 128, "f" * 32]
        state.groups[f"credential_change_payout:{number:032}"] = Group(
            bytes(16), 3, 99_999, *(1 << 41,) * 3, 3, pending
        )
    raw = encode_user(state)
    assert len(raw) <= USER_MAX_BYTES
    assert set(decode_user(raw).groups) == set(state.groups)
    # And a user's own rules with as much as they may hold, under the longest names.
    for number in range(8):
        state.custom[f"{number:0128}"] = [(1 << 41, 1 << 31, 0.5)] * 8
    assert len(encode_user(state)) <= USER_MAX_BYTES
    assert state.groups


def test_an_ordinary_user_stays_under_a_kibibyte_besides_ids_and_receipts() -> None:
    rng = random.Random(3)
    events: list[dict[str, Any]] = []
    for number in range(300):
        at = number * 14_000 + rng.random() * 9_000
        place = {"ip": f"192.0.{rng.randrange(4)}.7", "device_id": f"d{rng.randrange(2)}", "country": "DE"}
        place |= {"session_id": f"s{number // 4}", "lat": 52.5, "lon": 13.4}
        if number % 4 == 0:
            events.append(
                {"type": "login", "at": at, "outcome": "failure" if number % 40 == 0 else "success", **place}
            )
        elif number % 4 == 1:
            shop = {"merchant_id": f"m{rng.randrange(20)}", "card_id": "c1", "amount": rng.lognormvariate(3, 1)}
            events.append({"type": "transaction", "at": at, **shop, **place})
        else:
            events.append({"type": "page_view", "at": at, "path": "/", **place})
    state = lived(events)
    assert len(encode_user(state)) - len(state.ids) - len(state.receipts) < 1_024


def test_payments_of_version_3_are_still_found_by_their_labels() -> None:
    at = UserState.__struct_fields__.index("receipts")
    items = msgspec.msgpack.decode(encode_user(lived([{"type": "login", "at": 0}])))
    items[0] = 3
    items[at] = [[10, b"k" * 8, "m1"], [20, b"l" * 8, ""]]
    receipts = decode_user(msgspec.msgpack.encode(items)).receipts
    assert find_receipt(receipts, b"k" * 8) == (10, "m1")
    assert find_receipt(receipts, b"l" * 8) == (20, "")


def old_record(version: int) -> bytes:
    """A state as version 0 wrote it: countries were a list of codes."""
    items = msgspec.msgpack.decode(encode_user(lived([{"type": "login", "at": 0, "country": "DE"}])))
    items[0] = version
    items[UserState.__struct_fields__.index("countries")] = ["DE", "FR"]
    items[UserState.__struct_fields__.index("receipts")] = []
    return msgspec.msgpack.encode(items)


def test_an_old_version_is_upgraded_as_it_is_read() -> None:
    state = decode_user(old_record(0))
    assert state.version == VERSION
    assert state.countries == dict.fromkeys(("DE", "FR"), state.first_ms // 1_000)
    assert state.events == 1


def test_a_state_from_before_commands_begins_without_any() -> None:
    fields = UserState.__struct_fields__
    items = msgspec.msgpack.decode(encode_user(lived([{"type": "login", "at": 0}])))
    items[fields.index("lock")] = ["locked", ["payout"], "why", None, 5, None, "rule", False]
    items[0] = 1
    items[fields.index("receipts")] = []
    state = decode_user(msgspec.msgpack.encode(items[: fields.index("alarm_ms")]))
    assert (state.version, state.events) == (VERSION, 1)
    assert (state.alarm_ms, state.asked_ms, state.otp, state.answers, state.challenged) == (0, 0, None, b"", [])
    assert state.lock == LockFacts("locked", ("payout",), "why", None, 5, None, "rule")
    assert decode_user(encode_user(state)) == state


def test_what_commands_leave_behind_comes_back_and_stays_small() -> None:
    state, key = lived(hostile(1_500, 7)), b"k" * 32
    bare = len(encode_user(state))
    for number in range(60):
        answered = Answered(Answer.CODE_WRONG, 4, START_MS + number)
        state.answers = note(state.answers, number.to_bytes(8, "big"), answered)
        state.otp = issue(state.otp, key, "u1", str(number), START_MS + number)
        remember_challenged(state.challenged, START_MS, "e" * 60 + str(number))
    assert decode_user(encode_user(state)) == state
    assert len(encode_user(state)) < bare + 900


def test_a_session_from_before_logouts_were_kept_has_not_ended() -> None:
    items = msgspec.msgpack.decode(encode_user(lived([{"type": "logout", "at": 0, "session_id": "s"}])))
    at = UserState.__struct_fields__.index("sessions")
    assert decode_user(msgspec.msgpack.encode(items)).sessions[0].ended_s
    items[at] = [session[:-3] for session in items[at]]
    old = decode_user(msgspec.msgpack.encode(items)).sessions[0]
    assert (old.ended_s, old.agent, old.moved) == (0, 0, False)


def test_a_newer_version_is_a_clear_error() -> None:
    with pytest.raises(NewerVersion, match="version 99") as caught:
        decode_user(old_record(99))
    assert caught.value.version == 99


@pytest.mark.parametrize(
    "raw", [b"", b"\xc1", b"\x90", b"\x91\xc3", b"\x91\xff", b"\xa1x", encode_user(UserState())[:-9]]
)
def test_bytes_that_are_no_state_are_refused(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        decode_user(raw)


@settings(derandomize=True, max_examples=200)
@given(st.binary(max_size=64))
def test_no_bytes_raise_anything_else(raw: bytes) -> None:
    with contextlib.suppress(Unreadable, NewerVersion):
        decode_user(raw)


def test_a_state_that_is_packed_after_every_event_says_the_same() -> None:
    kept, packed = UserState(), UserState()
    for number, fields in enumerate(hostile(300, 9)):
        action = story_action(fields, number)
        answers = []
        for state in (kept, packed):
            seen = observe(state, action)
            said = [rule.check(action, state, seen, rule.t) for rule in BOOK.user_rules(action.type)]
            learn_user(state, action, seen)
            answers.append((said, features(action, state, seen)))
        assert answers[0] == answers[1]
        packed = decode_user(encode_user(packed))
    assert packed == kept
