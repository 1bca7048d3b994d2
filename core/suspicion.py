"""What an event's risk takes over from before: what rules said of the user in the last hours, and where it comes
from.

A thief's login raises an alarm, and the page views and payments that follow in the same session or from the same
device are the thief's too. So a user's alarms linger, halving every `HALF_LIFE_MS`, with the device, session and
network that they came from: they weigh most on what comes from there, on other places that are not long the user's,
and hardly on the user's own devices and networks. Then there are circumstances that no rule is about: a device, a
network and a country that are all new at once; a sum far out of what the user pays; a guess at an account that nobody
has used. All of it is made of the user's own events, so that a replay and the stream agree. It adds to the risk only
and opens no alert; with nothing else it stays below a challenge, but for several odd payments that name no place.
"""

from typing import Final

from core.clock import DAY, HOUR, SECOND
from core.events import Action
from core.seen import FAMILIAR_S, PAYMENT_TYPES, Seen, is_ordered
from core.state import UserState, mark, short

HALF_LIFE_MS: Final = 6 * HOUR
FORGOTTEN_MS: Final = 2 * DAY
# Whoever confirms events this soon after a change of credentials or an alarm may be the one who made it.
TAKEOVER_MS: Final = DAY
# The share of a lingering alarm that weighs on an event from where it came from, from other strange places, and from
# the user's own or from none at all.
CULPRIT_SHARE: Final = 0.9
STRANGE_SHARE: Final = 0.3
FAMILIAR_SHARE: Final = 0.04
# So much of an alarm must be left for the user to come back after it, to what was the user's for so long before.
ALARM_LEAST: Final = 0.25
BEFORE_S: Final = 12 * HOUR // SECOND
# What circumstances weigh that are no rule's business: most strangers are honest people with a new phone. OUTSIDER:
# a failed login from none of the user's places; abroad, or without the device that the user always has, it is less
# likely to be a typing error; on an account that was never seen, a leaked list.
OUTSIDER_WEIGHT: Final = 0.15
OUTSIDER_ABROAD_WEIGHT: Final = 0.3
NOBODY_WEIGHT: Final = 0.3
STRANGE_WEIGHT: Final = 0.1
ABROAD_WEIGHT: Final = 0.45
DENIED_WEIGHT: Final = 0.05
DENIED_STRANGE_WEIGHT: Final = 0.2
# A payment without device or network, of a user whose payments have them.
UNPLACED_WEIGHT: Final = 0.25
# A sum's deviations above the user's mean begin to weigh at the first figure; each weighs so much; at most so much.
Z_FROM: Final = 2.5
Z_WEIGHT: Final = 0.12
Z_MOST: Final = 0.4
# Where nothing that a user does names a device or a network, a payment is ranked by what sums say of a thief
# (`core.theft`); where it is not sent to somebody, by its size; and by how many there are in a day. The last two
# begin to weigh at the first figure, and weigh in full at the second.
THEFT_MOST: Final = 0.9
SIZE_FROM_USD: Final = 200.0
SIZE_FULL_USD: Final = 250.0
SIZE_MOST: Final = 0.5
PAID_FROM: Final = 7
PAID_FULL: Final = 12
PAID_MOST: Final = 0.2
# Each odd sum in the day before, at most so much.
ODD_WEIGHT: Final = 0.15
ODD_MOST: Final = 0.45
# A large payment, or one declined, in an account's first day.
YOUNG_USD: Final = 150.0
YOUNG_WEIGHT: Final = 0.25


def looks_taken_over(state: UserState) -> bool:
    """Whether credentials were changed or an alarm was raised within the last day of the user's own time."""
    since_ms = state.clock_ms - TAKEOVER_MS
    changed = state.change is not None and state.change.time_ms > since_ms
    return changed or (state.alarm_ms > 0 and state.alarm_ms > since_ms)


def lingering(state: UserState, time_ms: int) -> float:
    """0..1: how much is left of the user's alarms at that time; none before they were raised."""
    if not state.suspicion:
        return 0.0
    age_ms = time_ms - state.suspicion_ms
    if not 0 <= age_ms < FORGOTTEN_MS:
        return 0.0
    return float(state.suspicion * 0.5 ** (age_ms / HALF_LIFE_MS))


def alarm_weight(action: Action, state: UserState, seen: Seen) -> float:
    """0..1: how heavily the user's lingering alarms weigh on what comes from where an event does."""
    if not state.suspicion:
        return 0.0
    device_age_s, network_age_s = seen.device_age_s, seen.network_age_s
    at_home = device_age_s >= FAMILIAR_S or (device_age_s < 0 and network_age_s >= FAMILIAR_S)
    share = FAMILIAR_SHARE if at_home or not seen.placed or is_back(action, state, seen) else STRANGE_SHARE
    if _from_culprit(action, state, seen, at_home):
        share = CULPRIT_SHARE
    return share * lingering(state, action.time_ms)


def clear_of(action: Action, state: UserState, seen: Seen) -> float:
    """0..1: 1 less the risk that an observed event brings along. Call it before `raise_suspicion` for the event."""
    device_age_s = seen.device_age_s
    clear = 1.0 - alarm_weight(action, state, seen)
    if seen.own:
        if seen.strange and device_age_s < FAMILIAR_S and seen.away:
            clear *= 1.0 - (ABROAD_WEIGHT if seen.abroad else STRANGE_WEIGHT)
        if action.type in PAYMENT_TYPES:
            clear *= _payment(action, state, seen)
    elif action.type == "otp":
        clear *= 1.0 - (DENIED_STRANGE_WEIGHT if device_age_s == 0 else DENIED_WEIGHT)
    elif state.events == 1:
        clear *= 1.0 - NOBODY_WEIGHT
    elif seen.outsider:
        unlikely = seen.abroad or (action.device_id is None and bool(state.devices))
        clear *= 1.0 - (OUTSIDER_ABROAD_WEIGHT if unlikely else OUTSIDER_WEIGHT)
    return clear


def is_back(action: Action, state: UserState, seen: Seen) -> bool:
    """Whether it is the user who comes back after an alarm: from a device, or else a network, that the user had well
    before it, and that it did not come from."""
    if lingering(state, action.time_ms) < ALARM_LEAST:
        return False
    least_s = max(0, action.time_ms - state.suspicion_ms) // SECOND + BEFORE_S
    if seen.device_age_s >= least_s:
        return short(seen.device_mark) != state.culprit_device
    return seen.network_age_s >= least_s and short(seen.network_mark) != state.culprit_network


def _from_culprit(action: Action, state: UserState, seen: Seen, at_home: bool) -> bool:
    """Whether an event comes from where the alarm did. A shared network alone says nothing of a device at home."""
    session_id = action.session_id
    if session_id is not None and state.culprit_session and short(mark(session_id)) == state.culprit_session:
        return True
    if action.device_id is not None and state.culprit_device:
        return not at_home and short(mark(action.device_id)) == state.culprit_device
    return not at_home and seen.network_mark != 0 and short(seen.network_mark) == state.culprit_network


def _payment(action: Action, state: UserState, seen: Seen) -> float:
    """1 less what a payment's sum and way weigh."""
    clear = 1.0
    if is_ordered(action, seen):
        return clear
    if seen.unplaced:
        clear *= 1.0 - UNPLACED_WEIGHT
    if seen.payee_age_s < FAMILIAR_S:
        if seen.z > Z_FROM:
            clear *= 1.0 - min(Z_MOST, Z_WEIGHT * (seen.z - Z_FROM))
            clear *= _series(state, action.time_ms)
        if not (seen.placed or seen.till):
            clear *= _by_sum(action, state, seen)
    if seen.known_s < FAMILIAR_S and state.signup_ms and (seen.usd >= YOUNG_USD or action.failed):
        clear *= 1.0 - YOUNG_WEIGHT
    return clear


def _series(state: UserState, time_ms: int) -> float:
    """1 less what the odd sums weigh that were paid in the day before."""
    before = len([1 for at_ms in state.odd if time_ms - DAY < at_ms < time_ms])
    return 1.0 - min(ODD_MOST, ODD_WEIGHT * before)


def _by_sum(action: Action, state: UserState, seen: Seen) -> float:
    """1 less what the sum weighs of a payment of which little else is known, and what the number of them does."""
    clear = 1.0 - THEFT_MOST * seen.theft
    if action.type == "transaction":
        clear *= 1.0 - SIZE_MOST * _part(seen.usd, SIZE_FROM_USD, SIZE_FULL_USD)
    paid = len([1 for at_ms in state.paid if action.time_ms - DAY < at_ms <= action.time_ms])
    return clear * (1.0 - PAID_MOST * _part(paid, PAID_FROM, PAID_FULL))


def _part(figure: float, begins: float, full: float) -> float:
    """0..1: how far a figure has come from where it begins to weigh to where it weighs in full."""
    return min(1.0, max(0.0, (figure - begins) / (full - begins)))


def raise_suspicion(state: UserState, action: Action, seen: Seen | None, weight: float) -> None:
    """A rule of that weight spoke about an event of the user."""
    time_ms = action.time_ms
    if time_ms < state.suspicion_ms:
        weight *= 0.5 ** ((state.suspicion_ms - time_ms) / HALF_LIFE_MS)
        state.suspicion = max(state.suspicion, weight)
        return
    left = lingering(state, time_ms)
    if weight >= left and not (seen is not None and is_back(action, state, seen)):
        state.culprit_device = short(mark(action.device_id)) if action.device_id is not None else 0
        state.culprit_session = short(mark(action.session_id)) if action.session_id is not None else 0
        state.culprit_network = short(seen.network_mark) if seen is not None else 0
    state.suspicion = max(left, weight)
    state.suspicion_ms = time_ms
