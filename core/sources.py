"""What several users have in common: signals from the detect agent, judged by source.

Source keys are "ip:1.2.3.4", "network:1.2.3.0/24", "device:d1", "merchant:m1" and "all".
"""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from core.events import Action
from core.records import Alert
from core.reputation import Reputation
from core.source_state import SourceState

# Kinds of signal; a source rule's `types` name those that wake it.
FAILED_LOGIN: Final = "failed_login"
LOGIN: Final = "login"
SIGNUP: Final = "signup"
NEW_USER: Final = "new_user"
NEW_CARD: Final = "new_card"
PAYMENT: Final = "payment"
FRAUD: Final = "fraud"
LEGIT: Final = "legit"
LOCKED: Final = "locked"
CUSTOM: Final = "custom"

# Flags of a login.
UNFAMILIAR: Final = 1
MOVED: Final = 2

Out = dict[str, "list[Signal]"]


class Signal(Struct, array_like=True, frozen=True, gc=False):
    """One observation for one source. about: the address of a login, the card, the rule behind a lock or a custom
    window. value: what a custom window sums; of a label, the time of the payment that it is about."""

    kind: str
    time_ms: int
    user_id: str
    event_id: str
    about: str = ""
    flags: int = 0
    value: float = 0.0


class JudgedSources(Struct):
    """counts: by metric name and rule id."""

    alerts: list[Alert]
    reputations: dict[str, Reputation]
    counts: dict[str, int]


def signals(action: Action, state: Any, seen: Any, out: Out) -> None:
    """Tell the sources what this event means to them; most events mean nothing. Called once per distinct event, after
    `observe`. Reads `seen.new_device`, `seen.new_network`, `seen.new_card` (bool) and `state.events`."""


def lock_signal(user_id: str, event_id: str, time_ms: int, rule_id: str, out: Out) -> None:
    """A rule has locked or challenged a user."""
    out.setdefault("all", []).append(Signal(LOCKED, time_ms, user_id, event_id, rule_id))


def judge_sources(
    batch: Mapping[str, list[Signal]], states: dict[str, SourceState], *, book: Any, policy: Any, now_ms: int | None
) -> JudgedSources:
    """Judge a batch of signals. states: prefilled by the caller, new ones are added."""
    return JudgedSources([], {}, {})
