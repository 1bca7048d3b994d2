"""Every open store of a process, by table and partition: opened here, so that its figures can be told."""

from collections.abc import Iterator
from pathlib import Path

from rocksdict import Cache

from tables.store import Operations, Store


class Stores:
    """They share one block cache, and those of a table its counts of operations."""

    def __init__(self, block_cache_bytes: int) -> None:
        self._block_cache = Cache(block_cache_bytes)
        self._open: dict[tuple[str, int], Store] = {}
        self.operations: dict[str, Operations] = {}

    def open(self, table: str, partition: int, path: Path, write_buffer_mib: int) -> Store:
        """Raises OSError where the files can't be opened."""
        operations = self.operations.setdefault(table, Operations())
        store = self._open[table, partition] = Store(path, self._block_cache, write_buffer_mib, operations)
        return store

    @property
    def block_cache_bytes(self) -> int:
        """What is in the block cache."""
        return self._block_cache.get_usage()

    def __iter__(self) -> Iterator[tuple[str, int, Store]]:
        """Table, partition and store of those that are open."""
        self._open = {place: store for place, store in self._open.items() if not store.closed}
        return iter([(table, partition, store) for (table, partition), store in self._open.items()])
