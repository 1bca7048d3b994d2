"""Canaries: events of users who do not exist, one on each partition, by which Argus tells that it decides.

A canary's event goes the way of every other: its user's state is loaded, rules and models are asked, it is written to
the changelog and has its one decision. It is left out of what is learnt, of alerts, of the audit, of the database and
of all counts. It is known by a header of its record *and* by its user's id: no user's own event can pass for one.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from core.clock import rfc3339

HEADER: Final = "argus-canary"
HEADERS: Final = ((HEADER, b"1"),)
USER_PREFIX: Final = "argus-canary-"


def canary_user(partition: int, place: Callable[[str], int]) -> str:
    """The canary of a partition, where `place` puts its events too."""
    number = 0
    while place(f"{USER_PREFIX}{partition}-{number}") != partition:
        number += 1
    return f"{USER_PREFIX}{partition}-{number}"


def canary_event(user_id: str, sent_ms: int) -> dict[str, Any]:
    """An event that wakes no rule."""
    return {
        "event_id": f"{user_id}-{sent_ms}",
        "type": "page_view",
        "user_id": user_id,
        "time": rfc3339(sent_ms),
        "path": "/argus-canary",
    }


def is_canary(headers: Sequence[tuple[str, bytes]], user_id: str) -> bool:
    """Whether an event is one."""
    return user_id.startswith(USER_PREFIX) and has_header(headers)


def has_header(headers: Sequence[tuple[str, bytes]]) -> bool:
    """Whether a record that Argus wrote, a decision, is of one."""
    return any(name == HEADER for name, _ in headers)
