"""What Argus does about an alert: a pure state machine over a user's lock.

`LockFacts` are the last thing that was said about a user. Whether they are in force is a function of them and an
event's time alone (`lock_at`): the timer that announces an expiry changes no decision.
"""

from typing import Final, Literal, Protocol

from msgspec import Struct

from core.clock import SECOND, rfc3339
from core.records import Lock, LockState

By = Literal["rule", "admin", "otp", "expiry"]
STRENGTH: Final[dict[str, int]] = {"unlocked": 0, "challenged": 1, "locked": 2}


class LockFacts(Struct, array_like=True, frozen=True, gc=False):
    """The newest word on a user's lock.

    scope: the event types that it holds up; in force from since_ms until before until_ms (None: without end);
    announced: its expiry has been told.
    """

    state: LockState
    scope: tuple[str, ...]
    reason: str
    alert_id: str | None
    since_ms: int
    until_ms: int | None
    by: By
    announced: bool = False
