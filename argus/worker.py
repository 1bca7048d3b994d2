"""`argus worker`: one stream worker, until it is told to stop."""

import gc
from typing import Final

from argus.app import build
from argus.process import run_app, stop_at_once
from argus.settings import Settings

# Batches make many objects and few cycles; to walk all of them as often as Python does by default took a seventh of
# the worker's time.
GC_THRESHOLDS: Final = (50_000, 20, 50)


def run(settings: Settings) -> int:
    """The exit status: 0 after SIGTERM or SIGINT."""
    worker = build(settings, stop_at_once)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    return run_app(worker.app, settings, worker.metrics, worker.health, worker.samples)
