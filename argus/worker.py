"""`argus worker`: one stream worker, until it is told to stop."""

from argus.app import build
from argus.process import run_app, stop_at_once
from argus.settings import Settings


def run(settings: Settings) -> int:
    """The exit status: 0 after SIGTERM or SIGINT."""
    worker = build(settings, stop_at_once)
    return run_app(worker.app, settings, worker.metrics, worker.health)
