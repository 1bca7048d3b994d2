"""The arithmetic of `argus bench workers`."""

import pytest

from benchmarks.workers import Together, partitions_of


def test_how_many_cores_the_workers_had_is_their_time_for_each_second() -> None:
    assert Together(rate=10_000.0, cpu_us=150.0).cores == pytest.approx(1.5)


def test_a_worker_that_is_not_ready_works_on_no_partition() -> None:
    text = "argus_ready {}\nargus_assigned_partitions 2.0\n"
    assert partitions_of(text.format("1.0")) == 2
    assert partitions_of(text.format("0.0")) == 0
    assert partitions_of("") == 0
