"""One partition's state on local disk: a RocksDB of byte keys and byte values, written a batch at a time.

A batch carries the changelog offset it stands for, in the same atomic write, so that a store always knows exactly
how much of its changelog it holds. The write-ahead log is not synced: a killed process loses nothing, a machine that
loses power loses the tail, offset included, and recovery reads that tail again.
"""

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from rocksdict import BlockBasedOptions, Cache, DBCompressionType, Options, Rdict, WriteBatch

OFFSET_KEY = b"\x00offset"
MEBIBYTE = 1024 * 1024
# In a store's directory: damage was found there. RocksDB leaves files alone whose names it does not know.
MARK = "DAMAGED"
DAMAGE = re.compile(r"Corruption|IO error: No such file or directory: .*(MANIFEST-|\.sst)")
STALLED = re.compile(r"Cumulative stall: (\d+):(\d+):([\d.]+) H:M:S")


def options(block_cache: Cache, write_buffer_mib: int) -> Options:
    """RocksDB's settings for small values with point reads. block_cache: shared by every store of the process
    (RocksDB's own default would be a cache for each)."""
    blocks = BlockBasedOptions()
    blocks.set_block_cache(block_cache)
    blocks.set_bloom_filter(10, False)
    result = Options(raw_mode=True)
    result.create_if_missing(True)
    result.set_block_based_table_factory(blocks)
    result.set_write_buffer_size(write_buffer_mib * MEBIBYTE)
    result.set_max_write_buffer_number(2)
    result.set_compression_type(DBCompressionType.lz4())
    result.set_max_open_files(256)
    result.set_keep_log_file_num(2)
    result.set_max_total_wal_size(4 * write_buffer_mib * MEBIBYTE)
    return result


class Damaged(OSError):
    """The files are not what was written. The changelog has all of it: `discard` them, and recover."""


class Operations:
    """How many keys were read, written and deleted; of one table, whose stores share it."""

    def __init__(self) -> None:
        self.gets = self.puts = self.deletes = 0


class Store:
    """A partition's keys. Keys starting with a zero byte are the store's own."""

    def __init__(
        self, path: Path, block_cache: Cache, write_buffer_mib: int = 16, operations: Operations | None = None
    ) -> None:
        """Open or create. Raises `Damaged` where the files are, or were found to be by who had them open last, and
        `OSError` where they can't be opened for another reason (another process has them, or there is no room); both
        name the path."""
        self.path = path
        self.closed = False
        self._operations = operations or Operations()
        path.parent.mkdir(parents=True, exist_ok=True)
        if (path / MARK).exists():
            raise Damaged(f"the state in {path} was found to be damaged")
        try:
            self._db = Rdict(str(path), options(block_cache, write_buffer_mib))
        except Exception as error:  # rocksdict raises bare Exception
            kind = Damaged if DAMAGE.match(str(error)) else OSError
            raise kind(f"cannot open the state in {path}: {error}") from error

    @property
    def next_offset(self) -> int:
        """The changelog offset to read on from: one behind the last record that is in here."""
        stored = self.get(OFFSET_KEY)
        return int.from_bytes(stored, "big") if stored else 0

    def get(self, key: bytes) -> bytes | None:
        self._operations.gets += 1
        try:
            value: bytes | None = self._db.get(key)
        except Exception as error:
            raise self._failure(error) from error
        return value

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        """Values in the order of `keys`, None where there is none."""
        self._operations.gets += len(keys)
        try:
            values: list[bytes | None] = self._db.get(keys) if keys else []
        except Exception as error:
            raise self._failure(error) from error
        return values

    def write(self, changes: Mapping[bytes, bytes | None], offset: int) -> None:
        """Put and (None) delete, all or nothing, and remember `offset` as the next to read on from."""
        batch, deletes = WriteBatch(raw_mode=True), 0
        for key, value in changes.items():
            if value is None:
                batch.delete(key)
                deletes += 1
            else:
                batch.put(key, value)
        self._operations.puts += batch.len() - deletes
        self._operations.deletes += deletes
        batch.put(OFFSET_KEY, offset.to_bytes(8, "big"))
        try:
            self._db.write(batch)
        except Exception as error:
            raise self._failure(error) from error

    def scan(self, prefix: bytes, start: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
        """Keys with `prefix` in byte order, from `start` on."""
        last = start if start is not None else prefix
        for key, value in self._db.items(from_key=last):
            if not key.startswith(prefix):
                return
            last = key
            yield key, value
        # It ends behind the last key and, without a word, at a damaged block.
        try:
            at_end = self._db.iter()
            at_end.seek(last)
            if at_end.valid():
                at_end.next()
            at_end.status()
        except Exception as error:
            raise self._failure(error) from error

    def statistics(self) -> dict[str, int]:
        """RocksDB's own figures: estimated keys, bytes on disk and in memory, bytes that wait for compaction."""
        names = {
            "keys": "rocksdb.estimate-num-keys",
            "bytes": "rocksdb.total-sst-files-size",
            "memtable_bytes": "rocksdb.cur-size-all-mem-tables",
            "pending_compaction_bytes": "rocksdb.estimate-pending-compaction-bytes",
        }
        return {name: self._db.property_int_value(key) or 0 for name, key in names.items()}

    def stalled_s(self) -> float:
        """How long RocksDB has held writes back since the store was opened."""
        found = STALLED.search(self._db.property_value("rocksdb.dbstats") or "")
        return int(found[1]) * 3_600 + int(found[2]) * 60 + float(found[3]) if found else 0.0

    def close(self) -> None:
        self.closed = True
        try:
            self._db.close()
        except Exception as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> OSError:
        """What rocksdict's bare exception means. Damage is marked, for whoever opens the store next: RocksDB itself
        finds most of it only where it reads."""
        if not DAMAGE.match(str(error)):
            return OSError(f"the state in {self.path}: {error}")
        with suppress(OSError):
            (self.path / MARK).touch()
        return Damaged(f"the state in {self.path} is damaged: {error}")


def discard(path: Path) -> None:
    """Delete a store's files; its changelog has all of it."""
    shutil.rmtree(path, ignore_errors=True)
