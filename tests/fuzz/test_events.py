"""Whatever bytes come in on a topic: an event, or one documented error of bounded length, and nothing in between."""

import json
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.events import (
    ERRORS,
    REASON_MAX_CHARS,
    Action,
    Rejected,
    decode_action,
    nowhere,
    read_command,
    read_feedback,
)
from core.records import EVENT_TYPES, ID_MAX_CHARS, NUMBER_MAX, RECORD_MAX_BYTES, TEXT_MAX_CHARS
from tests.fuzz.mutation import mutated

NOW_MS: Final = 1_790_000_000_000
GOOD: Final[dict[str, Any]] = {
    "event_id": "e1", "type": "transaction", "user_id": "u1", "time": "2026-03-01T12:00:00Z", "outcome": "failure",
    "ip": "203.0.113.9", "device_id": "d", "session_id": "s", "user_agent": "a", "country": "se", "lat": 59.3,
    "lon": 18.0, "amount": 12.5, "currency": "EUR", "merchant_id": "m", "card_id": "c", "payee_id": "p", "path": "/",
    "attributes": {"vpn": True, "tz": "Europe/Stockholm", "mfa": None, "n": 3},
}  # fmt: skip
FEEDBACK: Final = {
    "feedback_id": "f", "event_id": "e1", "user_id": "u1", "label": "fraud", "source": "dispute", "time": NOW_MS,
}  # fmt: skip
COMMAND: Final = {
    "command_id": "c", "type": "lock", "user_id": "u1", "by": "ann", "role": "admin", "time": NOW_MS,
    "scope": ["login"], "until": "2026-10-01T00:00:00Z",
}  # fmt: skip
VALUES: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=40)
    | st.sampled_from(("", "0", "x" * 3_000)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=5,
)


def good(record: dict[str, Any]) -> list[bytes]:
    return [json.dumps(record).encode(), json.dumps(record, indent=1, ensure_ascii=False).encode()]


def read_to_the_end(raw: bytes) -> Action | None:
    try:
        return decode_action(raw, now_ms=NOW_MS, locate=nowhere)
    except Rejected as rejected:
        assert rejected.error in ERRORS
        assert 0 < len(rejected.reason) <= REASON_MAX_CHARS
        return None


def holds_what_the_contract_bounds(action: Action) -> None:
    assert action.type in EVENT_TYPES
    for text in (action.event_id, action.user_id):
        assert 1 <= len(text) <= ID_MAX_CHARS
    for text in (action.device_id, action.session_id, action.merchant_id, action.card_id, action.payee_id):
        assert text is None or 1 <= len(text) <= ID_MAX_CHARS
    for text in (action.user_agent, action.path, *action.attributes):
        assert text is None or len(text) <= TEXT_MAX_CHARS
    for value in (action.amount, *(value for value in action.attributes.values() if not isinstance(value, str))):
        assert value is None or abs(value) <= NUMBER_MAX
    assert (action.lat is None) == (action.lon is None)
    for text in (action.country, action.currency):
        assert text is None or text == text.upper()
    assert len(action.key) == 8


@settings(max_examples=350)
@given(mutated(good(GOOD)))
def test_bytes_are_an_event_within_bounds_or_rejected(raw: bytes) -> None:
    action = read_to_the_end(raw)
    if action is not None:
        holds_what_the_contract_bounds(action)
        assert read_to_the_end(raw) == action


@settings(max_examples=250)
@given(st.dictionaries(st.sampled_from([*GOOD, "unknown"]), VALUES, max_size=4))
def test_any_value_in_any_field_is_within_bounds_or_rejected(fields: dict[str, Any]) -> None:
    action = read_to_the_end(json.dumps(GOOD | fields).encode())
    if action is not None:
        holds_what_the_contract_bounds(action)


@settings(max_examples=100)
@given(mutated([*good(FEEDBACK), *good(COMMAND)]))
def test_bytes_are_feedback_and_commands_or_rejected(raw: bytes) -> None:
    for read in (read_feedback, read_command):
        try:
            assert isinstance(read(raw, now_ms=NOW_MS).time, int)
        except Rejected as rejected:
            assert rejected.error in ERRORS
            assert len(rejected.reason) <= REASON_MAX_CHARS


@pytest.mark.parametrize("open_", [b"[", b'{"a":', b'{"attributes":{"a":', b'{"attributes":['])
def test_nesting_as_deep_as_a_record_can_be_is_rejected(open_: bytes) -> None:
    assert read_to_the_end((open_ * RECORD_MAX_BYTES)[:RECORD_MAX_BYTES]) is None


def test_an_unknown_field_may_nest_as_it_likes_and_is_rejected_or_skipped() -> None:
    depth = 10_000
    raw = json.dumps(GOOD).encode()[:-1] + b',"x":' + b"[" * depth + b"]" * depth + b"}"
    read_to_the_end(raw)
