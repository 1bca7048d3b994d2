"""Single events for tests of rules."""

from typing import Any

import msgspec

from core.events import Action, decode_action, nowhere
from tests.core.story import MONDAY_MS


def an_action(*, at: float = 0, **fields: Any) -> Action:
    """The contract's event in `fields`, `at` seconds into the story."""
    event = {"event_id": f"e{at:g}", "type": "login", "user_id": "u1", "time": MONDAY_MS + int(at * 1000), **fields}
    return decode_action(msgspec.json.encode(event), now_ms=None, locate=nowhere)
