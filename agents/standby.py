"""One standby: the store of a partition that another worker owns, kept fresh from its changelog.

It is nothing but that store, in the directory that the partition's owner would use, and brought on by the same
`Recovery` as a takeover's. So a takeover on this worker finds a store like any other, with little left to read.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from agents.journal import Entry
from agents.recovering import Recovery
from agents.stores import Stores
from tables.store import Store, discard

# Nobody reads a standby, so it needs no cache, and what it has yet to write may be small.
WRITE_BUFFER_MIB: Final = 4
# What standbys leave of the disk, for those partitions that are worked on.
FREE_SHARE: Final = 0.05


class Place(NamedTuple):
    """A table's partition."""

    table: str
    partition: int


class NoRoom(OSError):
    """The disk has less free than is left to the partitions that are worked on."""


def free_share(path: Path) -> float:
    """The free share of the disk that has `path`, 0 to 1. Raises OSError."""
    usage = shutil.disk_usage(path)
    return usage.free / usage.total


class Standby:
    """An open copy. Raises OSError from `take` and `close`: there is no room, the files can't be used."""

    def __init__(self, store: Store, free: Callable[[Path], float] = free_share) -> None:
        """free: see `free_share`."""
        self._store = store
        self._free = free
        self._recovery = Recovery(store)
        # The changelog's end when it was last heard of, on the embedded broker short of it by its last batch.
        self.end: int | None = None

    @classmethod
    def open(cls, stores: Stores, place: Place, path: Path, free: Callable[[Path], float] = free_share) -> "Standby":
        """Damaged files are deleted, and the copy begins anew. Raises OSError, with nothing left open."""
        store = stores.open(place.table, place.partition, path, WRITE_BUFFER_MIB)
        try:
            return cls(store, free)
        except OSError:
            store.close()
            raise

    @property
    def next_offset(self) -> int:
        """Where to read on."""
        return self._recovery.next_offset

    @property
    def lag_records(self) -> int | None:
        """Records of the changelog that are not in here; None before its end was heard of."""
        return None if self.end is None else max(0, self.end - self.next_offset)

    def take(self, entries: Sequence[Entry]) -> None:
        """Store the next entries of the changelog. Raises `NoRoom` before anything is stored, `OSError` where it
        can't be."""
        if self._free(self._store.path.parent) < FREE_SHARE:
            raise NoRoom(f"the disk of {self._store.path} has less than {FREE_SHARE:.0%} free")
        self._recovery.take(entries)

    def close(self) -> None:
        self._store.close()

    def drop(self) -> None:
        """Close it and delete its files, since they take room that others need."""
        try:
            self.close()
        finally:
            discard(self._store.path)
