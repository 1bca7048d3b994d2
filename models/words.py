"""What is said of kept rows, and what silence about them says: which word stands, and what is believed.

These change columns of `models.kept.KeptRows` and nothing else.
"""

from collections import Counter
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from core.belief import doubt, stands
from core.clock import DAY
from core.records import Feedback, Label
from core.state import UserState
from models.kept import FRAUD, LEGIT, TAINTED, UNKNOWN, KeptRows

Heard = Literal["joined", "changed", "repeated", "older", "gone", "early", "locked", "taken_over", "attacker"]

# What `learnt` says of a row.
NOT_LEARNT: Final = 0
AS_LEGIT: Final = 1
AS_FRAUD: Final = 2
HELD_OUT: Final = 3
NOT_BELIEVED: Final = 4
# Rows whose key has none of these bits are held out: they are never learnt, and calibrate.
HELD_BITS: Final = np.uint64(7)
# Of events in a model's tail, how many of one user count as legitimate because nobody disputed them.
RAISED_PER_USER: Final = 2
SOURCES: Final = ("", "dispute", "analyst", "chargeback", "otp")
HOLDERS_CODES: Final = (SOURCES.index("dispute"), SOURCES.index("otp"))

Bools = npt.NDArray[np.bool_]


def join(kept: KeptRows, place: int, feedback: Feedback, time_ms: int, state: UserState | None) -> Heard:
    """Write a label of that time to its row, if it is believed and stands. state: the user's as it is now.

    Fraud takes back what was said of where it came from.
    """
    labels, devices, networks = kept.column("label"), kept.column("device"), kept.column("network")
    others = np.flatnonzero((kept.column("user") == kept.column("user")[place]) & (labels == FRAUD))
    origins = {(int(devices[at]), int(networks[at])) for at in others.tolist() if at != place}
    why = doubt(feedback, state, int(devices[place]), int(networks[place]), origins)
    if why is not None:
        return why
    said = FRAUD if feedback.label == "fraud" else LEGIT
    before, before_ms = int(labels[place]), int(kept.column("label_ms")[place])
    if before == said:
        kept.column("label_ms")[place] = max(before_ms, time_ms)
        return "repeated"
    if before != UNKNOWN:
        known: Label = "fraud" if before == FRAUD else "legit"
        if not stands(feedback.label, time_ms, known, before_ms):
            return "older"
    labels[place], kept.column("label_ms")[place] = said, time_ms
    kept.column("source")[place] = SOURCES.index(feedback.source)
    if said == FRAUD:
        take_back(kept, place)
    return "joined" if before == UNKNOWN else "changed"


def take_back(kept: KeptRows, place: int) -> None:
    """Of what the user did from where a fraud came, the holder's own word does not count any more, nor does silence
    about a day before and after."""
    device, network = kept.column("device")[place], kept.column("network")[place]
    same = kept.column("device") == device if device else (kept.column("network") == network) & (network != 0)
    label = kept.column("label")
    same &= kept.column("user") == kept.column("user")[place]
    near = np.abs(kept.column("time_ms") - kept.column("time_ms")[place]) <= DAY
    same &= ((label == UNKNOWN) & near) | ((label == LEGIT) & np.isin(kept.column("source"), HOLDERS_CODES))
    label[same] = UNKNOWN
    kept.column("flags")[same] |= TAINTED
    kept.column("learnt")[same] = NOT_BELIEVED


def undisputed(kept: KeptRows, until_ms: int) -> Bools:
    """Which rows from up to then count as legitimate since nobody said anything, and are not learnt yet."""
    label, learnt = kept.column("label"), kept.column("learnt")
    silent: Bools = (label == UNKNOWN) & (learnt == NOT_LEARNT) & ((kept.column("flags") & TAINTED) == 0)
    silent &= kept.column("time_ms") <= until_ms
    return silent & ~_too_often(kept, silent)


def held_out(kept: KeptRows) -> Bools:
    """Which rows are never learnt if they are legitimate."""
    held: Bools = (kept.column("key") & HELD_BITS) == 0
    return held


def _too_often(kept: KeptRows, silent: Bools) -> Bools:
    """Which of those rows are one too many of their user in a model's tail: nothing more is learnt of them."""
    raised = kept.column("raised") > 0
    doubted = np.zeros(kept.count, bool)
    fresh = np.flatnonzero(silent & raised)
    if len(fresh):
        users, learnt = kept.column("user"), kept.column("learnt")
        before = users[raised & ((learnt == AS_LEGIT) | (learnt == HELD_OUT))]
        counts = Counter(before.tolist())
        for place in fresh.tolist():
            user = int(users[place])
            counts[user] += 1
            doubted[place] = counts[user] > RAISED_PER_USER
        learnt[doubted] = NOT_BELIEVED
    return doubted
