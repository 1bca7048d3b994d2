from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.alerting import SHADOW, Group
from core.clock import DAY, HOUR, SECOND
from core.health import CLEAN_DAYS, health
from core.respond import LockFacts
from core.rules.entry import Severity
from core.state import Change, Known, UserState

NOW = 1_772_442_000_000


def lock(state: str = "locked", by: str = "rule", until_ms: int | None = NOW + HOUR, **more: Any) -> LockFacts:
    return LockFacts(state, ("payout",), "Ten payments in a minute", "a", NOW, until_ms, by, **more)  # type: ignore[arg-type]


def group(severity: Severity, at_ms: int = NOW, flags: int = 0) -> Group:
    return Group(bytes(16), int(severity), 1, at_ms, at_ms, at_ms, flags, [])


def test_a_user_of_whom_nothing_bad_is_known_is_in_full_health() -> None:
    told = health(UserState(devices=[Known(1, 0, 0)], failures=[(NOW, 0, 0, "", 0)] * 2), NOW)
    assert (told.score, told.reasons, told.suggestions) == (100, [], [])


def test_a_lock_weighs_while_it_stands_and_says_who_can_lift_it() -> None:
    state = UserState(lock=lock())
    told = health(state, NOW)
    assert told.score == 60
    assert told.reasons == ["The account is locked: Ten payments in a minute"]
    assert "one-time password" in told.suggestions[0]
    assert health(state, NOW + HOUR).score == 100
    assert health(UserState(lock=lock("challenged")), NOW).score == 80
    assert "admin" in health(UserState(lock=lock(by="admin", until_ms=None)), NOW + 90 * DAY).suggestions[0]
    assert health(UserState(lock=lock("unlocked", "otp", None)), NOW).score == 100
    assert health(UserState(lock=lock(announced=True)), NOW).score == 100


WORSE: list[Callable[[UserState], None]] = [
    lambda state: setattr(state, "lock", lock()),
    lambda state: setattr(state, "alarm_ms", NOW),
    lambda state: setattr(state, "change", Change(NOW, "password_change", False, True)),
    lambda state: setattr(state, "change", Change(NOW, "mfa_change", True, False)),
    lambda state: setattr(state, "devices", [Known(1, 0, 0), Known(2, NOW // SECOND, NOW // SECOND)]),
    lambda state: setattr(state, "failures", [(NOW, 0, 0, "", 0)] * 3),
    lambda state: setattr(state, "denials", [NOW] * 3),
    *(
        lambda state, severity=severity: state.groups.update({f"r{severity}:": group(severity)})
        for severity in Severity
    ),  # type: ignore[misc]
]


@pytest.mark.parametrize("worsen", WORSE)
def test_each_finding_takes_points_has_a_reason_and_something_to_do(worsen: Callable[[UserState], None]) -> None:
    state = UserState()
    worsen(state)
    told = health(state, NOW)
    assert told.score < 100
    assert len(told.reasons) == len(told.suggestions) == 1


def test_worse_alerts_weigh_more_and_repeats_of_one_rule_weigh_once() -> None:
    scores = [health(UserState(groups={"r:": group(severity)}), NOW).score for severity in Severity]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == 4
    twice = UserState(groups={"r:a": group(Severity.HIGH), "r:b": group(Severity.HIGH)})
    assert health(twice, NOW).score == scores[Severity.HIGH]
    assert len(health(twice, NOW).reasons) == 1


def test_reporting_duties_and_shadows_say_nothing_against_a_user() -> None:
    groups = {"aml_threshold:": group(Severity.CRITICAL), "r:": group(Severity.HIGH, flags=SHADOW)}
    assert health(UserState(groups=groups), NOW).score == 100


def test_a_storm_of_alerts_leaves_room_for_worse() -> None:
    groups = {f"r{number}:": group(Severity.CRITICAL) for number in range(20)}
    assert health(UserState(groups=groups), NOW).score == 60
    assert health(UserState(groups=groups, lock=lock(), alarm_ms=NOW), NOW).score == 0


def test_what_weighs_most_is_told_first() -> None:
    state = UserState(lock=lock(), denials=[NOW] * 3, groups={"payment_velocity:": group(Severity.HIGH)})
    assert health(state, NOW).reasons == [
        "The account is locked: Ten payments in a minute",
        "An alert was raised: payment velocity",
        "Wrong codes were entered several times",
    ]


@settings(derandomize=True, max_examples=200)
@given(st.sets(st.integers(0, len(WORSE) - 1)), st.lists(st.integers(0, 10 * DAY), max_size=12))
def test_clean_time_only_ever_helps_and_heals_in_the_end(which: set[int], pauses_ms: list[int]) -> None:
    state = UserState()
    for number in which:
        WORSE[number](state)
    at_ms, before = NOW - DAY, health(state, NOW - DAY).score
    for pause_ms in pauses_ms:
        at_ms += pause_ms
        now = health(state, at_ms).score
        assert 0 <= before <= now <= 100
        before = now
    assert health(state, NOW + CLEAN_DAYS * DAY).score == 100
