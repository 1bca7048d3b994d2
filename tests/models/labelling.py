"""Cases and labels for what learns from labels. A row's first value is what frauds are known by."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from core.clock import DAY
from core.events import Action, event_key
from core.judged import Case
from core.records import Feedback
from core.seen import Seen
from core.state import UserState
from models.fitting import Awaited, Fitting
from models.labelled import Labelled, Plan

FEATURES = ("sign", "noise", "other")
START_MS = 1_772_452_800_000
OFTEN = {"logistic_regression": "decide", "random_forest": "shadow", "gradient_boosting": "decide"}
STATE = UserState()


def case(number: int, row: Sequence[float], **more: Any) -> Case:
    """One event of user `number % 40`, a minute after the last."""
    facts: dict[str, Any] = {"at_ms": START_MS + number * 60_000, "user": f"u{number % 40}", "tainted": False}
    facts |= {"device": f"d{number % 40}", "network_mark": number % 40 + 1, "at": 0, **more}
    event_id = f"e{number}"
    action = Action(
        event_id=event_id,
        key=event_key(event_id),
        type="transaction",
        user_id=facts["user"],
        time_ms=facts["at_ms"],
        device_id=facts["device"],
    )
    seen = Seen(network_mark=facts["network_mark"])
    made = Case(action, STATE, facts["at_ms"], seen, tainted=facts["tainted"], at=facts["at"])
    made.fraud_row = list(row)
    return made


def label(number: int, what: str = "fraud", **more: Any) -> Feedback:
    """Of the event that `case` made, an hour after the start."""
    facts: dict[str, Any] = {"user": f"u{number % 40}", "source": "chargeback", "time": START_MS + 3_600_000, **more}
    return Feedback(
        feedback_id=f"f{number}{what}",
        event_id=f"e{number}",
        user_id=facts["user"],
        label=what,  # type: ignore[arg-type]
        source=facts["source"],
        time=facts["time"],
    )


def rows(count: int, seed: int = 0) -> tuple[list[list[float]], list[bool]]:
    """Rows, and which of them are fraud: a twentieth, whose first value is mostly high."""
    rng = np.random.default_rng(seed)
    frauds = rng.random(count) < 0.05
    made = rng.random((count, len(FEATURES)))
    made[:, 0] = np.where(frauds, 0.6 + 0.4 * made[:, 0], 0.7 * made[:, 0])
    return made.tolist(), frauds.tolist()


def learner(fitting: Fitting | None = None, **more: Any) -> Labelled:
    facts: dict[str, Any] = {"modes": OFTEN, "delay_ms": 0, **more}
    return Labelled(FEATURES, Plan(**facts), Awaited() if fitting is None else fitting, seed=3, name="0")


def lived(taught: Labelled, count: int = 1_400, *, first: int = 0, labelled: bool = True, batch: int = 200) -> None:
    """Some days of events, each batch with its labels right behind it."""
    made, frauds = rows(count, seed=first)
    for begin in range(0, count, batch):
        part = range(begin, min(count, begin + batch))
        cases = [
            case(first + at, made[at], at=place, **({"device": "thief's", "network_mark": 99} if frauds[at] else {}))
            for place, at in enumerate(part)
        ]
        taught.score([made[at] for at in part])
        taught.keep(cases)
        for at in part:
            if labelled and frauds[at]:
                taught.tell(label(first + at, time=START_MS + (first + at) * 60_000), None)
        taught.turn()


__all__ = ["DAY", "FEATURES", "START_MS", "case", "label", "learner", "lived", "rows"]
