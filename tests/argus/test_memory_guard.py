import logging

import pytest

from argus.measure import Metrics
from argus.memory_guard import MIB, OVER_STATUS, MemoryGuard, resident_bytes


def test_beyond_its_bound_a_process_is_asked_to_stop_once_and_it_is_told_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    metrics, stops, size = Metrics(process="worker"), list[int](), [100 * MIB]
    guard = MemoryGuard(metrics, 100, lambda: size[0], lambda: stops.append(1))
    guard.sample()
    assert (stops, guard.status(0)) == ([], 0)
    size[0] += 1
    with caplog.at_level(logging.CRITICAL):
        guard.sample()
        guard.sample()
    assert (stops, guard.status(0), guard.status(1)) == ([1], OVER_STATUS, 1)
    assert len([record for record in caplog.records if "ARGUS_MEMORY_MAX_MB" in record.getMessage()]) == 1
    assert metrics.number("argus_memory_exceeded_total").value == 1
    assert metrics.number("argus_memory_max_bytes").value == 100 * MIB


def test_without_a_bound_nothing_stops() -> None:
    guard = MemoryGuard(Metrics(process="worker"), 0, lambda: 1 << 60, lambda: pytest.fail("stopped"))
    guard.sample()
    guard.sample()


def test_what_a_process_has_is_known() -> None:
    before = resident_bytes()
    block = bytearray(64 * MIB)
    block[::4096] = b"x" * (len(block) // 4096)
    assert resident_bytes() - before > 32 * MIB
