"""Every open store of a process, by table and partition: opened here, so that its figures can be told."""

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from rocksdict import Cache

from tables.store import Damaged, Operations, Store, discard

logger = logging.getLogger(__name__)


class Stores:
    """They share one block cache, and those of a table its counts of operations."""

    def __init__(self, block_cache_bytes: int) -> None:
        self._block_cache = Cache(block_cache_bytes)
        self._open: dict[tuple[str, int], Store] = {}
        self.operations: dict[str, Operations] = {}
        # How many were damaged, by table.
        self.discarded: Counter[str] = Counter()

    def open(self, table: str, partition: int, path: Path, write_buffer_mib: int) -> Store:
        """Damaged files are deleted: the store is empty then, and to be recovered from its changelog. Raises OSError
        where the files can't be opened for another reason."""
        operations = self.operations.setdefault(table, Operations())
        try:
            store = Store(path, self._block_cache, write_buffer_mib, operations)
        except Damaged as error:
            logger.error("%s; it is deleted and comes back from the changelog", error)
            self.discarded[table] += 1
            discard(path)
            store = Store(path, self._block_cache, write_buffer_mib, operations)
        self._open[table, partition] = store
        return store

    @property
    def block_cache_bytes(self) -> int:
        """What is in the block cache."""
        return self._block_cache.get_usage()

    def __iter__(self) -> Iterator[tuple[str, int, Store]]:
        """Table, partition and store of those that are open."""
        self._open = {place: store for place, store in self._open.items() if not store.closed}
        return iter([(table, partition, store) for (table, partition), store in self._open.items()])
