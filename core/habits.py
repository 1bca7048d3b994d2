"""What is usual for a user: amounts and hours, learnt from events that nobody objects to."""

from math import inf, log
from typing import Final

from core.clock import HOUR
from core.events import Action
from core.seen import PAYMENT_TYPES, Seen
from core.state import Amounts, UserState

AMOUNTS_REMEMBERED: Final = 200
TYPICAL_SHARE: Final = 0.1
TYPICAL_REACH: Final = 3.0
MEAN_REACH: Final = 10.0
HOUR_MAX: Final = 127


def learn_user(state: UserState, action: Action, seen: Seen) -> None:
    """Let an event that nobody objects to shape what is usual for the user. Call it after all checks of the event."""
    if not seen.own:
        return
    hours = state.hours
    hour = action.time_ms // HOUR % 24
    hours[hour] += 1
    if hours[hour] >= HOUR_MAX:
        for at, count in enumerate(hours):
            hours[at] = count // 2
    usd = seen.usd
    if usd <= 0 or action.failed or action.type not in PAYMENT_TYPES:
        return
    learn_amount(state.amounts, usd)
    kind = state.amounts
    if action.type == "payout":
        kind = state.sent
        learn_amount(kind, usd)
    # What somebody once sent says nothing of what they buy.
    kind.largest = max(kind.largest, usd)


def learn_amount(amounts: Amounts, usd: float) -> None:
    """One more payment of more than nothing."""
    if amounts.n >= AMOUNTS_REMEMBERED:
        amounts.log_m2 *= 1 - 1 / AMOUNTS_REMEMBERED
    else:
        amounts.n += 1
    reach = inf if amounts.n <= 2 else amounts.typical
    amounts.mean += (min(usd, MEAN_REACH * reach) - amounts.mean) / amounts.n
    log_usd = log(usd)
    delta = log_usd - amounts.log_mean
    amounts.log_mean += delta / amounts.n
    amounts.log_m2 += delta * (log_usd - amounts.log_mean)
    share = max(TYPICAL_SHARE, 1 / amounts.n)
    amounts.typical += share * (min(usd, TYPICAL_REACH * reach) - amounts.typical)
