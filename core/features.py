"""What models see of an event: a row of numbers, each brought to 0..1 by a fixed transform.

They are ratios to the user's own past, novelty, gaps and counts; raw values say little about anybody. 0 is "nothing
of that" for all, also where an event has no amount, no place or no device. No reputation: what is known of others
must not change what is learnt of a user. Cost: 1 to 3 us.
"""

from math import log1p
from typing import Final

from core.bounds import DECLINES_MS, ODD_MAX, ODD_MS
from core.clock import DAY, HOUR, MINUTE, SECOND
from core.events import Action
from core.seen import PAYMENT_TYPES, Seen
from core.state import UserState
from core.windows import count_around

FEATURES: Final = (
    "amount_ratio",  # to the typical payment: log1p, full at 20 times
    "amount_z",  # deviations above the mean, full at 6
    "amount_size",  # rough dollars: log1p, full at 10,000
    "odd_amounts",  # payments of 3 times the typical in 15 days, full at 6
    "payments_10m",  # payments in 10 minutes: n / (n + 2)
    "spend_24h",  # of a day, in typical payments: n / (n + 5)
    "declines",  # in 8 days: n / (n + 2)
    "failures_1h",  # failed logins and second factors in an hour: n / (n + 3)
    "new_device",  # 1 when new, falling to 0 in 7 days
    "new_network",  # likewise
    "new_country",  # 1 when new, half when one of several
    "new_payee",  # payee: 1 when new, falling to 0 in 7 days; else merchant: 0.5 when new
    "silence",  # time since the user's last activity: log1p of minutes, full at 90 days
    "odd_hour",  # 1 less the share of this hour and its neighbours, to that of the busiest
    "changed",  # 1 at a change of credentials, falling to 0 in a day
    "travel",  # speed from the last place, full at 1,800 km/h
)

NEW_S: Final = 7 * DAY // SECOND
RATIO_SCALE: Final = 1 / log1p(20)
SIZE_SCALE: Final = 1 / log1p(10_000)
SILENCE_SCALE: Final = 1 / log1p(90 * DAY / MINUTE)
# Below so many events, nobody's hours are known.
HOURS_KNOWN: Final = 20


def features(action: Action, state: UserState, seen: Seen) -> list[float]:
    """The row of an event that has been observed and not yet learnt; in the order of `FEATURES`."""
    time_ms = action.time_ms
    amount_ratio = amount_z = amount_size = odd = payments = spend = new_payee = travel = changed = 0.0
    usd = seen.usd
    if action.type in PAYMENT_TYPES:
        if usd > 0:
            amount_size = min(1.0, log1p(usd) * SIZE_SCALE)
            if seen.ratio > 0:
                amount_ratio = min(1.0, log1p(seen.ratio) * RATIO_SCALE)
                amount_z = min(1.0, max(0.0, seen.error / 6))
        odd = len([1 for at_ms in state.odd if time_ms - ODD_MS < at_ms <= time_ms]) / ODD_MAX
        count = count_around(state.paid, time_ms, 10 * MINUTE) if state.paid else 0
        payments = count / (count + 2)
        if state.money and state.amounts.typical > 0:
            since_ms = time_ms - DAY
            spent = sum([paid for at_ms, paid in state.money if since_ms < at_ms <= time_ms]) / state.amounts.typical
            spend = spent / (spent + 5)
        if seen.payee_age_s >= 0:
            new_payee = max(0.0, 1 - seen.payee_age_s / NEW_S)
        elif seen.new_merchant:
            new_payee = 0.5
    declined = len([1 for entry in state.declines if time_ms - DECLINES_MS < entry[0] <= time_ms])
    failures = 0
    if state.failures or state.denials:
        since_ms = time_ms - HOUR
        failures = len([1 for entry in state.failures if since_ms < entry[0] <= time_ms])
        failures += len([1 for at_ms in state.denials if since_ms < at_ms <= time_ms])
    if state.change is not None:
        age_ms = time_ms - state.change.time_ms
        if 0 <= age_ms < DAY:
            changed = 1 - age_ms / DAY
    if seen.kilometres > 0:
        travel = min(1.0, seen.kilometres * HOUR / max(seen.travel_ms, MINUTE) / 1_800)
    return [
        amount_ratio,
        amount_z,
        amount_size,
        odd,
        payments,
        spend,
        declined / (declined + 2),
        failures / (failures + 3),
        _novelty(seen.device_age_s, seen.had_devices),
        _novelty(seen.network_age_s, seen.had_networks),
        1.0 if seen.new_country and seen.had_countries else 0.5 if len(state.countries) > 1 else 0.0,
        new_payee,
        min(1.0, log1p(seen.gap_ms / MINUTE) * SILENCE_SCALE) if seen.gap_ms > 0 else 0.0,
        _odd_hour(state, time_ms // HOUR % 24),
        changed,
        travel,
    ]


def _novelty(age_s: int, had_others: bool) -> float:
    """0 where nothing is named, or nothing is there to compare it with."""
    return max(0.0, 1 - age_s / NEW_S) if age_s >= 0 and had_others else 0.0


def _odd_hour(state: UserState, hour: int) -> float:
    # Each event counts for one hour at most.
    if state.events < HOURS_KNOWN:
        return 0.0
    hours = state.hours
    busiest = max(hours)
    if busiest < 2 or (busiest < HOURS_KNOWN and sum(hours) < HOURS_KNOWN):
        return 0.0
    near = max(hours[hour], hours[hour - 1], hours[(hour + 1) % 24])
    return 1 - near / busiest
