"""A data directory: made private, held by one supervisor at a time, and known to belong to one broker's contents."""

import contextlib
import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import click


class InUse(click.ClickException):
    """Another process has the directory."""

    exit_code = 2


@contextlib.contextmanager
def held(data_dir: Path) -> Iterator[Path]:
    """Makes and locks it; gives the run directory inside. The lock goes with the process, however that ends."""
    run_dir = data_dir / "run"
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    run_dir.mkdir(mode=0o700, exist_ok=True)
    with (run_dir / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            pid = lock.read().strip()
            raise InUse(
                f"another `argus up`{f' (pid {pid})' if pid else ''} runs on {data_dir}: "
                "stop it, or give this one a --data-dir of its own"
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        for stale in run_dir.glob("*.pid"):
            stale.unlink()
        yield run_dir


@contextlib.contextmanager
def alone(data_dir: Path, role: str) -> Iterator[None]:
    """Makes it, and keeps others of that role out of it: they would have each other's tables. A lock of the process,
    which goes with it however that ends, and which a child that outlives it does not have. Raises OSError where
    nothing can be written there."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data_dir / f"{role}.lock").open("a+") as lock:
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            pid = lock.read().strip()
            raise InUse(
                f"another {role}{f' (pid {pid})' if pid else ''} has its tables in {data_dir}: "
                "stop it, or give this one a --data-dir of its own"
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def belong_to(data_dir: Path, incarnation: str) -> bool:
    """Makes the tables belong to the contents of one broker. Tables made from another one's are wiped: their
    offsets would swallow new events. Whether any were."""
    mark = data_dir / "incarnation"
    same = mark.exists() and mark.read_text().strip() == incarnation
    wiped = False
    if not same:
        for directory in data_dir.glob("*"):
            ours = re.fullmatch(r"worker-\d+|notify", directory.name)
            if ours and directory.is_dir() and not directory.is_symlink():
                shutil.rmtree(directory)
                wiped = True
        mark.write_text(f"{incarnation}\n")
    return wiped
