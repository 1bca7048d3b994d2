"""A subject's cases as bytes."""

from typing import Final

from core.case_state import VERSION, CaseState
from tables.versions import Codec

CASES: Final = Codec(CaseState, VERSION, "a subject's cases")
