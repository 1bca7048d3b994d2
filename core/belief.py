"""Whose word about an event is believed, and which of two words stands.

A person who says that an event was theirs may be the one who broke in: what comes by a one-time password or from a
member is not believed while the account is held up or looks taken over, nor about what came from where the alarm did
or where something known as fraud did. Analysts and chargebacks are believed. A feedback record does not say from
which device it was given; the event that it is about does.
"""

from collections.abc import Collection
from typing import Final, Literal

from core.events import event_key
from core.records import Feedback
from core.respond import held
from core.ring import DEVICE, NETWORK
from core.ring_origins import find_origin
from core.state import UserState, short
from core.suspicion import looks_taken_over

Doubt = Literal["locked", "taken_over", "attacker"]
DOUBTS: Final[tuple[Doubt, ...]] = ("locked", "taken_over", "attacker")
# Whose word is the account holder's own, or that of whoever holds the account.
HOLDERS: Final = frozenset({"otp", "dispute"})


def doubt(
    feedback: Feedback, state: UserState | None, device: int, network: int, frauds: Collection[tuple[int, int]]
) -> Doubt | None:
    """Why a label is not believed, None if it is. Only "legit" by whoever holds the account is ever doubted.

    state: the user's as it is now; device, network: where the event came from, frauds: where the user's events that
    are known as fraud did; each 32 bits of a digest, 0 for unknown.
    """
    if feedback.label == "fraud" or feedback.source not in HOLDERS:
        return None
    if state is not None:
        if held(state.lock) == "locked":
            return "locked"
        if looks_taken_over(state):
            return "taken_over"
        # A passed one-time password has taken the suspicion back.
        if state.suspicion > 0 and _same(device, network, state.culprit_device, state.culprit_network):
            return "attacker"
    if any(_same(device, network, *origin) for origin in frauds):
        return "attacker"
    return None


def doubt_of_payment(feedback: Feedback, state: UserState) -> Doubt | None:
    """`doubt` of a label of one of the user's newest payments, by what the user still knows of where it came from."""
    named = find_origin(state, event_key(feedback.event_id)) or ()
    of_kind = {kind: short(full_mark) for kind, full_mark, _ in named}
    return doubt(feedback, state, of_kind.get(DEVICE, 0), of_kind.get(NETWORK, 0), ())


def _same(device: int, network: int, other_device: int, other_network: int) -> bool:
    """Whether two origins are one: by the device where both have one, else by the network."""
    if device and other_device:
        return device == other_device
    return network != 0 and network == other_network


def stands(label: str, time_ms: int, known: str, known_ms: int) -> bool:
    """Whether a label takes the place of the one known: the later one does; of two at once, fraud."""
    return time_ms > known_ms or (time_ms == known_ms and label == "fraud" != known)
