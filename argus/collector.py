"""Python's garbage collector, for a process that judges events."""

import gc
from typing import Final

# Batches make many objects and few cycles; to walk all of them as often as Python does by default took a seventh of
# the time.
THRESHOLDS: Final = (50_000, 20, 50)


def spare() -> None:
    """Leave alone what is there already, and walk the rest seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
