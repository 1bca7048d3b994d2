import pytest

from argus.store.rows import SEEN_MS, Decisions, reader
from core.clock import rfc3339
from core.events import ERRORS, Rejected
from core.records import Source
from tests.argus.store import records as make
from tests.argus.store.records import NOW_MS, Raw, raw, rows


@pytest.mark.parametrize("topic", ["alerts", "decisions", "cases", "locks", "outcomes", "feedback", "audit"])
@pytest.mark.parametrize(
    ("value", "error"),
    [
        (b"", "not_json"),
        (b"\xff{}", "not_json"),
        (b"[" * 2_000, "not_json"),
        (b"{}", "missing_field"),
        (b"[]", "invalid"),
        (b'"text"', "invalid"),
    ],
)
def test_what_cannot_be_read_is_rejected_with_the_reason(topic: str, value: bytes, error: str) -> None:
    with pytest.raises(Rejected) as rejected:
        reader(topic, 1.0)(Raw(value))
    assert rejected.value.error in ERRORS
    assert rejected.value.error == error or value.startswith(b"[[")


@pytest.mark.parametrize(
    ("topic", "record"),
    [
        ("alerts", make.alert(time="yesterday")),
        ("alerts", make.alert(time="2026-03-01")),
        ("alerts", make.alert(count=2**63)),
        ("cases", make.case(priority=2**31)),
        ("locks", make.lock(version=2**64 - 1)),
        ("locks", make.lock(until="9999-99-99T00:00:00Z")),
    ],
)
def test_what_no_column_can_hold_is_rejected(topic: str, record: object) -> None:
    with pytest.raises(Rejected):
        reader(topic, 1.0)(raw(record))


@pytest.mark.parametrize("topic", ["cases", "locks"])
def test_a_deletion_on_a_compacted_topic_makes_no_row(topic: str) -> None:
    assert reader(topic, 1.0)(Raw(None)) == []


def test_every_challenge_and_block_is_kept_and_of_approvals_always_the_same_share() -> None:
    events = [f"e{number}" for number in range(4_000)]
    for share in (0.0, 0.05, 0.5, 1.0):
        kept = [event for event in events if Decisions(share).keeps(event)]
        assert len(kept) == pytest.approx(share * len(events), abs=0.02 * len(events))
        assert kept == [event for event in events if Decisions(share).keeps(event)]
    refused = [make.decision(event, decision="block") for event in events[:50]]
    made = [row for one in rows("decisions", refused, share=0.0) for row in one]
    assert sum(name == "decisions" for name, _ in made) == 50


def test_kept_approvals_stand_for_those_that_are_not() -> None:
    events = [make.decision(f"e{number}") for number in range(4_000)]
    made = [row for one in rows("decisions", events, share=0.1) for row in one]
    weights = [row[5] for name, row in made if name == "decisions"]
    assert sum(weights) == pytest.approx(4_000, rel=0.1)


def test_a_user_is_noted_at_first_sight_and_then_every_ten_minutes() -> None:
    times = [NOW_MS, NOW_MS + 1, NOW_MS + SEEN_MS - 1, NOW_MS + SEEN_MS, NOW_MS - 5, NOW_MS + SEEN_MS + 1]
    decisions = [make.decision(f"e{time}", time=rfc3339(time)) for time in times]
    made = [row for one in rows("decisions", decisions, share=0.0) for row in one]
    assert [row[2] for name, row in made if name == "users"] == [NOW_MS, NOW_MS + SEEN_MS]


def test_an_alert_is_found_by_what_is_in_it_in_small_letters() -> None:
    [made] = rows("alerts", [make.source_alert("A9", Source("ip", "192.0.2.1"), ["u1"], title="STRASSE Straße")])
    [(_, row)] = made
    assert all(text in row[10] for text in ("strasse strasse", "ip:192.0.2.1", "köln", "192.0.2.7", "a9", "e1"))
    assert row[3:5] == (None, "ip:192.0.2.1")
