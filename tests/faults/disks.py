"""A disk that is full when a test says so."""

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.workers import Worker

SMALL = "3m"
LARGE = "256m"
LIMIT_BYTES = 64 * 1024


class Disk:
    """A file system of `SMALL` size where mounting is allowed; elsewhere the nearest there is, a limit to the size of
    a worker's files, which fails its writes just so but with another error number."""

    def __init__(self, path: Path, mounted: bool) -> None:
        self.path = path
        self.mounted = mounted
        # What a worker says that cannot write.
        self.words = "No space left on device" if mounted else "File too large"

    def fill(self, worker: Worker) -> None:
        """A small disk is soon full by itself."""
        if not self.mounted:
            assert worker.process is not None
            resource.prlimit(worker.process.pid, resource.RLIMIT_FSIZE, (LIMIT_BYTES, LIMIT_BYTES))

    def make_room(self) -> None:
        if self.mounted:
            subprocess.run(["mount", "-o", f"remount,size={LARGE}", self.path], check=True)


@contextmanager
def small_disk(path: Path) -> Iterator[Disk]:
    path.mkdir()
    tried = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "none", path], capture_output=True)
    try:
        yield Disk(path, mounted=tried.returncode == 0)
    finally:
        if tried.returncode == 0:
            subprocess.run(["umount", "--lazy", path], check=True)
