"""A process that runs a Faust app until it is told to stop: a worker, and those that run beside the workers."""

import logging
import os
import sys
from collections.abc import Callable, Sequence

import faust
import uvloop
from faust.worker import Worker as FaustWorker

from argus import __version__
from argus.declared import await_topics
from argus.measure import Metrics
from argus.metrics_server import Health, MetricsServer
from argus.reach import reach
from argus.sampler import LoopWatch
from argus.settings import Settings

logger = logging.getLogger(__name__)

FATAL_STATUS = 70
# The consumer's thread and the agents' take turns: with Python's 5 ms an event waits several times that long.
SWITCH_INTERVAL_S = 0.0005


def stop_at_once(error: BaseException) -> None:
    """Leave with nothing acked: what was being worked on comes again, here after a restart or in another process. A
    graceful stop would send and commit, which is what must not happen now."""
    logger.critical("the process stops: %s: %s", type(error).__name__, error, exc_info=error)
    logging.shutdown()
    os._exit(FATAL_STATUS)


def run_app(
    app: faust.App,
    settings: Settings,
    metrics: Metrics,
    health: Health,
    samples: Sequence[Callable[[], None]] = (),
    topics: Sequence[str] = (),
) -> int:
    """The exit status: 0 after SIGTERM or SIGINT. samples: called once a second on the event loop; topics: that it
    can't be without. Raises `NoBroker` where there is none after some time, `WrongTopics`, and OSError where the
    metrics port is taken."""
    metrics.info("argus_build_info", __version__)
    is_ready = metrics.number("argus_ready")
    server = MetricsServer(metrics, settings.metrics_host, settings.metrics_port, health)
    try:
        logger.info("metrics at %s", server.url)
        reach(settings)
        if topics:
            await_topics(settings, topics)
        uvloop.install()
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        faust_worker = FaustWorker(app, loglevel=None, override_logging=False, quiet=True, redirect_stdouts=False)
        faust_worker.spinner = None
        LoopWatch(metrics, (*samples, lambda: is_ready.set(float(health()[0])))).begin(faust_worker.loop)
        faust_worker.execute_from_commandline()
    except SystemExit as leaving:
        return int(leaving.code or 0)
    finally:
        server.close()
    return 0
