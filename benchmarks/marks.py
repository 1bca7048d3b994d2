"""Events that tell when a partition's work begins and ends: who counts answers them, and nothing else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from agents.placing import Placing
from benchmarks.events import START_MS, Events
from core.records import encode

MARK: Final = "mark-"
BEGIN: Final = MARK + "begin-"
END: Final = MARK + "end-"


def marked(source: Events, path: Path, count: int, partitions: int) -> Events:
    """`count` events of `source`, with a mark before the first and one behind the last in each partition."""
    with path.open("wb") as out:
        out.writelines(_marks(BEGIN, partitions))
        out.writelines(line + b"\n" for line in source.lines(count))
        out.writelines(_marks(END, partitions))
    return Events(path)


def _marks(kind: str, partitions: int) -> Iterator[bytes]:
    place, waiting, number = Placing(partitions), set(range(partitions)), 0
    while waiting:
        name = f"{kind}{number}"
        number += 1
        if (partition := place(name)) in waiting:
            waiting.remove(partition)
            yield encode({"event_id": name, "type": "login", "user_id": name, "time": START_MS}) + b"\n"
