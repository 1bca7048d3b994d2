"""Labels to rings: a confirmed fraud ties what its payment named, and a word against it takes that back."""

from core.belief import doubt_of_payment
from core.clock import to_ms
from core.events import event_key
from core.records import Feedback
from core.ring import EVENT, Tie, clipped, key_of, user_mark
from core.ring_origins import find_origin
from core.signal import CLEARED, CONFIRMED, TIE, Out, Signal
from core.state import UserState, mark


def tie_signals(feedback: Feedback, state: UserState | None, out: Out) -> None:
    """Tell the ring of a payment what became of it, if it is one of the user's newest.

    state: the user's, None if nothing is known of the user. A word that is not believed (`core.belief`) tells
    nothing.
    """
    if state is None or doubt_of_payment(feedback, state) is not None:
        return
    named = find_origin(state, event_key(feedback.event_id))
    if named is None:
        return
    time_ms = feedback.time if isinstance(feedback.time, int) else to_ms(feedback.time)
    user_id, event_id = feedback.user_id, feedback.event_id
    event = mark(event_id)
    fraud = feedback.label == "fraud"
    said = Signal(CONFIRMED if fraud else CLEARED, time_ms, user_id, event_id)
    out.setdefault(key_of(EVENT, event), []).append(said)
    if fraud:
        for kind, full_mark, own in named:
            tie = Tie(clipped(user_id), user_mark(user_id), event, time_ms, own)
            signal = Signal(TIE, time_ms, user_id, event_id, tie=tie)
            out.setdefault(key_of(kind, full_mark), []).append(signal)
