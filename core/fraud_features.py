"""What supervised models see of an event: what the others see (`core.features`), and what labels told of others.

Confirmed fraud at the merchant, the standing of where the event comes from, and what kind of event it is. Every
number is brought to 0..1 by a fixed transform, with 0 for "nothing of that". Reputation may stand here, and not in
`core.features`: a supervised model learns from labels, not from what is usual.
"""

from collections.abc import Mapping, Sequence
from math import log1p
from typing import Final

from core.clock import DAY, HOUR
from core.events import Action
from core.features import FEATURES
from core.reputation import LISTED, RECORD_MS, Reputation
from core.seen import PAYMENT_TYPES, Seen
from core.state import UserState

OWN_FEATURES: Final = (
    "mean_ratio",  # to the mean payment: n / (n + 2)
    "known",  # since the user's first event: log1p of days, full at 180
    "payment",  # 1 for a transaction
    "payout",  # 1 for a payout
    "login",  # 1 for a login
    "factor",  # 1 for a second factor
    "change",  # 1 for a change of password, second factor or profile
    "failed",  # 1 for what failed
    "night",  # 1 before six o'clock, UTC
    "weekend",  # 1 on Saturday and Sunday, UTC
)
STANDING_FEATURES: Final = (
    "merchant_fraud_1d",  # confirmed share of the merchant's day, week and month up to the newest fraud known
    "merchant_fraud_7d",
    "merchant_fraud_30d",
    "merchant_run",  # known frauds in a row: n / (n + 3)
    "merchant_run_age",  # since the first of them: 1 at no age, 0 at 60 days; 0 without
    "merchant_fraud_age",  # since the newest of them: likewise
    "merchant_clean",  # payments since then that ought to have been disputed by now: n / (n + 1)
    "merchant_risk",  # of the run going on, see `core.reputation.FraudRecord.risk`
    "merchant_level",  # standing: level / 3
    "ip_level",
    "network_level",
    "device_level",
)
FRAUD_FEATURES: Final[tuple[str, ...]] = (*FEATURES, *OWN_FEATURES, *STANDING_FEATURES)
"""In the order of `fraud_row`. Only names count: more may come, and no code hangs on their number."""

KNOWN_SCALE: Final = 1 / log1p(180)
NIGHT_HOURS: Final = 6
# 1970-01-01 was a Thursday.
FIRST_WEEKDAY: Final = 3
SATURDAY: Final = 5
_CHANGES: Final = frozenset({"password_change", "mfa_change", "profile_change"})
_NO_RECORD: Final = (0.0,) * 8


def fraud_row(
    row: Sequence[float], action: Action, state: UserState, seen: Seen, reputation: Mapping[str, Reputation]
) -> list[float]:
    """The row of an event that has been observed and not yet learnt; row: its `core.features.features`.

    What it takes of `state` is as of the event: call it, or `own_row` alone, before the user's next event is placed.
    """
    return [*row, *own_row(action, state, seen), *standing_row(action, reputation)]


def own_row(action: Action, state: UserState, seen: Seen) -> list[float]:
    """The values of `OWN_FEATURES`."""
    type_, time_ms = action.type, action.time_ms
    mean = state.amounts.mean
    ratio = seen.usd / mean if mean > 0 and type_ in PAYMENT_TYPES else 0.0
    return [
        ratio / (ratio + 2),
        min(1.0, log1p(max(0, seen.known_s) * 1_000 / DAY) * KNOWN_SCALE),
        float(type_ == "transaction"),
        float(type_ == "payout"),
        float(type_ == "login"),
        float(type_ == "otp"),
        float(type_ in _CHANGES),
        float(action.failed),
        float(time_ms // HOUR % 24 < NIGHT_HOURS),
        float((time_ms // DAY + FIRST_WEEKDAY) % 7 >= SATURDAY),
    ]


def standing_row(action: Action, reputation: Mapping[str, Reputation]) -> list[float]:
    """The values of `STANDING_FEATURES`: of the merchant's record and of the levels that are in force."""
    time_ms = action.time_ms
    found = _found(reputation, "merchant", action.merchant_id)
    record = None if found is None else found.record
    told: Sequence[float] = _NO_RECORD
    if record is not None and 0 <= time_ms - record.newest_ms < RECORD_MS:
        clean = record.clean_since(time_ms)
        told = (
            record.share_1d,
            record.share_7d,
            record.share_30d,
            record.run / (record.run + 3),
            max(0.0, 1 - (time_ms - record.run_since_ms) / RECORD_MS),
            max(0.0, 1 - (time_ms - record.newest_ms) / RECORD_MS),
            clean / (clean + 1),
            record.risk(time_ms),
        )
    return [
        *told,
        _level(found, time_ms),
        _level(_found(reputation, "ip", action.ip), time_ms),
        _level(_found(reputation, "network", action.network), time_ms),
        _level(_found(reputation, "device", action.device_id), time_ms),
    ]


def _found(reputation: Mapping[str, Reputation], type_: str, name: str | None) -> Reputation | None:
    return None if name is None or not reputation else reputation.get(f"{type_}:{name}")


def _level(found: Reputation | None, time_ms: int) -> float:
    return found.level / LISTED if found is not None and found.in_force(time_ms) else 0.0
