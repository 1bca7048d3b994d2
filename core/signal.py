"""What an event means to the sources that it came from, told by the detect agent to the sources agent.

Only what a source rule counts becomes a signal. In ordinary life most events say nothing new about any address,
device or merchant: of a page view, of a login on the usual device, nothing is told.
"""

from typing import Final

from msgspec import Struct

from core.clock import DAY
from core.events import Action
from core.ring import Tie
from core.seen import Seen
from core.state import UserState

ALL: Final = "all"

# Kinds of signal; a source rule's `types` name those that wake it.
FAILED_LOGIN: Final = "failed_login"
LOGIN: Final = "login"
SIGNUP: Final = "signup"
NEW_USER: Final = "new_user"
NEW_CARD: Final = "new_card"
PAYMENT: Final = "payment"
FRAUD: Final = "fraud"
LEGIT: Final = "legit"
LABEL_KINDS: Final = frozenset({FRAUD, LEGIT})
LOCKED: Final = "locked"
CUSTOM: Final = "custom"
# Of rings, see `core.ring_growth`. TIE: a thing leads to a confirmed fraud; MET: a user touched it; CONFIRMED and
# CLEARED: what is said of the fraud.
TIE: Final = "tie"
MET: Final = "met"
CONFIRMED: Final = "confirmed"
CLEARED: Final = "cleared"

# Flags of a login; FAILED is a new card's too. UNFAMILIAR: the device (or where none is named, the network) is new to
# the user. MOVED: device and network are both new to a user whose habits are known.
FAILED: Final = 1
UNFAMILIAR: Final = 2
MOVED: Final = 4
# In a week a user has been seen at home, at work and on the way.
SETTLED_MS: Final = 7 * DAY


class Signal(Struct, array_like=True, frozen=True, gc=False):
    """One observation for one source. about: the address of a login, the card, the rule behind a lock or a custom
    window. value: the time in ms of the payment that a label is about; what a custom window sums."""

    kind: str
    time_ms: int
    user_id: str
    event_id: str
    about: str = ""
    flags: int = 0
    value: float = 0.0
    tie: Tie | None = None


Out = dict[str, list[Signal]]


def signals(action: Action, state: UserState, seen: Seen, out: Out) -> None:
    """Tell the sources what this event means to them. Called once per distinct event, after `observe`."""
    type_ = action.type
    device = action.device_id
    if type_ == "login":
        _login(action, state, seen, out)
    elif type_ == "transaction":
        if action.merchant_id is not None and not action.failed:
            _tell(out, f"merchant:{action.merchant_id}", PAYMENT, action)
        if action.card_id is not None and (seen.new_card or seen.new_device):
            _new_card(action, action.card_id, seen, out)
    elif type_ == "signup" and action.ip is not None and not action.failed:
        _tell(out, f"ip:{action.ip}", SIGNUP, action)
    if seen.new_device and device is not None:
        _tell(out, f"device:{device}", NEW_USER, action)


def lock_signal(user_id: str, event_id: str, time_ms: int, rule_id: str, out: Out) -> None:
    """A rule has locked or challenged a user."""
    out.setdefault(ALL, []).append(Signal(LOCKED, time_ms, user_id, event_id, rule_id))


def _login(action: Action, state: UserState, seen: Seen, out: Out) -> None:
    unfamiliar = seen.new_device if action.device_id is not None else seen.new_network
    if action.ip is None or not (unfamiliar or action.failed or seen.new_network):
        return
    kind = FAILED_LOGIN if action.failed else LOGIN
    flags = FAILED if action.failed else 0
    if unfamiliar:
        flags |= UNFAMILIAR
        if seen.new_device and seen.new_network and action.time_ms - state.first_ms >= SETTLED_MS:
            flags |= MOVED
        _tell(out, f"network:{action.network}", kind, action, action.ip, flags)
        _tell(out, ALL, kind, action, action.ip, flags)
    _tell(out, f"ip:{action.ip}", kind, action, action.ip, flags)


def _new_card(action: Action, card: str, seen: Seen, out: Out) -> None:
    flags = FAILED if action.failed else 0
    if action.device_id is not None:
        _tell(out, f"device:{action.device_id}", NEW_CARD, action, card, flags)
    if seen.new_card and action.ip is not None:
        _tell(out, f"ip:{action.ip}", NEW_CARD, action, card, flags)


def _tell(out: Out, key: str, kind: str, action: Action, about: str = "", flags: int = 0) -> None:
    signal = Signal(kind, action.time_ms, action.user_id, action.event_id, about, flags)
    told = out.get(key)
    if told is None:
        out[key] = [signal]
    else:
        told.append(signal)
