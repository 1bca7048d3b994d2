import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import DAY, MINUTE
from core.events import (
    EARLIEST_MS,
    ERRORS,
    FUTURE_MS,
    LATEST_MS,
    Action,
    Place,
    Rejected,
    decode_action,
    event_key,
    nowhere,
    read_command,
    read_feedback,
)
from core.records import EVENT_TYPES, RECORD_MAX_BYTES

NOW_MS = 1_772_442_000_000


def plain(**fields: Any) -> dict[str, Any]:
    return {"event_id": "e1", "type": "login", "user_id": "u1", "time": NOW_MS, **fields}


def read(event: Any, now_ms: int | None = NOW_MS, locate: Any = nowhere) -> Action:
    raw = event if isinstance(event, bytes) else json.dumps(event).encode()
    return decode_action(raw, now_ms=now_ms, locate=locate)


def error_of(event: Any, now_ms: int | None = NOW_MS) -> str:
    with pytest.raises(Rejected) as caught:
        read(event, now_ms)
    assert caught.value.error in ERRORS
    assert caught.value.reason
    assert "\n" not in caught.value.reason
    return caught.value.error


@given(st.binary(max_size=300))
def test_any_bytes_give_an_action_or_a_rejection(raw: bytes) -> None:
    try:
        assert isinstance(read(raw), Action)
    except Rejected as rejected:
        assert rejected.error in ERRORS


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.dictionaries(
        st.sampled_from([*plain(), "ip", "amount", "lat", "lon", "country", "currency", "attributes"]), JSON
    )
)
def test_any_json_in_any_field_gives_an_action_or_a_rejection(fields: dict[str, Any]) -> None:
    try:
        action = read({**plain(), **fields})
    except Rejected as rejected:
        assert rejected.error in ERRORS
    else:
        assert 1 <= len(action.user_id) <= 128
        assert EARLIEST_MS <= action.time_ms < LATEST_MS


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"hello",
        b"{",
        b'{"event_id":"e1","type":"login","user_id":"u1","time":NaN}',
        b'{"event_id":"e1","type":"transaction","user_id":"u1","time":1772442000000,"amount":Infinity}',
        b"\xef\xbb\xbf" + json.dumps(plain()).encode(),
        json.dumps(plain()).encode("utf-16"),
        b'{"event_id":"e1","type":"login","user_id":"u1","time":1772442000000,"other":"\xff"}',
        b'{"event_id":"\\ud800","type":"login","user_id":"u1","time":1772442000000}',
        b'{"event_id":"e1","other":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        json.dumps(plain()).encode() + b"{}",
    ],
)
def test_what_is_not_json_is_said_to_be_none(raw: bytes) -> None:
    assert error_of(raw) == "not_json"


@pytest.mark.parametrize("raw", [b"null", b"[]", b"1", b'"text"', b"true", b"[" * 30_000 + b"]" * 30_000])
def test_json_that_is_no_object_is_invalid(raw: bytes) -> None:
    assert error_of(raw) == "invalid"


@pytest.mark.parametrize("field", ["event_id", "type", "user_id", "time"])
def test_a_required_field_that_is_missing_is_named(field: str) -> None:
    event = plain()
    del event[field]
    with pytest.raises(Rejected, match=field) as caught:
        read(event)
    assert caught.value.error == "missing_field"


@pytest.mark.parametrize(
    "fields",
    [
        {"event_id": ""},
        {"event_id": 7},
        {"event_id": None},
        {"event_id": "e" * 129},
        {"user_id": ""},
        {"user_id": "u" * 129},
        {"type": "teleport"},
        {"time": "yesterday"},
        {"time": "2026-03-02T09:00:00"},
        {"time": True},
        {"time": 1.5},
        {"outcome": "maybe"},
        {"ip": "1.2.3"},
        {"ip": ""},
        {"ip": "1.2.3.4/24"},
        {"country": "USA"},
        {"country": "1!"},
        {"lat": 90.5, "lon": 0},
        {"lat": 0, "lon": -181},
        {"amount": -0.01},
        {"amount": "12"},
        {"amount": 1.1e15},
        {"currency": "EURO"},
        {"merchant_id": "m" * 129},
        {"card_id": "c" * 129},
        {"payee_id": "p" * 129},
        {"path": "/" * 2_049},
        {"user_agent": "x" * 2_049},
        {"attributes": {"deep": {"er": 1}}},
        {"attributes": {"long": "x" * 2_049}},
        {"attributes": []},
    ],
)
def test_a_field_of_the_wrong_type_or_range_is_refused(fields: dict[str, Any]) -> None:
    assert error_of(plain(**fields)) in ("invalid", "out_of_range")


@pytest.mark.parametrize(
    "fields",
    [
        {"event_id": "e" * 128},
        {"user_id": "u" * 128},
        {"user_id": "日本語" * 40},
        {"path": "/" * 2_048},
        {"amount": 0},
        {"amount": 1e15},
        {"lat": -90, "lon": 180},
        {"attributes": {"vpn": True, "tz": None, "n": -1e15}},
        {"merchant_id": "m" * 128},
        {"nobody": {"knows": ["this", {"field": 1}]}},
    ],
)
def test_a_field_at_its_bound_is_taken(fields: dict[str, Any]) -> None:
    assert read(plain(**fields)).event_id


@pytest.mark.parametrize("value", [1e16, -1e16])
def test_a_number_beyond_1e15_in_attributes_is_out_of_range(value: float) -> None:
    assert error_of(plain(attributes={"n": value})) == "out_of_range"


def test_a_record_over_64_kib_is_too_large() -> None:
    assert error_of(plain(other="x" * 1_000_000)) == "too_large"


def test_a_record_of_exactly_64_kib_is_taken() -> None:
    empty = len(json.dumps(plain(other="")))
    assert read(plain(other="x" * (RECORD_MAX_BYTES - empty))).event_id == "e1"
    assert error_of(plain(other="x" * (RECORD_MAX_BYTES - empty + 1))) == "too_large"


@pytest.mark.parametrize("time_ms", [EARLIEST_MS - 1, LATEST_MS, 0, -1, 10**30])
def test_a_time_that_no_clock_shows_is_refused(time_ms: int) -> None:
    assert error_of(plain(time=time_ms), now_ms=None) in ("out_of_range", "invalid", "not_json")


@pytest.mark.parametrize("time_ms", [EARLIEST_MS, LATEST_MS - 1])
def test_the_first_and_the_last_time_are_taken(time_ms: int) -> None:
    assert read(plain(time=time_ms), now_ms=None).time_ms == time_ms


def test_an_event_from_the_future_is_refused_where_there_is_a_clock() -> None:
    assert read(plain(time=NOW_MS + FUTURE_MS)).time_ms == NOW_MS + FUTURE_MS
    assert error_of(plain(time=NOW_MS + FUTURE_MS + 1)) == "from_the_future"
    assert read(plain(time=NOW_MS + DAY), now_ms=None).time_ms == NOW_MS + DAY


@pytest.mark.parametrize(
    "text",
    ["2026-03-02T09:00:00Z", "2026-03-02T09:00:00.000Z", "2026-03-02T10:00:00+01:00", "2026-03-02t04:00:00-05:00"],
)
def test_one_moment_in_many_spellings_is_one_time(text: str) -> None:
    assert read(plain(time=text)).time_ms == NOW_MS


def test_null_means_left_out() -> None:
    nulls = dict.fromkeys(("ip", "device_id", "country", "amount", "outcome", "attributes"))
    assert msgspec.structs.asdict(read(plain(**nulls))) == msgspec.structs.asdict(read(plain()))


def test_a_lower_case_country_is_raised() -> None:
    action = read(plain(country="de", currency="eur"))
    assert (action.country, action.currency) == ("DE", "EUR")


def test_a_place_is_looked_up_where_the_event_has_none() -> None:
    action = read(plain(ip="203.0.113.9"), locate=lambda ip: Place("SE", 59.3, 18.1))
    assert (action.country, action.lat, action.lon) == ("SE", 59.3, 18.1)
    assert action.network == "203.0.113.0/24"


def test_what_the_event_says_of_place_wins() -> None:
    action = read(
        plain(ip="203.0.113.9", country="NO", lat=59.9, lon=10.7), locate=lambda ip: Place("SE", 59.3, 18.1)
    )
    assert (action.country, action.lat, action.lon) == ("NO", 59.9, 10.7)


def test_a_lookup_that_names_another_country_places_nothing() -> None:
    action = read(plain(ip="203.0.113.9", country="NO"), locate=lambda ip: Place("SE", 59.3, 18.1))
    assert (action.country, action.lat, action.lon) == ("NO", None, None)


def test_half_a_place_is_none() -> None:
    assert read(plain(lat=1.0)).lat is None


@pytest.mark.parametrize("type_", EVENT_TYPES)
def test_every_type_is_taken(type_: str) -> None:
    assert read(plain(type=type_)).type == type_


def test_failure_is_an_outcome_and_success_the_default() -> None:
    assert read(plain(outcome="failure")).failed
    assert not read(plain()).failed


@pytest.mark.parametrize(("value", "vpn"), [(True, True), (False, False), ("true", False), (1, False), (None, False)])
def test_vpn_is_what_the_producer_says_it_is(value: Any, vpn: bool) -> None:
    assert read(plain(attributes={"vpn": value})).vpn is vpn


def test_empty_ids_are_no_ids() -> None:
    action = read(plain(device_id="", session_id="", merchant_id="", card_id="", payee_id=""))
    assert {action.device_id, action.session_id, action.merchant_id, action.card_id, action.payee_id} == {None}


@given(st.text(min_size=1, max_size=128), st.text(min_size=1, max_size=128))
def test_keys_differ_where_ids_do(one: str, other: str) -> None:
    try:
        assert (event_key(one) == event_key(other)) == (one == other)
    except UnicodeEncodeError:
        assert any("\ud800" <= letter <= "\udfff" for letter in one + other)


@pytest.mark.parametrize("time", [NOW_MS, "2026-03-02T09:00:00Z"])
def test_feedback_is_read_with_its_time_in_milliseconds(time: Any) -> None:
    raw = {"feedback_id": "f1", "event_id": "e1", "user_id": "u1", "label": "fraud", "source": "otp", "time": time}
    assert read_feedback(json.dumps(raw).encode(), now_ms=NOW_MS).time == NOW_MS


def test_feedback_from_the_future_is_rejected_where_there_is_a_clock() -> None:
    facts = {"feedback_id": "f1", "event_id": "e1", "user_id": "u1", "label": "fraud", "source": "otp"}
    raw = json.dumps({**facts, "time": "2099-12-31T00:00:00Z"}).encode()
    with pytest.raises(Rejected) as caught:
        read_feedback(raw, now_ms=NOW_MS)
    assert caught.value.error == "from_the_future"
    assert read_feedback(raw, now_ms=None).label == "fraud"


def test_feedback_that_cannot_be_read_is_rejected() -> None:
    with pytest.raises(Rejected) as caught:
        read_feedback(b'{"feedback_id": "f1"}', now_ms=None)
    assert caught.value.error == "missing_field"


def test_a_rejection_tells_its_error_and_reason() -> None:
    assert str(Rejected("invalid", "because")) == "invalid: because"


def test_five_minutes_are_the_tolerance() -> None:
    assert FUTURE_MS == 5 * MINUTE


def a_command(**fields: Any) -> bytes:
    facts = {"command_id": "c1", "type": "lock", "user_id": "u1", "by": "anna", "role": "admin", "time": NOW_MS}
    return json.dumps(facts | fields).encode()


def test_a_commands_times_are_read_as_milliseconds() -> None:
    command = read_command(a_command(time="2026-03-02T09:00:00Z", until="2026-03-02T10:00:00.5+01:00"), now_ms=None)
    assert command.time == 1_772_442_000_000
    assert command.until == 1_772_442_000_500
    assert read_command(a_command(), now_ms=NOW_MS).until is None


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"type": "explode"}, "invalid"),
        ({"role": "root"}, "invalid"),
        ({"scope": ["login", "everything"]}, "invalid"),
        ({"command_id": ""}, "invalid"),
        ({"by": None}, "invalid"),
        ({"time": "2026-03-02T09:00:00"}, "invalid"),
        ({"time": 0}, "out_of_range"),
        ({"until": LATEST_MS}, "out_of_range"),
        ({"time": NOW_MS + FUTURE_MS + 1}, "from_the_future"),
    ],
)
def test_a_command_that_says_nothing_sensible_is_rejected(fields: dict[str, Any], error: str) -> None:
    with pytest.raises(Rejected) as caught:
        read_command(a_command(**fields), now_ms=NOW_MS)
    assert caught.value.error == error


def test_a_command_without_its_fields_or_as_no_json_is_rejected() -> None:
    for raw, error in ((b"{}", "missing_field"), (b"{", "not_json"), (b" " * (RECORD_MAX_BYTES + 1), "too_large")):
        with pytest.raises(Rejected) as caught:
            read_command(raw, now_ms=NOW_MS)
        assert caught.value.error == error


@pytest.mark.parametrize("name", ["device_id", "session_id", "merchant_id", "card_id", "payee_id"])
def test_an_id_has_128_characters_at_most(name: str) -> None:
    event = {"event_id": "e", "type": "transaction", "user_id": "u", "time": 1_772_409_600_000}
    decode_action(msgspec.json.encode({**event, name: "x" * 128}), now_ms=None, locate=nowhere)
    with pytest.raises(Rejected) as rejected:
        decode_action(msgspec.json.encode({**event, name: "x" * 129}), now_ms=None, locate=nowhere)
    assert rejected.value.error == "invalid"
