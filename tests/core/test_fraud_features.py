from datetime import datetime
from typing import Any

import pytest

from core.clock import DAY, to_ms
from core.features import FEATURES, features
from core.fraud_features import FRAUD_FEATURES, fraud_row
from core.observe import learn_user, observe
from core.reputation import BAD, LISTED, WATCHED, FraudRecord, Reputation
from core.rules.trial import STORY_BEGINS, story_action
from core.state import UserState

START_MS = to_ms(datetime.fromisoformat(STORY_BEGINS))
HOME: dict[str, Any] = {"ip": "192.0.2.10", "device_id": "d1", "country": "DE"}
TILL: dict[str, Any] = {"type": "transaction", "merchant_id": "m1", "amount": 40.0, **HOME}
FROM, UNTIL = START_MS - 30 * DAY, START_MS + 30 * DAY
RECORD = FraudRecord(0.5, 0.25, 0.1, 6, START_MS - 15 * DAY, START_MS - 6 * DAY, 7 * DAY)


def row_of(*events: dict[str, Any], reputation: dict[str, Reputation] | None = None) -> dict[str, float]:
    """The row of the last of the events."""
    state = UserState()
    told: list[float] = []
    for number, fields in enumerate(events):
        action = story_action(fields, number)
        seen = observe(state, action)
        told = fraud_row(features(action, state, seen), action, state, seen, reputation or {})
        learn_user(state, action, seen)
    return dict(zip(FRAUD_FEATURES, told, strict=True))


def test_the_row_begins_with_what_other_models_see_and_has_no_name_twice() -> None:
    assert FRAUD_FEATURES[: len(FEATURES)] == FEATURES
    assert len(set(FRAUD_FEATURES)) == len(FRAUD_FEATURES)


def test_every_value_lies_within_0_and_1() -> None:
    known = {
        f"{type_}:{name}": Reputation(LISTED, "r", FROM, UNTIL, 1.0, "", 2, RECORD)
        for type_, name in (("merchant", "m1"), ("ip", "192.0.2.10"), ("device", "d1"), ("network", "192.0.2.0/24"))
    }
    events = [TILL | {"at": day * 86_400.0, "amount": 10.0 ** (day % 7)} for day in range(30)]
    for through in range(1, 31):
        row = row_of(*events[:through], reputation=known)
        assert all(0 <= value <= 1 for value in row.values()), row


@pytest.mark.parametrize(
    ("type_", "name"),
    [
        ("transaction", "payment"),
        ("payout", "payout"),
        ("login", "login"),
        ("otp", "factor"),
        ("mfa_change", "change"),
    ],
)
def test_the_type_of_an_event_is_told(type_: str, name: str) -> None:
    row = row_of({"type": type_, "at": 0, **HOME})
    assert {name} == {one for one in ("payment", "payout", "login", "factor", "change") if row[one]}


def test_what_labels_told_of_the_merchant_is_told() -> None:
    row = row_of(TILL | {"at": 0}, reputation={"merchant:m1": Reputation(0, "", 0, 0, record=RECORD)})
    assert (row["merchant_fraud_1d"], row["merchant_fraud_7d"], row["merchant_fraud_30d"]) == (0.5, 0.25, 0.1)
    assert row["merchant_run"] == pytest.approx(6 / 9)
    assert row["merchant_run_age"] == pytest.approx(0.75)
    assert row["merchant_fraud_age"] == pytest.approx(0.9)
    assert row["merchant_risk"] == RECORD.risk(START_MS) > 0
    assert row["merchant_level"] == 0


def test_a_payment_elsewhere_or_a_record_that_has_lapsed_tells_nothing() -> None:
    known = {"merchant:m1": Reputation(0, "", 0, 0, record=RECORD)}
    elsewhere = row_of(TILL | {"at": 0, "merchant_id": "m2"}, reputation=known)
    later = row_of(TILL | {"at": 60 * 86_400.0}, reputation=known)
    assert not any(row[name] for row in (elsewhere, later) for name in row if name.startswith("merchant_"))


def test_payments_that_followed_and_ought_to_be_disputed_by_now_count_as_clean() -> None:
    after = tuple(RECORD.newest_ms + day * DAY for day in (1, 2, 5))
    record = FraudRecord(0.5, 0.25, 0.1, 6, RECORD.run_since_ms, RECORD.newest_ms, 7 * DAY, after)
    assert [record.clean_since(START_MS + day * DAY) for day in (1, 2, 3, 6)] == [0, 1, 2, 3]
    row = row_of(TILL | {"at": 3 * 86_400.0}, reputation={"merchant:m1": Reputation(0, "", 0, 0, record=record)})
    assert row["merchant_clean"] == pytest.approx(2 / 3)


def test_levels_count_while_they_are_in_force() -> None:
    known = {
        "ip:192.0.2.10": Reputation(LISTED, "r", FROM, UNTIL),
        "device:d1": Reputation(BAD, "r", FROM, UNTIL),
        "network:192.0.2.0/24": Reputation(WATCHED, "r", FROM, FROM + 1),
    }
    row = row_of({"type": "login", "at": 0, **HOME}, reputation=known)
    assert [row["ip_level"], row["device_level"], row["network_level"]] == [1.0, pytest.approx(2 / 3), 0.0]


def test_hours_and_days_are_those_of_the_event() -> None:
    # The stories begin on a Monday at nine.
    nights = [row_of({"type": "login", "at": 3_600.0 * hours, **HOME})["night"] for hours in (0, 16, 20, 21)]
    weekends = [row_of({"type": "login", "at": 86_400.0 * days, **HOME})["weekend"] for days in (0, 4, 5, 6)]
    assert (nights, weekends) == ([0, 1, 1, 0], [0, 0, 1, 1])
