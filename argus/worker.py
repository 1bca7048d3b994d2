"""`argus worker`: one stream worker, until it is told to stop."""

import logging
import os

import uvloop
from faust.worker import Worker as FaustWorker

from argus.app import build
from argus.metrics_server import MetricsServer
from argus.settings import Settings

logger = logging.getLogger(__name__)

FATAL_STATUS = 70


def stop_at_once(error: BaseException) -> None:
    """Leave with nothing acked: what was being worked on comes again, here after a restart or at another worker. A
    graceful stop would send and commit, which is what must not happen now."""
    logger.critical("the worker stops: %s: %s", type(error).__name__, error, exc_info=error)
    logging.shutdown()
    os._exit(FATAL_STATUS)


def run(settings: Settings) -> int:
    """The exit status: 0 after SIGTERM or SIGINT."""
    worker = build(settings, stop_at_once)
    server = MetricsServer(worker.metrics, settings.metrics_host, settings.metrics_port, worker.health)
    logger.info("metrics at %s", server.url)
    uvloop.install()
    faust_worker = FaustWorker(worker.app, loglevel=None, override_logging=False, quiet=True, redirect_stdouts=False)
    faust_worker.spinner = None
    try:
        faust_worker.execute_from_commandline()
    except SystemExit as leaving:
        return int(leaving.code or 0)
    finally:
        server.close()
    return 0
