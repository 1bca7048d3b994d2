import random

import numpy as np
import pytest

from core.clock import DAY, HOUR
from core.feature_groups import FEATURE_GROUPS
from core.features import FEATURES
from models.stability import EVERY, FIRST_ROWS, MUCH, NOTED, Stability, indices

NAMES = ("spread", "rare", "same")
GROUPS = {"often": ("spread", "same"), "seldom": ("rare",), "elsewhere": ("other",)}
ENOUGH = EVERY * (FIRST_ROWS + 1_024)


def rows(count: int, *, shift: float = 0.0, rare: float = 0.03, seed: int = 1) -> list[list[float]]:
    source = random.Random(seed)
    return [
        [min(1.0, source.random() * 0.7 + shift), source.random() if source.random() < rare else 0.0, 0.5]
        for _ in range(count)
    ]


def shown(parts: list[list[list[float]]], *, batch: int = 500, hours: float = 48) -> Stability:
    """Parts of so many hours each."""
    stability, clock_ms = Stability(NAMES, GROUPS), 1_000_000.0
    for part in parts:
        for start in range(0, len(part), batch):
            stability.take(part[start : start + batch], int(clock_ms))
            clock_ms += hours * HOUR * min(batch, len(part) - start) / len(part)
    return stability


def test_alike_is_0_and_the_index_grows_with_the_shift_to_either_side() -> None:
    before = np.array([[50.0, 50.0], [50.0, 50.0], [50.0, 50.0], [0.0, 10.0]])
    now = np.array([[5.0, 5.0], [4.5, 5.5], [90.0, 10.0], [10.0, 0.0]])
    same, small, large, gone = indices(before, now).tolist()
    assert same == 0
    assert 0 < small < NOTED < MUCH < large < gone < 20
    assert indices(now, before).tolist() == pytest.approx([same, small, large, gone])


def test_nothing_is_told_before_enough_was_seen_and_stable_rows_are_stable() -> None:
    assert shown([rows(EVERY * (FIRST_ROWS - 1))]).index == {}
    told = shown([rows(2 * ENOUGH)]).index
    assert set(told) == {"often", "seldom"}
    assert max(told.values()) < 0.03


def test_a_shift_is_told_in_its_group_and_fades_as_it_becomes_usual() -> None:
    calm, other = rows(4 * ENOUGH), rows(2 * ENOUGH, shift=0.3, seed=2)
    told = shown([calm, other[: len(other) // 2]]).index
    assert told["often"] > MUCH
    assert told["seldom"] < NOTED
    lasting = shown([calm, *[other] * 9]).index
    assert lasting["often"] < NOTED


def test_a_rare_value_that_becomes_common_is_told() -> None:
    assert shown([rows(4 * ENOUGH), rows(ENOUGH, rare=0.5, seed=2)]).index["seldom"] > MUCH


def test_it_does_not_matter_how_rows_are_cut_into_batches() -> None:
    part = rows(ENOUGH)
    told = []
    for batch in (1, 3, 256, len(part)):
        stability = Stability(NAMES, GROUPS)
        for start in range(0, len(part), batch):
            stability.take(part[start : start + batch], 0)
        told.append(stability.index["seldom"])
    assert len(set(told)) == 1
    assert max(told) < 0.03


def test_missing_values_count_as_0_and_a_clock_that_falls_back_stands_still() -> None:
    stability = Stability(NAMES, GROUPS)
    holes: list[list[float | None]] = [[None, float("nan"), float("inf")] for _ in range(ENOUGH)]
    for start in range(0, ENOUGH, 100):
        stability.take(holes[start : start + 100], DAY - start)  # type: ignore[arg-type]
    assert stability.index == {"often": 0.0, "seldom": 0.0}


def test_every_feature_is_in_one_group() -> None:
    assert sorted(name for about in FEATURE_GROUPS.values() for name in about) == sorted(FEATURES)
