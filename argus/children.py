"""What `argus up` runs beside itself: command lines, environments, and how to tell that one is ready."""

import asyncio
import contextlib
import os
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from argus import broker
from argus.settings import ALIASES, PREFIX, Settings, to_environment
from argus.supervisor import Spec

ARGUS: Final = (sys.executable, "-m", "argus")
POLL_S: Final = 0.05


def environment(settings: Settings, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The settings in force, and nothing else that could be taken for one."""
    kept = {
        name: value
        for name, value in environ.items()
        if name not in ALIASES and (not name.startswith(PREFIX) or name == "ARGUS_CI")
    }
    return kept | to_environment(settings)


def broker_child(run_dir: Path, port: int) -> Spec:
    """The embedded broker. Its log is off but for panics: by default it writes a line per request."""
    return Spec("broker", broker.command(broker.binary(run_dir), port), {"RUST_LOG": "off", **os.environ})


def worker_child(argus: tuple[str, ...], settings: Settings, bootstrap: str, number: int, metrics_port: int) -> Spec:
    """A stream worker with tables and a metrics port of its own."""
    where = ("--datadir", str(settings.data_dir / f"worker-{number}"), "--metrics-port", str(metrics_port))
    return Spec(f"worker-{number}", (*argus, "worker", "--broker", bootstrap, *where), environment(settings))


def sink_child(argus: tuple[str, ...], settings: Settings, bootstrap: str, metrics_port: int = 0) -> Spec:
    """The topics' way into the database. metrics_port: 0 for one that it picks itself."""
    where = ("--metrics-port", str(metrics_port))
    return Spec("sink", (*argus, "sink", "--broker", bootstrap, *where), environment(settings))


def notify_child(argus: tuple[str, ...], settings: Settings, bootstrap: str, metrics_port: int = 0) -> Spec:
    """Tells people; with a table of its own. metrics_port: 0 for one that it picks itself."""
    where = ("--datadir", str(settings.data_dir / "notify"), "--metrics-port", str(metrics_port))
    return Spec("notify", (*argus, "notify", "--broker", bootstrap, *where), environment(settings))


def api_child(argus: tuple[str, ...], settings: Settings, bootstrap: str) -> Spec:
    """The API and the console."""
    where = ("--host", settings.api_host, "--port", str(settings.api_port))
    return Spec("api", (*argus, "serve", "--broker", bootstrap, *where), environment(settings))


def simulator_child(argus: tuple[str, ...], settings: Settings, bootstrap: str) -> Spec:
    """Simulated traffic; rate, users and seed are settings."""
    return Spec("simulator", (*argus, "simulate", "--broker", bootstrap), environment(settings))


async def healthy(host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
    """Until /health there answers 200."""
    while not await _answers(host, port, tls):  # noqa: ASYNC110 - it is another process
        await asyncio.sleep(POLL_S)


async def _answers(host: str, port: int, tls: ssl.SSLContext | None) -> bool:
    with contextlib.suppress(OSError):
        reader, writer = await asyncio.open_connection(host, port, ssl=tls)
        try:
            writer.write(f"GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            return b" 200 " in await reader.readline()
        finally:
            writer.close()
    return False
