"""What people do with cases, and what holds whatever they do."""

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.case_commands import NO_ALERT
from core.case_state import ANSWERS_MAX, NOTE_CHARS_MAX, NOTES_MAX, RESOLVED_MAX, case_id_of
from core.clock import MINUTE, rfc3339
from core.records import SEVERITIES, Alert, Command, Source
from tests.core.casework import NOON_MS, USER, Desk, alert

CASE = case_id_of("a")


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.alert("a")
    return desk


def labels(desk: Desk) -> list[tuple[str, str, str]]:
    records = [msgspec.json.decode(raw) for _, raw in desk.all.feedback]
    return [(record["event_id"], record["label"], record["source"]) for record in records]


def test_acknowledging_stops_the_first_clock(desk: Desk) -> None:
    outcome, case = desk.ask("acknowledge", case_id=CASE, at_min=12)
    assert (outcome.status, outcome.user_id, outcome.time) == ("done", USER, rfc3339(NOON_MS + 12 * MINUTE))
    assert case is not None
    assert (case.status, case.acknowledged, case.version) == ("acknowledged", rfc3339(NOON_MS + 12 * MINUTE), 2)
    assert desk.all.acknowledged == [("HIGH", 720.0)]


def test_a_command_that_is_there_before_its_alert_is_refused_with_what_to_do_and_then_done(desk: Desk) -> None:
    before, _ = desk.ask("acknowledge", alert_id="late")
    desk.alert("late")
    after, _ = desk.ask("acknowledge", alert_id="late")
    assert (before.status, before.reason, after.status) == ("refused", NO_ALERT, "done")
    assert before.command_id != after.command_id


def test_assigning_begins_the_investigation_and_acknowledges(desk: Desk) -> None:
    outcome, case = desk.ask("assign", case_id=CASE, assignee="bob", reason="knows the customer")
    assert outcome.reason == f"Case {CASE} assigned to bob"
    assert case is not None
    assert (case.status, case.assignee) == ("investigating", "bob")
    assert case.acknowledged is not None
    assert [(note.by, note.text) for note in case.notes] == [("ann", "knows the customer")]
    _, case = desk.ask("assign", case_id=CASE)
    assert case is not None
    assert case.assignee == "ann"
    assert len(desk.all.acknowledged) == 1


def test_escalating_raises_severity_and_priority_as_far_as_that_goes(desk: Desk) -> None:
    before = desk.all.cases[-1].priority
    _, case = desk.ask("escalate", case_id=CASE, at_min=20)
    assert case is not None
    assert (case.severity, case.escalated) == ("CRITICAL", True)
    assert case.priority > before
    assert case.acknowledge_by == rfc3339(NOON_MS + 35 * MINUTE)
    outcome, case = desk.ask("escalate", case_id=CASE)
    assert (outcome.status, case) == ("refused", None)


def test_a_critical_case_can_be_escalated_once() -> None:
    desk = Desk()
    desk.alert("a", "CRITICAL")
    _, case = desk.ask("escalate", case_id=CASE)
    assert case is not None
    assert (case.severity, case.escalated) == ("CRITICAL", True)


@pytest.mark.parametrize(
    ("type_", "resolution", "label"),
    [
        ("resolve", "confirmed_fraud", "fraud"),
        ("resolve", "false_positive", "legit"),
        ("resolve", "inconclusive", None),
        ("false_positive", None, "legit"),
    ],
)
def test_resolving_labels_the_events_of_the_case(desk: Desk, type_: str, resolution: Any, label: str | None) -> None:
    desk.alert("b", "MEDIUM", event_ids=["b-e0", "b-e1"])
    desk.alert("b", "MEDIUM", count=2)
    desk.alert("other", "LOW")
    outcome, case = desk.ask(type_, case_id=CASE, resolution=resolution, at_min=90)
    assert outcome.status == "done"
    assert case is not None
    assert (case.status, case.resolution) == ("resolved", resolution or "false_positive")
    assert case.resolved == rfc3339(NOON_MS + 90 * MINUTE)
    events = ["a-e1", "b-e1", "b-e0", "b-e2"] if label else []
    assert labels(desk) == [(event, label, "analyst") for event in events]
    assert desk.all.resolved == [("HIGH", 5_400.0)]
    assert desk.all.acknowledged == [("HIGH", 5_400.0)]


def test_an_event_that_tipped_two_alerts_is_labelled_once(desk: Desk) -> None:
    desk.alert("b", event_id="a-e1", event_ids=["a-e1"])
    desk.command("resolve", case_id=CASE, resolution="confirmed_fraud")
    assert labels(desk) == [("a-e1", "fraud", "analyst")]


def test_events_of_several_users_are_not_labelled_since_it_is_not_known_whose_they_are() -> None:
    desk = Desk()
    about: dict[str, Any] = {"user_id": None, "source": Source("ip", "192.0.2.1")}
    desk.alert("one", users=["x"], **about)
    desk.alert("more", users=["x"], **about)
    desk.alert("more", users=["x", "y"], count=2, **about)
    desk.command("resolve", alert_id="one", resolution="confirmed_fraud")
    assert [(user, msgspec.json.decode(raw)["event_id"]) for user, raw in desk.all.feedback] == [("x", "one-e1")]


@pytest.mark.parametrize(
    ("type_", "fields", "reason"),
    [
        ("acknowledge", {"case_id": CASE, "role": "member", "by": USER}, "role"),
        ("resolve", {"case_id": CASE, "role": "service", "resolution": "inconclusive"}, "role"),
        ("acknowledge", {"case_id": "nonsense"}, "no such case"),
        ("acknowledge", {"alert_id": "nonsense"}, "try again in a moment, with another command_id"),
        ("acknowledge", {}, "neither"),
        ("resolve", {"case_id": CASE}, "resolution"),
    ],
)
def test_what_is_refused_changes_nothing(desk: Desk, type_: str, fields: dict[str, Any], reason: str) -> None:
    outcome, case = desk.ask(type_, **fields)
    assert (outcome.status, case) == ("refused", None)
    assert reason in outcome.reason
    assert desk.state.cases[CASE].version == 1


def test_a_case_is_acknowledged_once_and_worked_on_until_it_is_resolved(desk: Desk) -> None:
    desk.ask("acknowledge", case_id=CASE)
    assert desk.ask("acknowledge", case_id=CASE)[0].status == "refused"
    desk.ask("resolve", case_id=CASE, resolution="inconclusive")
    for type_ in ("acknowledge", "assign", "escalate", "false_positive"):
        outcome, case = desk.ask(type_, case_id=CASE)
        assert (outcome.status, outcome.reason, case) == ("refused", "The case is resolved", None)


def test_work_on_an_alert_that_is_in_no_case_opens_one() -> None:
    desk = Desk()
    desk.alert("m", "MEDIUM")
    outcome, case = desk.ask("false_positive", alert_id="m", at_min=5)
    assert case is not None
    assert (outcome.status, case.status, case.severity, case.version) == ("done", "resolved", "MEDIUM", 1)
    assert labels(desk) == [("m-e1", "legit", "analyst")]


def test_work_on_an_earlier_alert_of_an_open_case_makes_it_a_part_of_it() -> None:
    desk = Desk()
    desk.alert("m", "MEDIUM")
    desk.alert("a")
    _, case = desk.ask("acknowledge", alert_id="m")
    assert case is not None
    assert (case.case_id, case.alert_ids) == (CASE, ["a", "m"])
    desk.alert("n", "LOW")
    outcome, case = desk.ask("acknowledge", alert_id="n")
    assert (outcome.status, case) == ("refused", None)
    assert desk.state.cases[CASE].alert_ids == ["a", "m"]


def test_a_repeated_command_gets_the_same_answer_and_does_nothing(desk: Desk) -> None:
    first = desk.command("assign", case_id=CASE, command_id="once", reason="mine", at_min=1)
    again = desk.command("assign", case_id=CASE, command_id="once", reason="mine", at_min=1)
    assert again.outcomes == first.outcomes
    assert (again.cases, again.feedback, again.acknowledged) == ([], [], [])
    assert len(desk.state.cases[CASE].notes) == 1


def test_answers_notes_and_resolved_cases_are_bounded() -> None:
    desk = Desk()
    for number in range(3 * RESOLVED_MAX):
        desk.alert(f"a{number}")
        for _ in range(NOTES_MAX + 5):
            desk.command("assign", alert_id=f"a{number}", reason="x" * 2_000)
        (case,) = desk.state.open_cases()
        assert len(case.notes) == NOTES_MAX
        assert {len(text) for _, _, text in case.notes} == {NOTE_CHARS_MAX}
        desk.command("resolve", alert_id=f"a{number}", resolution="inconclusive")
    assert len(desk.state.answered) == ANSWERS_MAX
    assert len(desk.state.cases) == RESOLVED_MAX
    assert case_id_of("a0") not in desk.state.cases
    assert desk.ask("acknowledge", case_id=case_id_of("a0"))[0].reason == "The user or source has no such case"


# Disputes.


def test_a_dispute_labels_the_event_and_raises_the_case_and_is_not_answered_here(desk: Desk) -> None:
    before = desk.all.cases[-1].priority
    worked = desk.command("dispute", alert_id="a", role="member", by=USER)
    assert worked.outcomes == []
    assert labels(desk) == [("a-e1", "fraud", "dispute")]
    (case,) = worked.cases
    assert (case.case_id, case.version) == (CASE, 2)
    assert case.priority > before
    assert [(note.by, note.text) for note in case.notes] == [(USER, "This wasn't me")]


def test_a_dispute_of_a_small_alert_opens_a_case_of_high() -> None:
    desk = Desk()
    desk.alert("m", "LOW")
    (case,) = desk.command("dispute", alert_id="m", role="member", by=USER).cases
    assert (case.case_id, case.severity, case.version) == (case_id_of("m"), "HIGH", 1)


def test_a_dispute_after_the_case_was_resolved_opens_another(desk: Desk) -> None:
    desk.command("false_positive", case_id=CASE)
    (case,) = desk.command("dispute", alert_id="a", role="member", by=USER, command_id="d").cases
    assert (case.case_id, case.status) == (case_id_of("a", "d"), "open")
    assert labels(desk)[-1] == ("a-e1", "fraud", "dispute")


def test_a_dispute_that_comes_before_its_alert_labels_the_event_when_the_alert_comes() -> None:
    desk = Desk()
    (case,) = desk.command("dispute", alert_id="a", role="member", by=USER).cases
    assert (case.severity, case.alert_ids, labels(desk)) == ("HIGH", ["a"], [])
    (joined,) = desk.alert("a", "LOW", attack=["OAT-001"], kind="TRANSACTION")
    assert (joined.case_id, joined.rules) == (case.case_id, ["login_brute_force"])
    assert labels(desk) == [("a-e1", "fraud", "dispute")]
    assert desk.alert("a", "LOW", count=2) == []
    assert len(labels(desk)) == 1


def test_a_case_can_be_disputed_by_its_own_id(desk: Desk) -> None:
    desk.command("dispute", case_id=CASE, role="member", by=USER)
    assert labels(desk) == [("a-e1", "fraud", "dispute")]


@pytest.mark.parametrize(
    "fields",
    [
        {"alert_id": "a", "role": "service"},
        {"alert_id": "a", "role": "member", "by": "somebody else"},
        {"role": "member", "by": USER},
    ],
)
def test_a_dispute_that_is_not_the_users_own_does_nothing(desk: Desk, fields: dict[str, Any]) -> None:
    worked = desk.command("dispute", **fields)
    assert (worked.cases, worked.feedback, worked.outcomes) == ([], [], [])


def test_disputes_that_wait_are_bounded() -> None:
    desk = Desk()
    for number in range(50):
        desk.command("dispute", alert_id=f"unknown{number}", role="member", by=USER)
    assert len(desk.state.disputes) == 8
    assert len(desk.state.open_cases()) == 1


# Whatever comes.

ALERT_IDS = [f"a{number}" for number in range(6)]
ALERTS = st.builds(
    lambda alert_id, severity, count, kind, attack, mode, minute: alert(
        alert_id, severity, count=count, kind=kind, attack=attack, mode=mode, at_min=minute
    ),
    st.sampled_from(ALERT_IDS),
    st.sampled_from(SEVERITIES),
    st.integers(1, 5),
    st.sampled_from(["SECURITY", "TRANSACTION", "COMPLIANCE"]),
    st.sampled_from([[], ["T1078"], ["OAT-001"], ["OAT-011"]]),
    st.sampled_from(["live", "live", "live", "shadow"]),
    st.integers(0, 300),
)
COMMANDS = st.builds(
    lambda number, type_, role, alert_id, case, resolution, minute: Command(
        command_id=f"c{number}",
        type=type_,
        user_id=USER,
        by=USER if role == "member" else "ann",
        role=role,
        time=NOON_MS + minute * MINUTE,
        alert_id=alert_id,
        case_id=case,
        resolution=resolution,
    ),
    st.integers(0, 20),
    st.sampled_from(["acknowledge", "assign", "resolve", "false_positive", "escalate", "dispute"]),
    st.sampled_from(["analyst", "admin", "member", "service"]),
    st.sampled_from([*ALERT_IDS, "unknown", None]),
    st.sampled_from([*map(case_id_of, ALERT_IDS), None, None, None]),
    st.sampled_from(["confirmed_fraud", "false_positive", "inconclusive", None]),
    st.integers(0, 300),
)
STORIES = st.lists(st.one_of(ALERTS, COMMANDS, st.integers(0, 6_000)), max_size=60)


def play(story: list[Alert | Command | int]) -> Desk:
    desk = Desk()
    for item in story:
        if isinstance(item, Alert):
            desk.take(item)
        elif isinstance(item, Command):
            assert isinstance(item.time, int)
            fields = {name: getattr(item, name) for name in ("role", "by", "alert_id", "case_id", "resolution")}
            minute = (item.time - NOON_MS) / MINUTE
            outcomes = desk.command(item.type, command_id=item.command_id, at_min=minute, **fields).outcomes
            assert [one.command_id for one in outcomes] == ([] if item.type == "dispute" else [item.command_id])
        else:
            desk.at(item)
        attacks = [case.attack for case in desk.state.open_cases()]
        assert len(attacks) == len(set(attacks)), "one open case for each attack"
    return desk


@given(STORIES)
def test_versions_grow_by_one_and_severity_and_priority_never_fall(story: list[Alert | Command | int]) -> None:
    by_case: dict[str, list[Any]] = {}
    for case in play(story).all.cases:
        by_case.setdefault(case.case_id, []).append(case)
    for records in by_case.values():
        assert [case.version for case in records] == list(range(1, 1 + len(records)))
        assert len({case.opened for case in records}) == 1
        for before, after in itertools.pairwise(records):
            assert SEVERITIES.index(after.severity) >= SEVERITIES.index(before.severity)
            assert after.priority >= before.priority
            assert after.resolve_by <= before.resolve_by
            assert after.alert_ids[: len(before.alert_ids)] == before.alert_ids
            assert after.breaches[: len(before.breaches)] == before.breaches
            assert before.status != "resolved", "a resolved case stands"
        last = records[-1]
        assert 1 <= last.priority <= 100
        assert (last.status == "resolved") == (last.resolution is not None) == (last.resolved is not None)
        assert (last.status == "open") == (last.acknowledged is None)


@given(STORIES)
def test_the_same_story_gives_the_same_bytes_and_a_repeated_command_the_same_answer(
    story: list[Alert | Command | int],
) -> None:
    first, again = play(story), play(story)
    assert msgspec.json.encode(first.all) == msgspec.json.encode(again.all)
    assert msgspec.msgpack.encode(first.state) == msgspec.msgpack.encode(again.state)
    answers: dict[tuple[str, str], set[bytes]] = {}
    for outcome in first.all.outcomes:
        answers.setdefault((outcome.command_id, outcome.user_id), set()).add(msgspec.json.encode(outcome))
    assert all(len(texts) == 1 for texts in answers.values())
