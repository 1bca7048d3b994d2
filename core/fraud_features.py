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
from core.reputation import LISTED, RECORD_MS, FraudRecord, Reputation
from core.seen import PAYMENT_TYPES, Seen
from core.state import UserState

OWN_FEATURES: Final = (
    "mean_ratio",  # to the mean payment: n / (n + 2)
    "theft",  # how likely somebody else paid (`core.theft`): the fourth root, since it is small as a rule
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
_OTHER: Final = (0.0, 0.0, 0.0, 0.0, 0.0)
_CHANGE: Final = (0.0, 0.0, 0.0, 0.0, 1.0)
# From "payment" to "change", by the type of an event.
_KINDS: Final = {
    "transaction": (1.0, 0.0, 0.0, 0.0, 0.0),
    "payout": (0.0, 1.0, 0.0, 0.0, 0.0),
    "login": (0.0, 0.0, 1.0, 0.0, 0.0),
    "otp": (0.0, 0.0, 0.0, 1.0, 0.0),
    "password_change": _CHANGE,
    "mfa_change": _CHANGE,
    "profile_change": _CHANGE,
}
# "night" and "weekend" of each hour of a week that begins as 1970 did.
_HOURS: Final = tuple(
    (float(hour % 24 < NIGHT_HOURS), float((hour // 24 + FIRST_WEEKDAY) % 7 >= SATURDAY)) for hour in range(7 * 24)
)
_NO_RECORD: Final = (0.0,) * 8
_NO_STANDING: Final = (0.0,) * len(STANDING_FEATURES)


def fraud_row(
    row: Sequence[float], action: Action, state: UserState, seen: Seen, reputation: Mapping[str, Reputation]
) -> list[float]:
    """The row of an event that has been observed and not yet learnt; row: its `core.features.features`.

    What it takes of `state` is as of the event: call it, or `own_row` alone, before the user's next event is placed.
    """
    return [*row, *own_row(action, state, seen), *standing_row(action, reputation)]


def own_row(action: Action, state: UserState, seen: Seen) -> Sequence[float]:
    """The values of `OWN_FEATURES`."""
    ratio, known_s = 0.0, seen.known_s
    if action.type in PAYMENT_TYPES and state.amounts.mean > 0:
        ratio = seen.usd / state.amounts.mean
    return (
        ratio / (ratio + 2),
        seen.theft**0.25,
        min(1.0, log1p(known_s * 1_000 / DAY) * KNOWN_SCALE) if known_s > 0 else 0.0,
        *_KINDS.get(action.type, _OTHER),
        1.0 if action.failed else 0.0,
        *_HOURS[action.time_ms // HOUR % len(_HOURS)],
    )


def standing_row(action: Action, reputation: Mapping[str, Reputation]) -> Sequence[float]:
    """The values of `STANDING_FEATURES`: of the merchant's record and of the levels that are in force."""
    if not reputation:
        return _NO_STANDING
    get, merchant_id = reputation.get, action.merchant_id
    merchant = None if merchant_id is None else get(f"merchant:{merchant_id}")
    ip = None if action.ip is None else get(f"ip:{action.ip}")
    network = None if action.network is None else get(f"network:{action.network}")
    device = None if action.device_id is None else get(f"device:{action.device_id}")
    if merchant is ip is network is device is None:
        return _NO_STANDING
    time_ms = action.time_ms
    return (
        *(_NO_RECORD if merchant is None or merchant.record is None else _record(merchant.record, time_ms)),
        _level(merchant, time_ms),
        _level(ip, time_ms),
        _level(network, time_ms),
        _level(device, time_ms),
    )


def _record(record: FraudRecord, time_ms: int) -> Sequence[float]:
    if not 0 <= time_ms - record.newest_ms < RECORD_MS:
        return _NO_RECORD
    clean = record.clean_since(time_ms)
    return (
        record.share_1d,
        record.share_7d,
        record.share_30d,
        record.run / (record.run + 3),
        max(0.0, 1 - (time_ms - record.run_since_ms) / RECORD_MS),
        max(0.0, 1 - (time_ms - record.newest_ms) / RECORD_MS),
        clean / (clean + 1),
        record.risk(time_ms),
    )


def _level(found: Reputation | None, time_ms: int) -> float:
    return found.level / LISTED if found is not None and found.in_force(time_ms) else 0.0
