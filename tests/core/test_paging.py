"""Cases to Alertmanager's alerts: held, resolved, and storms."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core.clock import MINUTE, SECOND, to_ms
from core.notices import CaseSeen
from core.pages import LABEL_NAME, Links, bad_label_names
from core.paging import BURST, CLOSED_KEPT_MS, HELD_MAX, QUIET_MS, Pager

NOW = 1_770_000_000_000
STEP = 30 * SECOND
LINKS = Links(public_url="http://argus/", runbook_url="{public_url}/runbooks/{alertname}", labels={"cluster": "eu1"})
CASE = CaseSeen(
    "c1", 1, "somebody", "user so***y", 1, "CRITICAL", "open", None, NOW, NOW, "Takeover", "takeover", "travel"
)


def seen(number: int, version: int = 1, **more: Any) -> CaseSeen:
    return replace(CASE, case_id=f"c{number}", version=version, **more)


class Away:
    """An Alertmanager: what is active there, and what paged: an alert that begins and that no storm covers."""

    def __init__(self) -> None:
        self.active: dict[str, dict[str, Any]] = {}
        self.paged: list[str] = []

    def push(self, pager: Pager, now_ms: int) -> None:
        again = True
        while again:
            first, then, receipt = pager.alerts(LINKS, now_ms, STEP)
            for batch in (first, then):
                self._take(batch, now_ms)
            again = pager.accepted(receipt)

    def _take(self, alerts: list[Any], now_ms: int) -> None:
        fresh = []
        for alert in alerts:
            labels = alert["labels"]
            key = f"{labels['alertname']} {labels.get('case', '')} {labels['detection']} {labels['severity']}"
            if to_ms(datetime.fromisoformat(alert["endsAt"])) <= now_ms:
                self.active.pop(key, None)
            else:
                fresh += [key] if key not in self.active else []
                self.active[key] = labels
        storms = {labels["detection"] for labels in self.active.values() if labels["alertname"] == "SecurityStorm"}
        for key in fresh:
            labels = self.active[key]
            if labels["alertname"] == "SecurityStorm" or (
                labels["severity"] == "critical" and labels["detection"] not in storms
            ):
                self.paged.append(key)


def test_a_held_alert_says_what_on_call_needs() -> None:
    pager = Pager()
    assert pager.see(CASE, NOW)
    _, [alert], _ = pager.alerts(LINKS, NOW, STEP)
    assert alert == {
        "labels": {
            "cluster": "eu1",
            "alertname": "SecurityCase",
            "detection": "travel",
            "severity": "critical",
            "case": "c1",
            "category": "security",
            "team": "security",
        },
        "annotations": {
            "summary": "Takeover: user so***y, 1 alert",
            "user": "user so***y",
            "case_url": "http://argus/cases/c1",
            "runbook_url": "http://argus/runbooks/SecurityCase",
        },
        "generatorURL": "http://argus/cases/c1",
        "startsAt": "2026-02-02T02:40:00.000Z",
        "endsAt": "2026-02-02T02:42:00.000Z",
    }


@pytest.mark.parametrize(
    ("more", "pages"),
    [
        ({}, True),
        ({"severity": "HIGH"}, True),
        ({"severity": "MEDIUM"}, False),
        ({"attack": "compliance"}, False),
        ({"status": "resolved"}, False),
        ({"attack": "", "detection": ""}, True),
    ],
)
def test_open_cases_of_high_and_critical_page_but_not_compliance(more: dict[str, Any], pages: bool) -> None:
    pager = Pager()
    assert pager.see(replace(CASE, **more), NOW) is pages
    assert len(pager.alerts(LINKS, NOW, STEP)[1]) == pages


def test_it_is_posted_again_until_it_is_resolved_with_an_end_in_the_past() -> None:
    pager, away = Pager(), Away()
    pager.see(CASE, NOW)
    for push in range(5):
        away.push(pager, NOW + push * STEP)
        assert len(away.active) == 1
    pager.see(replace(CASE, version=2, status="resolved"), NOW + 5 * STEP)
    _, [alert], _ = pager.alerts(LINKS, NOW + 5 * STEP, STEP)
    assert to_ms(datetime.fromisoformat(str(alert["endsAt"]))) < NOW + 5 * STEP
    assert str(alert["startsAt"]) <= str(alert["endsAt"])
    away.push(pager, NOW + 5 * STEP)
    assert not away.active
    assert pager.alerts(LINKS, NOW + 6 * STEP, STEP)[1] == []
    assert len(away.paged) == 1


def test_a_repeat_or_an_older_version_changes_nothing() -> None:
    pager = Pager()
    pager.see(replace(CASE, version=3, status="open"), NOW)
    assert not pager.see(replace(CASE, version=3, status="resolved"), NOW)
    assert not pager.see(replace(CASE, version=2, status="resolved"), NOW)
    pager.see(replace(CASE, version=4, status="resolved"), NOW)
    assert not pager.see(replace(CASE, version=3), NOW)


def test_a_case_that_becomes_critical_pages_and_its_former_self_is_resolved() -> None:
    pager, away = Pager(), Away()
    pager.see(replace(CASE, severity="HIGH"), NOW)
    away.push(pager, NOW)
    assert away.paged == []
    pager.see(replace(CASE, version=2), NOW + STEP)
    away.push(pager, NOW + STEP)
    assert away.paged == ["SecurityCase c1 travel critical"]
    assert list(away.active) == ["SecurityCase c1 travel critical"]


def test_many_at_once_page_once_and_few_are_held() -> None:
    pager, away = Pager(), Away()
    for number in range(2_000):
        pager.see(seen(number), NOW + number * 30)
        if number % 33 == 32:
            away.push(pager, NOW + number * 30)
    away.push(pager, NOW + MINUTE)
    assert away.paged == ["SecurityStorm  travel critical"]
    assert len(away.active) == HELD_MAX + 1


def test_a_slow_burst_pages_a_dozen_at_most_before_the_storm() -> None:
    pager, away = Pager(), Away()
    for number in range(100):
        pager.see(seen(number), NOW + number * 5_000)
        away.push(pager, NOW + number * 5_000)
    assert len(away.paged) == BURST + 1


def test_high_cases_are_a_storm_only_beyond_what_is_held() -> None:
    pager = Pager()
    for number in range(HELD_MAX):
        pager.see(seen(number, severity="HIGH"), NOW)
    assert not pager.storms
    pager.see(seen(HELD_MAX, severity="HIGH"), NOW)
    assert set(pager.storms) == {"travel"}


def test_a_quiet_storm_ends_with_its_members_and_none_of_them_pages_then() -> None:
    pager, away = Pager(), Away()
    for number in range(60):
        pager.see(seen(number), NOW)
    away.push(pager, NOW)
    assert not pager.tick(NOW + QUIET_MS - 1)
    assert pager.tick(NOW + QUIET_MS)
    away.push(pager, NOW + QUIET_MS)
    assert away.active == {}
    assert away.paged == ["SecurityStorm  travel critical"]
    assert not pager.storms
    pager.see(seen(0, 2), NOW + QUIET_MS)
    away.push(pager, NOW + QUIET_MS)
    assert len(away.paged) == 1
    pager.see(seen(99), NOW + QUIET_MS)
    away.push(pager, NOW + QUIET_MS)
    assert away.paged[1:] == ["SecurityCase c99 travel critical"]


def test_a_storm_ends_when_all_of_it_is_resolved() -> None:
    pager, away = Pager(), Away()
    for number in range(20):
        pager.see(seen(number), NOW)
    away.push(pager, NOW)
    for number in range(20):
        pager.see(seen(number, 2, status="resolved"), NOW)
    pager.tick(NOW)
    away.push(pager, NOW)
    assert away.active == {}


def test_detections_storm_apart() -> None:
    pager, away = Pager(), Away()
    for number in range(20):
        pager.see(seen(number), NOW)
    pager.see(seen(50, detection="other_rule"), NOW)
    away.push(pager, NOW)
    assert away.paged == ["SecurityStorm  travel critical", "SecurityCase c50 other_rule critical"]


def test_closed_cases_are_remembered_for_a_day() -> None:
    pager = Pager()
    pager.see(CASE, NOW)
    pager.see(replace(CASE, version=2, status="resolved"), NOW)
    pager.tick(NOW + CLOSED_KEPT_MS - 1)
    assert pager.pages
    pager.tick(NOW + CLOSED_KEPT_MS)
    assert not pager.pages


@pytest.mark.parametrize("name", ["9lives", "a-b", "", "a b", "é", "severity", "case"])
def test_label_names_that_will_not_do_are_found(name: str) -> None:
    assert bad_label_names([name, "cluster", "_a1"]) == [name]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 80), st.sampled_from(["open", "resolved", "worse"]), st.integers(0, 400_000), st.booleans()
        ),
        max_size=120,
    )
)
def test_whatever_happens_and_whenever_it_restarts_no_page_comes_twice_and_none_stays(steps: list[Any]) -> None:
    pager, away, now_ms = Pager(), Away(), NOW
    versions: dict[int, int] = {}
    closed: set[int] = set()
    for number, what, gap_ms, restart in steps:
        now_ms += gap_ms
        if number in closed:
            continue
        versions[number] = versions.get(number, 0) + 1
        if what == "resolved":
            closed.add(number)
        more = {"status": "resolved"} if what == "resolved" else {}
        severity = "CRITICAL" if what == "worse" else "HIGH"
        pager.see(seen(number, versions[number], severity=severity, detection=f"d{number % 2}", **more), now_ms)
        pager.tick(now_ms)
        away.push(pager, now_ms)
        if restart:
            pager = Pager(pager.pages.values(), pager.storms.values())
        held = [labels for labels in away.active.values() if labels["alertname"] == "SecurityCase"]
        assert all(sum(other["detection"] == one["detection"] for other in held) <= HELD_MAX for one in held)
        assert all(LABEL_NAME.fullmatch(name) for labels in held for name in labels)
        assert {f"c{number}" for number in closed}.isdisjoint(labels["case"] for labels in held)
    cases = [page for page in away.paged if page.startswith("SecurityCase")]
    assert len(cases) == len(set(cases))
    for number, version in versions.items():
        pager.see(seen(number, version + 1, status="resolved", detection=f"d{number % 2}"), now_ms)
    pager.tick(now_ms)
    away.push(pager, now_ms)
    assert away.active == {}
