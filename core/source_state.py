"""What is kept of a source (an address, a network, a device, a merchant, or all of them together)."""

from typing import Any, Final

from msgspec import Struct, field

from core.reputation import Reputation

VERSION: Final = 1


class SourceState(Struct, array_like=True):
    """See `core.sources`."""

    version: int = VERSION
    key: str = ""
    clock_ms: int = 0
    first_ms: int = 0
    groups: dict[str, Any] = field(default_factory=dict)
    reputation: Reputation | None = None
