"""What a process holds, read from outside: through /proc, on its disk, and by the gauges that it shows Prometheus."""

import os
import urllib.request
from collections import defaultdict
from pathlib import Path

from argus.ports import LOOPBACK
from benchmarks.process import memory_mib

MIB = 1 << 20
# Gauge to what one of its units is in ours.
GAUGES = {
    "argus_rocksdb_memtable_bytes": MIB,
    "argus_rocksdb_block_cache_bytes": MIB,
    "argus_table_bytes": MIB,
    "argus_table_keys": 1,
    "argus_consumer_lag_records": 1,
    "argus_agent_in_flight_records": 1,
    "argus_label_records": 1,
}


class Series(defaultdict[str, list[tuple[float, float]]]):
    """Samples by the name of the quantity: seconds since the run began, and value."""

    def __init__(self) -> None:
        super().__init__(list)

    def add(self, at_s: float, name: str, value: float) -> None:
        self[name].append((at_s, value))


def sample_process(series: Series, at_s: float, name: str, pid: int) -> None:
    """Memory, threads and open files."""
    series.add(at_s, f"{name} memory", memory_mib(pid))
    series.add(at_s, f"{name} threads", len(list(Path(f"/proc/{pid}/task").iterdir())))
    series.add(at_s, f"{name} open files", len(list(Path(f"/proc/{pid}/fd").iterdir())))


def sample_disk(series: Series, at_s: float, name: str, directory: Path) -> None:
    """What the files of a directory take. They come and go meanwhile."""
    total = 0
    for path in directory.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    series.add(at_s, f"{name} disk", total / MIB)


def sample_gauges(series: Series, at_s: float, name: str, port: int) -> None:
    """The gauges of a worker, each summed over its labels, and what memory it has besides RocksDB's own buffers."""
    found = gauges(metrics(port))
    for gauge, value in found.items():
        series.add(at_s, gauge, value)
    buffers = found["argus_rocksdb_memtable_bytes"] + found["argus_rocksdb_block_cache_bytes"]
    series.add(at_s, f"{name} memory beside RocksDB's buffers", series[f"{name} memory"][-1][1] - buffers)


class Processors:
    """How much of the machine's processors others have than this process and those that it has started."""

    def __init__(self) -> None:
        self._before = self._now()

    def others(self) -> float:
        """Share of all processor time since the last call, 0..1; what a hypervisor took away counts too."""
        total, busy, own = (now - before for now, before in zip(self._now(), self._before, strict=True))
        self._before = self._now()
        return min(1.0, max(0.0, busy - own) / total) if total > 0 else 0.0

    @staticmethod
    def _now() -> tuple[float, float, float]:
        """Ticks of all processors, those of them that were used, and those that the family used."""
        user, nice, system, idle, waiting, *interrupts = (
            int(each) for each in Path("/proc/stat").read_text("utf-8").partition("\n")[0].split()[1:9]
        )
        busy = user + nice + system + sum(interrupts)
        return busy + idle + waiting, busy, family_ticks(os.getpid())


def family_ticks(pid: int) -> int:
    """Processor time of a process and of all below it, those that have ended too."""
    ticks: dict[int, int] = {}
    below: dict[int, list[int]] = defaultdict(list)
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text("utf-8").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        number = int(path.parent.name)
        below[int(fields[1])].append(number)
        ticks[number] = sum(map(int, fields[11:15]))
    total, waiting = 0, [pid]
    while waiting:
        number = waiting.pop()
        total += ticks.get(number, 0)
        waiting += below[number]
    return total


def metrics(port: int) -> str:
    """What a process of this machine tells Prometheus now. Raises OSError before it does."""
    with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/metrics", timeout=60) as answer:
        text: str = answer.read().decode()
        return text


def gauges(exposition: str) -> dict[str, float]:
    """Those of `GAUGES`, in our units."""
    found = dict.fromkeys(GAUGES, 0.0)
    for line in exposition.splitlines():
        name = line.partition("{")[0].partition(" ")[0]
        if name in found:
            found[name] += float(line.rpartition(" ")[2]) / GAUGES[name]
    return found
