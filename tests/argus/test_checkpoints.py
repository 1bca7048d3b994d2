"""Checkpoints kept in a file beside the topic."""

import logging
import stat
from pathlib import Path

import pytest

from argus.checkpoints import COMPACT_BYTES, FILE, CheckpointFile, checkpoint_files, heads
from core.audit import Broken, Chain

KEY = b"k" * 32
TIME = "2026-03-02T12:00:00.000Z"


def checkpoints(count: int, partition: int = 0) -> list[bytes]:
    chain = Chain(partition=partition)
    return [chain.append_checkpoint(0, TIME, KEY) for _ in range(count)]


def test_what_is_kept_is_what_chains_must_contain(tmp_path: Path) -> None:
    file = CheckpointFile(tmp_path / FILE)
    for record in checkpoints(2) + checkpoints(1, partition=1):
        file.keep(record)
    found = heads([tmp_path / FILE], KEY)
    assert [(head.partition, head.sequence) for head in found] == [(0, 1), (0, 2), (1, 1)]
    assert {head.source for head in found} == {f"the checkpoint file {tmp_path / FILE}"}
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_a_large_file_keeps_the_newest_of_each_partition(tmp_path: Path) -> None:
    path = tmp_path / FILE
    old = b"".join(line + b"\n" for line in checkpoints(2) + checkpoints(2, partition=1))
    path.write_bytes(b"x" * COMPACT_BYTES + b"\n" + old)
    CheckpointFile(path).keep(checkpoints(3)[-1])
    assert [(head.partition, head.sequence) for head in heads([path], KEY)] == [(0, 3), (1, 2)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_can_not_be_written_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        CheckpointFile(tmp_path / "away" / FILE).keep(checkpoints(1)[0])
    assert "not kept outside of the topic" in caplog.text


def test_a_line_that_was_changed_is_named_and_one_that_was_cut_short_is_not_there_yet(tmp_path: Path) -> None:
    path = tmp_path / FILE
    one, two = checkpoints(2)
    path.write_bytes(one + b"\n" + two[:50])
    assert len(heads([path], KEY)) == 1
    CheckpointFile(path).keep(two)
    assert len(heads([path], KEY)) == 2
    path.write_bytes(one + b"\n" + two.replace(b'"records":0', b'"records":7') + b"\n")
    with pytest.raises(Broken, match="line 2 is no checkpoint of these chains"):
        heads([path], KEY)


def test_workers_files_are_found_below_a_data_directory(tmp_path: Path) -> None:
    for name in ("", "worker-0", "worker-1", "other"):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / FILE).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in checkpoint_files(tmp_path)]
    assert found == [FILE, f"worker-0/{FILE}", f"worker-1/{FILE}"]
