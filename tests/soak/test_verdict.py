"""What the soak says of series that are made up: a leak, and what only looks like one."""

import os
from collections.abc import Callable
from random import Random

import pytest

from tests.soak.report import BOUNDS, broken, verdicts
from tests.soak.sampling import Processors, Series, family_ticks, gauges
from tests.soak.soak import Soaked
from tests.soak.verdict import Bound, judge, spells_of

MEMORY = next(bound for bound in BOUNDS if bound.name == "worker memory beside RocksDB's buffers")
WARM_S, END_S = 100.0, 300.0


def sampled(value: Callable[[float], float], end_s: float = END_S) -> list[tuple[float, float]]:
    return [(at, value(at)) for at in range(0, int(end_s), 2)]


def noise(seed: int, most: float) -> Callable[[], float]:
    rng = Random(seed)
    return lambda: rng.uniform(-most, most)


def test_a_leak_of_250_bytes_for_each_event_is_found_in_five_minutes() -> None:
    # At 1,500 events a second; beside it what an allocator gives and takes.
    leak_mib_per_s, jitter = 250 * 1_500 / 2**20, noise(1, 4.0)
    found = judge(MEMORY, sampled(lambda at: 250 + leak_mib_per_s * at + jitter()), WARM_S, END_S)
    assert found.verdict == "grows"
    assert found.low > found.allowed


def test_a_slow_leak_is_found_in_half_an_hour_where_five_minutes_cannot_tell() -> None:
    jitter = noise(2, 4.0)

    def leaking(at: float) -> float:
        return 250 + 120 / 3_600 * at + jitter()

    assert judge(MEMORY, sampled(leaking), WARM_S, END_S).verdict != "grows"
    assert judge(MEMORY, sampled(leaking, 1_800.0), 600.0, 1_800.0).verdict == "grows"


def test_a_young_heap_that_grows_by_a_step_is_no_leak() -> None:
    jitter = noise(4, 4.0)
    young = sampled(lambda at: 250 + 0.1 * at + (45.0 if at >= 200 else 0.0) + jitter())
    assert judge(MEMORY, young, WARM_S, END_S).verdict == "unclear"
    settled = [(at + 600.0, value) for at, value in young]
    assert judge(MEMORY, settled, 600.0 + WARM_S, 600.0 + END_S).verdict == "grows"


@pytest.mark.parametrize("seed", range(5))
def test_noise_outliers_and_a_warm_up_are_no_leak(seed: int) -> None:
    jitter = noise(seed, 4.0)

    def steady(at: float) -> float:
        warming = 250 * min(1.0, at / WARM_S)
        return warming + jitter() + (80.0 if int(at) % 26 == 0 else 0.0)

    assert judge(MEMORY, sampled(steady), WARM_S, END_S).verdict == "flat"


def test_what_is_built_up_and_compacted_away_again_does_not_grow() -> None:
    sawtooth = sampled(lambda at: 40 + at % 40)
    assert judge(Bound("disk", "MiB", noise=40), sawtooth, WARM_S, END_S).verdict == "flat"


def test_files_that_are_never_closed_are_found() -> None:
    files = next(bound for bound in BOUNDS if bound.name == "worker open files")
    assert judge(files, sampled(lambda at: 80 + at // 6), WARM_S, END_S).verdict == "grows"
    assert judge(files, sampled(lambda _at: 80), WARM_S, END_S).verdict == "flat"


def test_latency_that_rises_with_what_waits_is_found() -> None:
    latency = next(bound for bound in BOUNDS if bound.name == "latency p50")
    jitter = noise(3, 15.0)
    assert judge(latency, sampled(lambda at: 40 + 10 * at + jitter()), WARM_S, END_S).verdict == "grows"
    assert judge(latency, sampled(lambda _at: 40 + jitter()), WARM_S, END_S).verdict == "flat"


def test_too_few_samples_are_no_verdict() -> None:
    with pytest.raises(ValueError, match=r"worker memory .*: 1 spells"):
        judge(MEMORY, [(100.0, 1.0)], WARM_S, END_S)


def test_a_spell_is_told_by_its_median_and_left_out_where_it_is_empty() -> None:
    samples = [(0.0, 1.0), (1.0, 9.0), (2.0, 2.0), (9.0, 5.0), (12.0, 7.0)]
    assert spells_of(samples, 0.0, 12.0) == [(2.0, 2.0), (10.0, 5.0)]


def run_of(series: Series, decided: int = 10) -> Soaked:
    return Soaked(2_000.0, 1_400.0, 10, decided, WARM_S, END_S, series)


def test_a_run_fails_by_what_grows_and_by_what_is_missing() -> None:
    series = Series()
    for bound in BOUNDS:
        for at_s, value in sampled(lambda _at: 100.0):
            series.add(at_s, bound.name, value)
    steady = run_of(series)
    assert broken(steady, verdicts(steady)) == []
    short = run_of(series, decided=9)
    assert broken(short, verdicts(short)) == ["10 events were sent, 9 decisions came"]
    series["sink memory"] = sampled(lambda at: 100 + at)
    leaking = run_of(series)
    assert broken(leaking, verdicts(leaking)) == ["sink memory grows"]


def test_late_answers_are_not_held_against_argus_where_others_have_the_machine() -> None:
    series = Series()
    for bound in BOUNDS:
        series[bound.name] = sampled((lambda at: 100 + 50 * at) if bound.alone else (lambda _at: 100.0))
    alone = run_of(series)
    assert broken(alone, verdicts(alone)) == ["latency p50 grows", "latency p99 grows"]
    series["others"] = sampled(lambda _at: 0.4)
    beside = run_of(series)
    assert broken(beside, verdicts(beside)) == []
    assert [one.verdict for one in verdicts(beside)][-2:] == ["not judged"] * 2
    series["worker memory"] = series["worker threads"] = sampled(lambda at: 100 + at)
    assert broken(beside, verdicts(beside)) == ["worker threads grows"]


def test_what_others_have_of_the_processors_is_a_share() -> None:
    processors = Processors()
    assert 0.0 <= processors.others() <= 1.0
    assert family_ticks(os.getpid()) > 0


def test_gauges_are_summed_over_their_labels_in_mebibytes() -> None:
    text = (
        "# HELP argus_rocksdb_memtable_bytes x\n"
        'argus_rocksdb_memtable_bytes{table="users"} 1048576.0\n'
        'argus_rocksdb_memtable_bytes{table="cases"} 2097152.0\n'
        "argus_rocksdb_block_cache_bytes 524288.0\n"
        "argus_rocksdb_block_cache_bytes_more 9.0\n"
    )
    found = gauges(text)
    assert found["argus_rocksdb_memtable_bytes"] == 3.0
    assert found["argus_rocksdb_block_cache_bytes"] == 0.5
