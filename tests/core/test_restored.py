from msgspec.structs import replace

from core.case_state import CaseState
from core.cases import Worked, due_ms, take_alert, take_time
from core.clock import MINUTE
from core.policy import Policy
from core.records import Note, Source
from core.respond import LockFacts, change, lock_at
from core.restored import Subject, case_state, subject_of, user_state
from tests.argus.store import records as make
from tests.argus.store.records import NOW_MS


def test_a_lock_is_in_force_as_it_was_and_its_versions_go_on() -> None:
    state = user_state(make.lock(version=7))
    assert lock_at(state.lock, NOW_MS) == "locked"
    assert lock_at(state.lock, NOW_MS + 86_400_000) == "unlocked"
    word = LockFacts("unlocked", (), "Asked for", None, NOW_MS + 5, None, "admin")
    assert [record.version for record in change(state, "u1", word, NOW_MS + 5)] == [8]


def test_a_user_who_was_unlocked_stays_so_and_keeps_the_version() -> None:
    state = user_state(make.lock(state="unlocked", scope=[], until=None, by="expiry", version=4))
    assert lock_at(state.lock, NOW_MS + 1) == "unlocked"
    word = LockFacts("locked", ("payout",), "Again", "a2", NOW_MS + 5, NOW_MS + 50, "rule")
    assert [(record.state, record.version) for record in change(state, "u1", word, NOW_MS + 5)] == [("locked", 5)]


def test_a_case_made_from_its_records_is_the_one_that_they_were_told_of() -> None:
    policy, worked, before = Policy(), Worked(), CaseState(subject="u1")
    alerts = [make.alert("a1"), make.alert("a2", event_id="e2", event_ids=["e2"], severity="CRITICAL", count=3)]
    for alert in alerts:
        take_alert(before, alert, policy, worked)
    record = worked.cases[-1]
    after = case_state(Subject("u1", [record], alerts), policy)
    assert after.cases == before.cases
    assert {told.alert_id: replace(told) for told in after.alerts.values()} == before.alerts
    assert due_ms(after, policy) == due_ms(before, policy)
    # A repeat of an alert says nothing new; a worse one of the same attack joins.
    repeated = Worked()
    take_alert(after, alerts[1], policy, repeated)
    assert repeated.cases == []
    take_alert(after, make.alert("a3", severity="CRITICAL"), policy, repeated)
    assert [(case.case_id, case.version) for case in repeated.cases] == [(record.case_id, record.version + 1)]


def test_a_deadline_that_passed_meanwhile_is_told_and_one_that_was_told_is_not_told_again() -> None:
    worked = Worked()
    state = case_state(Subject("u1", [make.case(breaches=["acknowledge_near"])], []), Policy())
    take_time(state, NOW_MS + 70 * MINUTE, worked)
    assert [kind for kind, _ in worked.breaches] == ["acknowledge_missed"]


def test_notes_assignee_and_source_are_kept() -> None:
    source = Source("ip", "192.0.2.1")
    case = make.case(
        user_id=None, source=source, assignee="ann", status="investigating", acknowledged=make.case().opened,
        notes=[Note("ann", make.case().opened, "Hm.")],
    )  # fmt: skip
    assert subject_of(case) == "ip:192.0.2.1"
    facts = case_state(Subject(subject_of(case), [case], []), Policy()).cases["c1"]
    assert (facts.assignee, facts.status, facts.source) == ("ann", "investigating", ("ip", "192.0.2.1"))
    assert (facts.notes, facts.acknowledged_ms) == ([("ann", NOW_MS, "Hm.")], NOW_MS)
