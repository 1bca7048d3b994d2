import random
from typing import Any

import pytest

from core.features import FEATURES, features
from core.observe import learn_user, observe
from core.rules.trial import story_action
from core.state import UserState

HOME: dict[str, Any] = {"ip": "192.0.2.10", "device_id": "d1", "country": "DE", "lat": 52.5, "lon": 13.4}
AWAY: dict[str, Any] = {"ip": "203.0.113.9", "device_id": "x", "country": "PE", "lat": -12.0, "lon": -77.0}
DAY = 86_400


def rows_of(*events: dict[str, Any], state: UserState | None = None) -> list[dict[str, float]]:
    state = state or UserState()
    rows = []
    for fields in events:
        action = story_action(fields, state.events)
        seen = observe(state, action)
        rows.append(dict(zip(FEATURES, features(action, state, seen), strict=True)))
        learn_user(state, action, seen)
    return rows


def life(seed: int) -> list[dict[str, Any]]:
    """A few weeks of a user, with an odd thing now and then."""
    rng = random.Random(seed)
    events: list[dict[str, Any]] = []
    at = 0.0
    for day in range(40):
        at = max(at, day * DAY + rng.gauss(0, 5_000) + 20_000) + (100 * DAY if day > 35 else 0)
        where = AWAY if day in (30, 31) else {**HOME, "ip": f"192.0.{rng.randrange(5)}.10"}
        for _ in range(rng.choice((0, 0, 1, 9 if day == 25 else 2))):
            events.append({"type": "login", "at": at, "outcome": "failure", **where})
            at += 9
        events.append({"type": "login", "at": at, **where})
        if day == 30:
            at += 1_200
            events.append({"type": "page_view", "at": at, "path": "/", **HOME})
        for number in range(14 if day == 30 else rng.randrange(5)):
            at += rng.expovariate(1 / 50)
            amount = rng.lognormvariate(3.5, 0.5) * (40 if day > 29 else 1)
            outcome = "failure" if rng.random() < 0.3 else "success"
            who = {"payee_id": f"p{rng.randrange(9)}"} if number % 2 else {"merchant_id": f"m{rng.randrange(30)}"}
            events.append({"type": "transaction", "at": at, "amount": amount, "outcome": outcome, **who, **where})
        if day == 32:
            events.append({"type": "password_change", "at": at, **where})
            at += 60
            events.append({"type": "login", "at": at, **HOME})
    return events


def test_every_feature_uses_most_of_its_range_and_never_leaves_it() -> None:
    rows = [row for seed in range(3) for row in rows_of(*life(seed))]
    for name in FEATURES:
        values = [row[name] for row in rows]
        assert min(values) >= 0, name
        assert max(values) <= 1, name
        assert max(values) - min(values) > 0.6, (name, min(values), max(values))
        assert len(set(values)) > 2, name


def test_a_user_seen_for_the_first_time_has_a_quiet_row() -> None:
    (row,) = rows_of({"type": "login", "at": 0, **HOME})
    assert sum(row.values()) == 0


def test_a_strange_login_stands_out_from_a_usual_one() -> None:
    usual, strange = rows_of(
        {"type": "login", "at": 0, **HOME},
        {"type": "login", "at": DAY, **HOME},
        {"type": "login", "at": DAY + 600, **AWAY},
    )[1:]
    for name in ("new_device", "new_network", "new_country", "travel"):
        assert strange[name] == 1 > usual[name]


@pytest.mark.parametrize(("ratio", "least", "most"), [(1, 0.15, 0.3), (5, 0.5, 0.7), (1_000, 1, 1)])
def test_amounts_are_told_as_ratios_to_the_users_own(ratio: float, least: float, most: float) -> None:
    state = UserState()
    rows_of(*({"type": "transaction", "at": n * DAY, "amount": 40} for n in range(12)), state=state)
    (row,) = rows_of({"type": "transaction", "at": 12 * DAY, "amount": 40 * ratio}, state=state)
    assert least <= row["amount_ratio"] <= most


def test_a_change_of_credentials_fades_within_a_day() -> None:
    state = UserState()
    rows = rows_of(
        {"type": "password_change", "at": 0},
        {"type": "login", "at": DAY / 2},
        {"type": "login", "at": 2 * DAY},
        state=state,
    )
    assert [row["changed"] for row in rows] == [1, 0.5, 0]


def test_an_hour_is_odd_only_once_hours_are_known() -> None:
    state = UserState()
    rows = rows_of(
        *({"type": "login", "at": n * DAY} for n in range(25)), {"type": "login", "at": 25.5 * DAY}, state=state
    )
    assert rows[5]["odd_hour"] == 0
    assert rows[24]["odd_hour"] == 0
    assert rows[25]["odd_hour"] == 1


def test_the_row_does_not_change_the_state() -> None:
    state = UserState()
    action = story_action({"type": "transaction", "at": 0, "amount": 5, **HOME}, 0)
    seen = observe(state, action)
    assert features(action, state, seen) == features(action, state, seen)
    assert len(features(action, state, seen)) == len(FEATURES)


def test_odd_sums_and_declines_are_forgotten_when_their_time_is_over() -> None:
    state = UserState()
    usual = [{"type": "transaction", "at": n * DAY, "amount": 20, "merchant_id": "m", **HOME} for n in range(12)]
    odd = [{"type": "transaction", "at": 12 * DAY + n, "amount": 900, "merchant_id": "m", **HOME} for n in range(3)]
    declined = {"type": "transaction", "at": 12 * DAY + 9, "amount": 20, "outcome": "failure", **HOME}
    later = [{"type": "transaction", "at": at * DAY, "amount": 20, "merchant_id": "m", **HOME} for at in (13, 40)]
    *_, soon, long_after = rows_of(*usual, *odd, declined, *later, state=state)
    assert soon["odd_amounts"] > 0
    assert soon["declines"] > 0
    assert long_after["odd_amounts"] == long_after["declines"] == 0
