from datetime import UTC, datetime
from typing import Any

import pytest

from argus.detection import Story, bothered, caught, ranking
from argus.evaluate_files import Alerted, Label
from core.clock import DAY, MINUTE

BASE_MS = 1_772_442_000_000


def label(number: int, user: str, campaign: str | None = None, **fields: Any) -> Label:
    attack = campaign.partition("-")[0] if campaign else None
    kind = "fraud" if campaign else "legit"
    intensity = "typical" if campaign else None
    return Label(f"e{number}", user, kind, attack, campaign, intensity, **fields)


def told(number: int, severity: str, user: str | None, after_ms: int, event: int = 0, **fields: Any) -> Alerted:
    return Alerted(
        f"a{number}",
        datetime.fromtimestamp((BASE_MS + after_ms) / 1000, UTC),
        f"e{event}",
        [f"e{event}"],
        severity,
        user_id=user,
        **fields,
    )


LABELS = [label(1, "u1"), label(2, "u1", "velocity-1"), label(3, "u1"), label(4, "u2", trap="bills"), label(5, "u3")]
TIMES = [BASE_MS + n * MINUTE for n in range(5)]


def story(*alerts: Alerted) -> Story:
    return Story(LABELS, TIMES, alerts)


@pytest.mark.parametrize(
    ("alert", "found"),
    [
        (told(1, "MEDIUM", "u1", MINUTE, event=2), 1),
        (told(1, "LOW", "u1", MINUTE, event=2), 0),
        (told(1, "HIGH", "u1", 11 * MINUTE, event=3), 1),
        (told(1, "HIGH", "u1", 11 * MINUTE + 1, event=3), 0),
        (told(1, "HIGH", "u1", 0, event=1), 0),
        (told(1, "HIGH", None, 2 * MINUTE, event=9, users=["u1", "u9"]), 1),
        (told(1, "HIGH", "u2", 3 * MINUTE, event=4), 0),
    ],
)
def test_a_campaign_is_caught_by_its_events_users_and_sources_in_time(alert: Alerted, found: int) -> None:
    figures = caught(story(alert))
    assert figures["attacks"]["velocity"]["typical"]["caught"] == found
    assert figures["intensities"]["typical"]["campaigns"] == 1


def test_the_first_alert_in_time_is_the_time_to_alert() -> None:
    late, soon = told(1, "HIGH", "u1", 5 * MINUTE, event=3), told(2, "MEDIUM", "u1", 2 * MINUTE, event=2)
    assert caught(story(late, soon))["intensities"]["typical"]["time_to_alert_s"] == 60.0


def test_a_false_alert_counts_once_at_its_worst_and_under_its_innocent_story() -> None:
    first, worse = (told(1, severity, "u2", 3 * MINUTE, event=4, rule_id="r") for severity in ("LOW", "HIGH"))
    figures = bothered(story(first, worse))
    assert figures["false_by_rule"] == {"r": {"HIGH": 1}}
    assert figures["false_by_trap"] == {"bills": {"HIGH": 1}}
    assert figures["false_high_per_10000"] == figures["false_medium_per_10000"] == pytest.approx(10_000 / 3)


def test_victims_after_the_attack_and_reporting_duties_are_no_false_alerts() -> None:
    after = told(1, "HIGH", "u1", 2 * MINUTE, event=3)
    duty = told(2, "CRITICAL", "u3", 4 * MINUTE, event=5, kind="COMPLIANCE")
    figures = bothered(story(after, duty))
    assert (figures["false_by_rule"], figures["reports_on_innocent"]) == ({}, 1)
    before = told(3, "HIGH", "u1", 0, event=1)
    assert bothered(story(before))["false_high_per_10000"] == pytest.approx(10_000 / 3)


def test_only_people_nobody_had_attacked_count_as_locked_for_nothing() -> None:
    times = [BASE_MS + n * 25 * DAY for n in range(5)]
    told_of = Story(LABELS, times, ())
    locks = [
        ("u1", "locked", "rule", times[0]),
        ("u2", "locked", "rule", times[3]),
        ("u2", "locked", "rule", times[4]),
        ("u3", "locked", "admin", times[4]),
        ("u3", "challenged", "rule", times[4]),
    ]
    figures = bothered(told_of, locks, users=1_000)
    assert figures["innocent_locked_per_1000_users_100_days"] == pytest.approx(8 / 3)
    assert figures["innocent_challenged_per_1000_users_100_days"] == pytest.approx(4 / 3)
    assert bothered(told_of, [("u1", "locked", "rule", times[2])], 1_000)[
        "innocent_locked_per_1000_users_100_days"
    ] == (0)


def test_each_attack_is_ranked_against_all_honest_events() -> None:
    figures = ranking(LABELS, [1.0, 9.0, 2.0, 3.0, 4.0])
    assert figures == {"mean": 1.0, "velocity": 1.0}
    assert ranking(LABELS, [9.0, 1.0, 2.0, 3.0, 4.0])["velocity"] == pytest.approx(0.2)


def test_what_was_seen_of_an_account_months_before_does_not_stretch_the_run() -> None:
    labels = [label(n, "u3") for n in range(200)]
    times = [BASE_MS - 300 * DAY, *(BASE_MS + n * DAY for n in range(199))]
    assert Story(labels, times, ()).span_ms == 197 * DAY
