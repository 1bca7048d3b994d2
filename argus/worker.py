"""`argus worker`: one stream worker, until it is told to stop."""

import gc
from typing import Final

import msgspec

from argus.app import build, topic_names
from argus.lease import alone
from argus.memory_guard import MemoryGuard
from argus.process import run_app, stop_at_once
from argus.settings import Settings

# Batches make many objects and few cycles; to walk all of them as often as Python does by default took a seventh of
# the worker's time.
GC_THRESHOLDS: Final = (50_000, 20, 50)


def run(settings: Settings) -> int:
    """The exit status: 0 after SIGTERM or SIGINT; see `argus.memory_guard` for another."""
    with alone(settings.data_dir, "worker"):
        worker = build(settings, stop_at_once)
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        topics = msgspec.structs.astuple(topic_names(settings))
        guard = MemoryGuard(worker.metrics, settings.memory_max_mb)
        samples = (*worker.samples, guard.sample)
        return guard.status(run_app(worker.app, settings, worker.metrics, worker.health, samples, topics))
