"""Labels: how Argus writes one, and what one means to the place where the event was paid."""

from hashlib import blake2b
from typing import Literal

from core.belief import doubt_of_payment
from core.clock import SECOND, rfc3339, to_ms
from core.events import event_key
from core.receipts import find_receipt
from core.records import Feedback, Label, encode
from core.signal import FRAUD, LEGIT, Out, Signal
from core.state import UserState


def label_record(
    source: Literal["dispute", "analyst", "otp"], cause: str, user_id: str, event_id: str, label: Label, time_ms: int
) -> bytes:
    """A record of the feedback topic. cause: the id of the command or case that says so; the same cause, event and
    label always give the same `feedback_id`."""
    text = f"{source}:{len(cause)}:{cause}{event_id}:{label}"
    return encode(
        {
            "feedback_id": blake2b(text.encode(), digest_size=16).hexdigest(),
            "event_id": event_id,
            "user_id": user_id,
            "label": label,
            "source": source,
            "time": rfc3339(time_ms),
        }
    )


def label_signals(feedback: Feedback, state: UserState | None, out: Out) -> bool:
    """Tell the merchant what became of a payment, if it is one of the user's newest. Answers whether it was told: a
    word that is not believed (`core.belief`) is not.

    state: the user's, None if nothing is known of the user. The label's own time tells when it was known; a label
    never changes what was decided before it came.
    """
    if state is None or doubt_of_payment(feedback, state) is not None:
        return False
    paid = find_receipt(state.receipts, event_key(feedback.event_id))
    if paid is None or not paid[1]:
        return False
    time_s, merchant = paid
    time_ms = feedback.time if isinstance(feedback.time, int) else to_ms(feedback.time)
    kind = FRAUD if feedback.label == "fraud" else LEGIT
    signal = Signal(kind, time_ms, feedback.user_id, feedback.event_id, value=float(time_s * SECOND))
    out.setdefault(f"merchant:{merchant}", []).append(signal)
    return True
