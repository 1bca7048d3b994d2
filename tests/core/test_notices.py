"""Who is told what, and how it is tried again."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core.clock import HOUR, MINUTE, rfc3339
from core.notices import (
    MEMBERS,
    OTP,
    RANK,
    AlertSeen,
    CaseSeen,
    Channel,
    LockSeen,
    Message,
    OtpDue,
    Pace,
    masked,
    notice_id,
    wants,
)
from core.records import SEVERITIES
from core.telling import CaseTold, alert_messages, case_messages, lock_messages, otp_message

NOW = 1_770_000_000_000
ALERT = AlertSeen(
    "a1", 1, "impossible_travel", "SECURITY", "HIGH", "Impossible travel", "Far too fast", "somebody", "user so***y",
    rfc3339(NOW), NOW,
)  # fmt: skip
CASE = CaseSeen(
    "c1", 1, "somebody", "user so***y", 1, "HIGH", "open", None, NOW, NOW, "Takeover", "takeover", "impossible_travel"
)
LOCK = LockSeen("somebody", 1, "locked", "travel", rfc3339(NOW + HOUR), "rule", NOW)
ANY = Channel(name="any", url="json://x", about=("alerts", "cases", "locks"), severities=())


@pytest.mark.parametrize(
    ("user_id", "shown"),
    [("somebody", "so***y"), ("anna1", "an***1"), ("anna", "***"), ("", "***"), ("é" * 9, "éé***é")],
)
def test_a_user_is_masked(user_id: str, shown: str) -> None:
    assert masked(user_id) == shown


@pytest.mark.parametrize(
    ("routing", "severity", "kind", "rule_id", "wanted"),
    [
        ({}, "HIGH", "SECURITY", "r", True),
        ({}, "MEDIUM", "SECURITY", "r", False),
        ({"severities": ()}, "LOW", "SECURITY", "r", True),
        ({"severities": ("LOW",)}, "HIGH", "SECURITY", "r", False),
        ({"kinds": ("COMPLIANCE",)}, "HIGH", "SECURITY", "r", False),
        ({"kinds": ("COMPLIANCE",)}, "HIGH", "COMPLIANCE", "r", True),
        ({"kinds": ("COMPLIANCE",)}, "HIGH", None, "r", True),
        ({"rules": ("q",)}, "HIGH", "SECURITY", "r", False),
        ({"rules": ("q", "r")}, "HIGH", "SECURITY", "r", True),
        ({"rules": ("q",)}, "HIGH", "SECURITY", None, True),
        ({"about": ("cases",)}, "HIGH", "SECURITY", "r", False),
    ],
)
def test_a_channel_takes_what_fits_its_routing(
    routing: dict[str, Any], severity: str, kind: str | None, rule_id: str | None, wanted: bool
) -> None:
    assert wants(Channel(name="c", url="json://x", **routing), "alerts", severity, kind, rule_id) is wanted


def test_an_alert_is_told_to_the_channels_that_want_it_and_to_those_its_rule_names() -> None:
    compliance = Channel(name="compliance", url="json://x", kinds=("COMPLIANCE",))
    low = Channel(name="low", url="json://x", severities=("LOW",))
    told = alert_messages(ALERT, None, [ANY, compliance, low], {"low"}, NOW)
    assert [message.channel for message in told] == ["any", "low"]
    assert told[0].title == "HIGH Impossible travel"
    assert "so***y" in told[0].text
    assert "somebody" not in told[0].text
    assert told[0].facts["alert_id"] == "a1"


def test_an_alert_is_told_with_what_would_have_kept_it_from_firing() -> None:
    known = msgspec.structs.replace(ALERT, unless="Would not have fired at 900 km/h or less")
    (told,) = alert_messages(known, None, [ANY], set(), NOW)
    assert told.text.startswith("Far too fast Would not have fired at 900 km/h or less.\n")


@pytest.mark.parametrize(("told", "says"), [(None, 1), ("MEDIUM", 1), ("HIGH", 0), ("CRITICAL", 0)])
def test_an_alert_is_told_again_only_when_its_severity_has_risen(told: str | None, says: int) -> None:
    messages = alert_messages(replace(ALERT, count=5), told, [ANY], (), NOW)
    assert len(messages) == says
    assert all(("was MEDIUM" in message.title) == (told is not None) for message in messages)


def test_what_happened_long_ago_is_no_news() -> None:
    assert alert_messages(ALERT, None, [ANY], (), NOW + HOUR)
    late = NOW + HOUR + 1
    assert not alert_messages(ALERT, None, [ANY], (), late)
    assert not case_messages(CASE, None, [ANY], "u", late)
    assert not lock_messages(LOCK, [ANY], True, late)


@pytest.mark.parametrize(
    ("before", "now", "type_"),
    [
        (None, {}, "case_opened"),
        (None, {"status": "resolved"}, None),
        (CaseTold(1, "HIGH", False, 0, NOW), {"version": 2}, None),
        (CaseTold(1, "HIGH", False, 0, NOW), {"version": 2, "severity": "CRITICAL"}, "case_risen"),
        (CaseTold(1, "HIGH", False, 0, NOW), {"version": 2, "breaches": ("acknowledge_missed",)}, "case_late"),
        (CaseTold(1, "HIGH", False, 0, NOW), {"version": 2, "status": "resolved"}, "case_resolved"),
        (CaseTold(1, "HIGH", True, 0, NOW), {"version": 2, "status": "resolved"}, None),
        (CaseTold(1, "HIGH", True, 0, NOW), {"version": 2}, "case_opened"),
    ],
)
def test_a_case_is_told_when_something_about_it_is_new(
    before: CaseTold | None, now: dict[str, Any], type_: str | None
) -> None:
    messages = case_messages(replace(CASE, **now), before, [ANY], "http://x/cases/c1", NOW)
    assert [message.facts["type"] for message in messages] == ([] if type_ is None else [type_])


def test_a_compliance_case_goes_where_compliance_goes() -> None:
    compliance = Channel(name="compliance", url="json://x", about=("cases",), kinds=("COMPLIANCE",))
    security = Channel(name="security", url="json://x", about=("cases",), kinds=("SECURITY",))
    seen = replace(CASE, attack="compliance")
    assert [m.channel for m in case_messages(seen, None, [compliance, security], "u", NOW)] == ["compliance"]


@pytest.mark.parametrize(
    ("state", "title"),
    [
        ("locked", "Your account is locked"),
        ("challenged", "Please confirm that it is you"),
        ("unlocked", "Your account is open again"),
    ],
)
def test_a_lock_is_told_to_its_user_without_the_reason(state: Any, title: str) -> None:
    [mine] = lock_messages(replace(LOCK, state=state), [], True, NOW)
    assert (mine.channel, mine.user_id, mine.title) == (MEMBERS, "somebody", title)
    assert "travel" not in mine.text
    assert not lock_messages(LOCK, [], False, NOW)


def test_a_lock_is_told_to_channels_by_how_strong_it_is() -> None:
    critical = Channel(name="critical", url="json://x", about=("locks",), severities=("CRITICAL",))
    alerts = Channel(name="alerts", url="json://x")
    assert [m.channel for m in lock_messages(LOCK, [critical, alerts], False, NOW)] == ["critical"]
    assert not lock_messages(replace(LOCK, state="challenged"), [critical, alerts], False, NOW)


def test_a_password_is_not_in_its_message_and_one_of_long_ago_is_not_sent() -> None:
    due = OtpDue("o1", "somebody", NOW + 5 * MINUTE, NOW)
    message = otp_message(due, NOW)
    assert message is not None
    assert (message.channel, message.title, message.text) == (OTP, "", "")
    assert message.until_ms == due.expires_ms
    assert otp_message(due, NOW + 5 * MINUTE) is None


def test_a_password_of_a_command_whose_clock_is_behind_is_tried_all_the_same() -> None:
    message = otp_message(OtpDue("o1", "somebody", NOW - MINUTE, NOW), NOW)
    assert message is not None
    assert message.until_ms == NOW + MINUTE


@given(st.integers(1, 60), st.floats(0, 1))
def test_waits_grow_and_are_bounded(attempts: int, jitter: float) -> None:
    pace = Pace()
    wait_ms = pace.wait_ms(attempts, jitter)
    assert pace.first_ms // 2 <= wait_ms <= pace.most_ms
    assert pace.wait_ms(attempts + 1, jitter) >= wait_ms
    assert pace.wait_ms(60, 1.0) == pace.most_ms


def test_a_message_is_spent_by_tries_by_age_or_by_its_own_end() -> None:
    pace = Pace(tries=3, age_ms=1_000)
    message = Message("n", "c", "HIGH", "t", "x", None, NOW, NOW, {})
    assert not pace.spent(message, NOW + 999)
    assert pace.spent(message, NOW + 1_000)
    message.until_ms = NOW + 5_000
    assert not pace.spent(message, NOW + 4_999)
    message.attempts = 3
    assert pace.spent(message, NOW)


@given(st.lists(st.sampled_from(SEVERITIES), max_size=12))
def test_however_an_alert_is_updated_each_channel_hears_each_severity_once_and_rising(updates: list[Any]) -> None:
    told, said = None, []
    for count, severity in enumerate(updates, 1):
        seen = replace(ALERT, count=count, severity=severity)
        said += alert_messages(seen, told, [ANY], (), NOW)
        told = severity if told is None or RANK[severity] > RANK[told] else told
    ranks = [RANK[message.severity] for message in said]
    assert ranks == sorted(set(ranks))
    assert len({message.notice_id for message in said}) == len(said)


def test_a_notice_has_one_name_a_channel() -> None:
    assert notice_id("a", "b") == notice_id("a", "b") != notice_id("c", "b")
