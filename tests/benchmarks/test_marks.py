"""Marks are the first and the last that a partition has."""

from pathlib import Path

from agents.placing import Placing
from benchmarks.events import simulated
from benchmarks.marks import BEGIN, END, marked


def test_each_partition_has_a_mark_before_and_behind_its_events(tmp_path: Path) -> None:
    source, place = simulated(tmp_path / "e.jsonl", 1_000, 50), Placing(4)
    heads = list(marked(source, tmp_path / "marked.jsonl", 500, 4).heads())
    assert [head.event_id for head in heads[4:-4]] == [head.event_id for head in source.heads(500)]
    for kind, marks in ((BEGIN, heads[:4]), (END, heads[-4:])):
        assert {place(mark.user_id) for mark in marks} == {0, 1, 2, 3}
        assert all(mark.event_id.startswith(kind) for mark in marks)
