"""`argus worker`: one stream worker, until it is told to stop."""

import msgspec

from argus import collector
from argus.app import build, topic_names
from argus.lease import alone
from argus.memory_guard import MemoryGuard
from argus.process import run_app, stop_at_once
from argus.settings import Settings


def run(settings: Settings) -> int:
    """The exit status: 0 after SIGTERM or SIGINT; see `argus.memory_guard` for another."""
    with alone(settings.data_dir, "worker"):
        worker = build(settings, stop_at_once)
        collector.spare()
        topics = msgspec.structs.astuple(topic_names(settings))
        guard = MemoryGuard(worker.metrics, settings.memory_max_mb)
        samples = (*worker.samples, guard.sample)
        return guard.status(run_app(worker.app, settings, worker.metrics, worker.health, samples, topics))
