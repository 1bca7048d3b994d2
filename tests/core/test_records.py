import msgspec
import pytest

from core import records
from core.records import Alert, Command, Event, Feedback, RuleDefinition, Source, encode


def an_alert(**fields: object) -> Alert:
    known: dict[str, object] = {
        "alert_id": "a1",
        "schema_version": records.SCHEMA_VERSION,
        "user_id": "u1",
        "event_id": "e1",
        "event_ids": ["e1"],
        "rule_id": "payment_velocity",
        "kind": "TRANSACTION",
        "severity": "LOW",
        "risk_score": 12.5,
        "title": "Many payments",
        "summary": "3 payments",
        "reasons": [],
        "suggested_actions": [],
        "context": {"ip": "203.0.113.9", "amount": 5.0},
        "scores": {},
        "contributions": {},
        "attack": [],
        "time": "2026-03-02T09:00:00.000Z",
        "detected_at": "2026-03-02T09:00:00.000Z",
        "dedup_key": "payment_velocity:u1:",
        "count": 1,
        "mode": "live",
    }
    return Alert(**{**known, **fields})  # type: ignore[arg-type]


def test_an_alert_comes_back_as_it_was_sent() -> None:
    alert = an_alert()
    assert msgspec.json.decode(encode(alert), type=Alert) == alert


def test_a_user_alert_has_no_source_on_the_wire() -> None:
    assert b'"source"' not in encode(an_alert())


def test_a_source_alert_has_a_null_user_and_its_source() -> None:
    alert = an_alert(user_id=None, source=Source("ip", "203.0.113.9"), users=["u1", "u2"])
    told = msgspec.json.decode(encode(alert))
    assert told["user_id"] is None
    assert told["source"] == {"type": "ip", "id": "203.0.113.9"}


def test_the_same_record_gives_the_same_bytes() -> None:
    assert encode(an_alert()) == encode(an_alert())


def test_unknown_fields_of_a_record_that_comes_in_are_ignored() -> None:
    raw = b'{"feedback_id":"f","event_id":"e","user_id":"u","label":"fraud","source":"dispute","time":1,"new":[]}'
    assert msgspec.json.decode(raw, type=Feedback).label == "fraud"


def test_an_unknown_field_of_a_rule_is_an_error() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.json.decode(b'{"rule_id":"r","text":"x","speling":1}', type=RuleDefinition)


def test_a_command_with_an_unknown_type_is_refused() -> None:
    raw = b'{"command_id":"c","type":"reboot","user_id":"u","by":"b","role":"admin","time":1}'
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(raw, type=Command)


def test_event_types_are_those_of_the_event() -> None:
    kinds = {
        msgspec.json.decode(encode({"event_id": "e", "type": t, "user_id": "u", "time": 1}), type=Event).type
        for t in records.EVENT_TYPES
    }
    assert kinds == set(records.EVENT_TYPES)
