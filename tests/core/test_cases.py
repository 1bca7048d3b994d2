"""Which alerts become a case, what its deadlines are, and when they are told."""

from typing import Any

import pytest

from core.case_state import ALERTS_MAX, EVENT_CHARS_MAX, EVENTS_PER_ALERT_MAX, RULES_MAX, attack_of, case_id_of
from core.cases import due_ms, is_over, subject_of
from core.clock import DAY, MINUTE, rfc3339
from core.policy import Policy
from core.records import Kind, Source
from tests.core.casework import NOON_MS, USER, Desk, alert


@pytest.mark.parametrize(
    ("severity", "kind", "mode", "opens"),
    [
        ("CRITICAL", "SECURITY", "live", True),
        ("HIGH", "TRANSACTION", "live", True),
        ("MEDIUM", "SECURITY", "live", False),
        ("LOW", "TRANSACTION", "live", False),
        ("LOW", "COMPLIANCE", "live", True),
        ("HIGH", "SYSTEM", "live", True),
        ("MEDIUM", "INVENTORY", "live", False),
        ("CRITICAL", "SECURITY", "shadow", False),
    ],
)
def test_which_alerts_open_a_case(severity: str, kind: str, mode: str, opens: bool) -> None:
    cases = Desk().alert("a", severity, kind=kind, mode=mode)
    assert bool(cases) == opens


def test_a_case_says_what_its_alert_said() -> None:
    (case,) = Desk().alert("a", "CRITICAL", at_min=3)
    assert (case.user_id, case.alert_ids, case.severity, case.version) == (USER, ["a"], "CRITICAL", 1)
    assert (case.status, case.resolution, case.assignee, case.notes) == ("open", None, None, [])
    assert (case.opened, case.acknowledged, case.resolved) == (rfc3339(NOON_MS + 3 * MINUTE), None, None)
    assert (case.attack, case.title, case.rules) == ("takeover", "Many failed logins", ["login_brute_force"])
    assert case.case_id == case_id_of("a")


def test_a_takeover_told_by_five_rules_is_one_case() -> None:
    desk = Desk()
    story: list[tuple[str, str, list[str]]] = [
        ("new_device", "HIGH", ["T1078"]),
        ("mfa_bombing", "MEDIUM", ["T1621"]),
        ("session_hijack", "HIGH", ["T1539", "T1550.004"]),
        ("amount_spike", "MEDIUM", []),
        ("credential_change_then_payout", "CRITICAL", ["T1098", "T1657"]),
    ]
    for number, (rule_id, severity, attack) in enumerate(story):
        kind = "SECURITY" if attack else "TRANSACTION"
        desk.alert(f"a{number}", severity, rule_id=rule_id, attack=attack, kind=kind)
    assert {case.case_id for case in desk.all.cases} == {case_id_of("a0")}
    last = desk.all.cases[-1]
    assert (last.alert_ids, last.severity, last.version) == (["a0", "a1", "a2", "a3", "a4"], "CRITICAL", 5)
    assert last.rules == [rule_id for rule_id, _, _ in story]


def test_another_attack_on_the_same_user_is_another_case() -> None:
    desk = Desk()
    desk.alert("a")
    desk.alert("b", attack=["OAT-001"], kind="TRANSACTION")
    desk.alert("c", "LOW", kind="COMPLIANCE", attack=[])
    assert [case.attack for case in desk.state.open_cases()] == ["takeover", "card_testing", "compliance"]


@pytest.mark.parametrize(
    ("kind", "techniques", "attack"),
    [
        ("SECURITY", ["T1110.001", "OAT-011"], "takeover"),
        ("TRANSACTION", ["OAT-001", "OAT-012"], "card_testing"),
        ("SECURITY", ["OAT-019"], "fake_accounts"),
        ("SECURITY", ["own-id", "T1595.003"], "probing"),
        ("TRANSACTION", ["own-id"], "takeover"),
        ("TRANSACTION", [], "takeover"),
        ("COMPLIANCE", ["T1078"], "compliance"),
    ],
)
def test_the_first_known_technique_says_which_attack_it_is(kind: Kind, techniques: list[str], attack: str) -> None:
    assert attack_of(kind, techniques) == attack


def test_what_only_informs_does_not_join_a_case() -> None:
    desk = Desk()
    desk.alert("a")
    assert desk.alert("b", "LOW") == []
    assert [case.alert_ids for case in desk.alert("c", "MEDIUM")] == [["a", "c"]]


def test_a_repeat_and_an_older_update_change_nothing() -> None:
    desk = Desk()
    desk.alert("a", count=3)
    before = desk.state.cases[case_id_of("a")].version
    assert desk.alert("a", count=3) == []
    assert desk.alert("a", "CRITICAL", count=2) == []
    assert desk.state.cases[case_id_of("a")].version == before


def test_an_update_only_raises_severity() -> None:
    desk = Desk()
    desk.alert("a", "HIGH")
    assert desk.alert("a", "MEDIUM", count=2) == []
    (risen,) = desk.alert("a", "CRITICAL", count=3)
    assert (risen.severity, risen.version, risen.alert_ids) == ("CRITICAL", 2, ["a"])


def test_an_update_that_rises_to_high_opens_the_case_of_its_alert() -> None:
    desk = Desk()
    assert desk.alert("a", "MEDIUM") == []
    (case,) = desk.alert("a", "HIGH", count=5, at_min=7)
    assert (case.case_id, case.opened) == (case_id_of("a"), rfc3339(NOON_MS + 7 * MINUTE))


def test_what_was_told_of_the_attack_on_the_day_before_is_part_of_the_case() -> None:
    desk = Desk()
    day = DAY // MINUTE
    desk.alert("long ago", "MEDIUM", at_min=0)
    desk.alert("before", "MEDIUM", at_min=1, rule_id="slow_brute_force")
    desk.alert("told only", "LOW", at_min=2)
    desk.alert("another attack", "MEDIUM", at_min=3, attack=["OAT-001"])
    (case,) = desk.alert("now", "HIGH", at_min=1 + day)
    assert (case.alert_ids, case.rules) == (["now", "before"], ["login_brute_force", "slow_brute_force"])
    assert (case.version, case.severity) == (1, "HIGH")


def test_after_a_case_is_resolved_the_next_alert_opens_a_new_one() -> None:
    desk = Desk()
    desk.alert("a")
    desk.command("resolve", case_id=case_id_of("a"), resolution="inconclusive")
    (case,) = desk.alert("b")
    assert (case.case_id, case.version, case.status) == (case_id_of("b"), 1, "open")


def test_an_update_of_a_resolved_alert_opens_a_new_case_only_if_it_is_worse() -> None:
    desk = Desk()
    desk.alert("a")
    desk.command("false_positive", alert_id="a")
    assert desk.alert("a", count=2) == []
    (case,) = desk.alert("a", "CRITICAL", count=3)
    assert case.case_id == case_id_of("a", "3") != case_id_of("a")
    assert case.version == 1


def test_a_source_has_its_own_cases() -> None:
    desk = Desk()
    desk.state.subject = "ip:192.0.2.1"
    about: dict[str, Any] = {"user_id": None, "source": Source("ip", "192.0.2.1"), "users": ["x", "y"]}
    (case,) = desk.alert("s", **about)
    assert (case.user_id, case.source) == (None, Source("ip", "192.0.2.1"))
    assert subject_of(alert("s", **about)) == desk.state.subject
    # A user may be named like an address.
    desk.alert("a")
    assert len(desk.state.open_cases()) == 2


# Deadlines: minutes from opening to acknowledgement and resolution.


@pytest.mark.parametrize(
    ("severity", "acknowledge_min", "resolve_min"),
    [("CRITICAL", 15, 60), ("HIGH", 60, 240), ("MEDIUM", 240, 960), ("LOW", 1_440, 5_760)],
)
def test_deadlines_by_severity(severity: str, acknowledge_min: int, resolve_min: int) -> None:
    (case,) = Desk().alert("a", severity, kind="COMPLIANCE")
    assert case.acknowledge_by == rfc3339(NOON_MS + acknowledge_min * MINUTE)
    assert case.resolve_by == rfc3339(NOON_MS + resolve_min * MINUTE)


@pytest.mark.parametrize(
    ("minutes", "told"),
    [
        (11.99, []),
        (12, ["acknowledge_near"]),
        (15, ["acknowledge_near", "acknowledge_missed"]),
        (48, ["acknowledge_near", "acknowledge_missed", "resolve_near"]),
        (60, ["acknowledge_near", "acknowledge_missed", "resolve_near", "resolve_missed"]),
        (10_000, ["acknowledge_near", "acknowledge_missed", "resolve_near", "resolve_missed"]),
    ],
)
def test_each_breach_is_told_once_at_its_time(minutes: float, told: list[str]) -> None:
    desk = Desk()
    desk.alert("a", "CRITICAL")
    for minute in (5.0, 11.99, 12.0, 12.5, 15.0, 47.9, 48.0, 60.0, 61.0, 10_000.0):
        if minute <= minutes:
            desk.at(minute)
    assert [kind for kind, _ in desk.all.breaches] == told
    assert desk.all.cases[-1].breaches == told
    assert [case.version for case in desk.all.cases] == list(range(1, 2 + len(told)))


def test_a_deadline_found_missed_is_not_told_near_first() -> None:
    desk = Desk()
    desk.alert("a", "CRITICAL")
    (case,) = desk.at(50)
    assert case.breaches == ["acknowledge_missed", "resolve_near"]
    assert desk.at(51) == []


def test_an_acknowledged_case_has_only_its_resolution_to_miss() -> None:
    desk = Desk()
    desk.alert("a", "CRITICAL")
    desk.command("acknowledge", alert_id="a", at_min=10)
    assert desk.at(47) == []
    desk.at(48)
    desk.at(60)
    assert desk.all.cases[-1].breaches == ["resolve_near", "resolve_missed"]


def test_a_resolved_case_misses_nothing() -> None:
    desk = Desk()
    desk.alert("a", "CRITICAL")
    desk.command("resolve", alert_id="a", resolution="confirmed_fraud")
    assert desk.at(10_000) == []


def test_a_rise_brings_the_deadlines_nearer_and_never_puts_them_off() -> None:
    desk = Desk()
    desk.alert("a", "HIGH")
    (case,) = desk.alert("a", "CRITICAL", count=2, at_min=10)
    assert case.acknowledge_by == rfc3339(NOON_MS + 25 * MINUTE)
    assert case.resolve_by == rfc3339(NOON_MS + 70 * MINUTE)
    late = Desk()
    late.alert("a", "HIGH")
    (case,) = late.alert("a", "CRITICAL", count=2, at_min=58)
    assert case.acknowledge_by == rfc3339(NOON_MS + 60 * MINUTE)


def test_deadlines_are_settings_and_a_severity_left_out_has_its_default() -> None:
    policy = Policy(case_acknowledge_min={"HIGH": 5}, case_resolve_min={"CRITICAL": 7}, case_near_share=0.5)
    desk = Desk(policy)
    (case,) = desk.alert("a", "HIGH")
    assert case.acknowledge_by == rfc3339(NOON_MS + 5 * MINUTE)
    assert case.resolve_by == rfc3339(NOON_MS + 240 * MINUTE)
    assert due_ms(desk.state, policy) == NOON_MS + int(2.5 * MINUTE)


def test_the_subject_is_looked_at_when_the_next_deadline_comes() -> None:
    desk, policy = Desk(), Policy()
    desk.alert("a", "CRITICAL")
    dues = []
    while (due := due_ms(desk.state, policy)) is not None:
        dues.append((due - NOON_MS) // MINUTE)
        desk.at((due - NOON_MS) / MINUTE)
    assert dues == [12, 15, 48, 60]


def test_a_subject_is_forgotten_when_nothing_is_open_and_nothing_came_for_long() -> None:
    desk, policy = Desk(), Policy()
    desk.alert("a")
    assert not is_over(desk.state, policy, NOON_MS + 1_000 * DAY)
    desk.command("resolve", alert_id="a", resolution="inconclusive", at_min=30)
    last_ms = NOON_MS + 30 * MINUTE
    assert due_ms(desk.state, policy) == last_ms + 90 * DAY
    assert not is_over(desk.state, policy, last_ms + 90 * DAY - 1)
    assert is_over(desk.state, policy, last_ms + 90 * DAY)


# Bounds.


def test_alerts_rules_and_events_are_bounded() -> None:
    desk = Desk()
    for number in range(300):
        event_ids = [f"{number}-{'x' * 100}-{at}" for at in range(30)]
        desk.alert(f"a{number}", rule_id=f"r{number}", event_ids=event_ids)
    (case,) = desk.state.open_cases()
    assert len(case.alert_ids) == ALERTS_MAX
    assert len(case.rules) == RULES_MAX
    assert len(desk.state.alerts) == ALERTS_MAX
    assert all(len(told.event_ids) <= EVENTS_PER_ALERT_MAX for told in desk.state.alerts.values())
    chars = sum(len(event) for told in desk.state.alerts.values() for event in told.event_ids)
    assert chars <= EVENT_CHARS_MAX
    assert all(told.event_ids for told in desk.state.alerts.values())


def test_alerts_that_are_in_no_open_case_are_forgotten_first() -> None:
    desk = Desk()
    desk.alert("kept")
    for number in range(ALERTS_MAX + 20):
        desk.alert(f"low{number}", "LOW")
    assert "kept" in desk.state.alerts
    assert len(desk.state.alerts) == ALERTS_MAX


def test_there_are_no_more_open_cases_than_attacks() -> None:
    desk = Desk()
    techniques = ["T1110", "OAT-001", "OAT-019", "T1657", "OAT-011", "none", "T1595", "OAT-008"]
    for number in range(200):
        kind = ("SECURITY", "COMPLIANCE", "SYSTEM", "INVENTORY")[number % 4]
        desk.alert(f"a{number}", kind=kind, attack=[techniques[number % len(techniques)]])
    attacks = [case.attack for case in desk.state.open_cases()]
    assert len(attacks) == len(set(attacks))
