"""Checkpoints of the audit chains, kept outside of the topic: a tail that is cut off there is found by them."""

import logging
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from core.audit import Broken, Head, read_record

logger = logging.getLogger(__name__)

FILE: Final = "audit-checkpoints.jsonl"
# A chain's newest checkpoint stands for those before it.
COMPACT_BYTES: Final = 4 * 1_024 * 1_024


class CheckpointFile:
    """One line for each checkpoint, as it is in the chain; only the newest of each partition once it is large."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with suppress(FileNotFoundError):
            # What a crash cut short.
            written = path.read_bytes()
            os.truncate(path, written.rfind(b"\n") + 1)

    def keep(self, record: bytes) -> None:
        """A file that can't be written is told in the log: the chain itself does not depend on it."""
        try:
            with _open(self._path, os.O_APPEND) as file:
                file.write(record + b"\n")
                file.flush()
                large = file.tell() > COMPACT_BYTES
            if large:
                self._compact()
        except OSError as error:
            logger.error("an audit checkpoint is not kept outside of the topic: %s", error)

    def _compact(self) -> None:
        newest: dict[int, bytes] = {}
        for line in self._path.read_bytes().splitlines():
            try:
                newest[read_record(line, None).partition] = line
            except Broken:
                continue
        fresh = self._path.with_suffix(".new")
        with _open(fresh, os.O_TRUNC) as file:
            file.writelines(line + b"\n" for line in newest.values())
        fresh.replace(self._path)


def checkpoint_files(data_dir: Path) -> list[Path]:
    """Those that workers on this machine have left below a data directory."""
    return sorted([*data_dir.glob(FILE), *data_dir.glob(f"worker-*/{FILE}")])


def heads(paths: Iterable[Path], key: bytes | None) -> tuple[Head, ...]:
    """What the chains must contain. Raises `Broken` where a checkpoint is not whole in itself, OSError where a file
    can't be read. A last line without its end is one that a crash cut short."""
    found = []
    for path in paths:
        lines = path.read_bytes().split(b"\n")
        for number, line in enumerate(lines[:-1], 1):
            try:
                record = read_record(line, key)
            except Broken as broken:
                what = f"{path}, line {number} is no checkpoint of these chains: {broken.what}"
                raise Broken(what, broken.partition, broken.sequence) from None
            found.append(Head(record.partition, record.sequence, record.hash, f"the checkpoint file {path}"))
    return tuple(found)


def _open(path: Path, flags: int) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | flags, 0o600), "wb")
