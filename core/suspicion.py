"""What an event's risk takes over from before: what rules said of the user in the last hours, and where it comes
from.

A thief's login raises an alarm, and the page views and payments that follow in the same session are the thief's too.
So a user's alarms linger, halving every `HALF_LIFE_MS`, and weigh on what comes from a place that is not long the
user's; the user's own devices and networks hardly suffer. All of it is made of the user's own events, so that a
replay and the stream agree. It adds to the risk only, and opens no alert.
"""

from typing import Final

from core.clock import DAY, HOUR
from core.events import Action
from core.seen import FAMILIAR_S, Seen
from core.state import UserState

HALF_LIFE_MS: Final = 6 * HOUR
FORGOTTEN_MS: Final = 2 * DAY
# The share of a lingering alarm that weighs on an event from strange places, and on one from the user's own
# or from none at all.
STRANGE_SHARE: Final = 0.7
FAMILIAR_SHARE: Final = 0.1
# What circumstances weigh that are no rule's business: most strangers are honest people with a new phone.
OUTSIDER_WEIGHT: Final = 0.12
STRANGE_WEIGHT: Final = 0.08
DENIED_WEIGHT: Final = 0.04


def lingering(state: UserState, time_ms: int) -> float:
    """0..1: how much is left of the user's alarms at that time; none before they were raised."""
    if not state.suspicion:
        return 0.0
    age_ms = time_ms - state.suspicion_ms
    if not 0 <= age_ms < FORGOTTEN_MS:
        return 0.0
    return float(state.suspicion * 0.5 ** (age_ms / HALF_LIFE_MS))


def clear_of(action: Action, state: UserState, seen: Seen) -> float:
    """0..1: 1 less the risk that an observed event brings along. Call it before `raise_suspicion` for the event."""
    device_age_s, network_age_s = seen.device_age_s, seen.network_age_s
    nowhere = device_age_s < 0 and network_age_s < 0
    at_home = device_age_s >= FAMILIAR_S or (device_age_s < 0 and network_age_s >= FAMILIAR_S)
    clear = 1.0
    if state.suspicion:
        share = FAMILIAR_SHARE if at_home or nowhere else STRANGE_SHARE
        clear = 1.0 - share * lingering(state, action.time_ms)
    if seen.own:
        if seen.strange and not at_home and network_age_s < FAMILIAR_S:
            clear *= 1.0 - STRANGE_WEIGHT
    elif seen.outsider:
        clear *= 1.0 - OUTSIDER_WEIGHT
    elif action.type == "otp":
        clear *= 1.0 - DENIED_WEIGHT
    return clear


def raise_suspicion(state: UserState, time_ms: int, weight: float) -> None:
    """A rule of that weight spoke about an event of the user."""
    if time_ms < state.suspicion_ms:
        weight *= 0.5 ** ((state.suspicion_ms - time_ms) / HALF_LIFE_MS)
        state.suspicion = max(state.suspicion, weight)
        return
    state.suspicion = max(lingering(state, time_ms), weight)
    state.suspicion_ms = time_ms
