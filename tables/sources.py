"""A source's state as bytes, at most `core.source_state.STATE_MAX_BYTES` of them."""

from typing import Final

from core.source_state import VERSION, SourceState
from tables.versions import Codec

SOURCES: Final = Codec(SourceState, VERSION, "a source's state", oldest=1)
