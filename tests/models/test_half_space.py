import numpy as np
import pytest
from river import anomaly

from models.half_space import HEIGHT, N_TREES, WINDOW_ROWS, HalfSpaceTrees
from models.protocol import Matrix
from tests.models.rows import FEATURES, normal_rows, strange_rows


def rivers() -> anomaly.HalfSpaceTrees:
    return anomaly.HalfSpaceTrees(n_trees=N_TREES, height=HEIGHT, window_size=WINDOW_ROWS, seed=42)


def named(rows: Matrix) -> list[dict[str, float]]:
    return [dict(zip(FEATURES, row, strict=True)) for row in rows.tolist()]


def mixed_rows(count: int) -> Matrix:
    uniform = np.random.default_rng(3).random((count // 3, len(FEATURES)))
    rows = np.concatenate((normal_rows(count // 3), strange_rows(count // 3), uniform))
    return np.random.default_rng(4).permutation(rows)


def test_scores_are_rivers_to_the_last_bit() -> None:
    rows, river, model = mixed_rows(3_000), rivers(), HalfSpaceTrees(FEATURES, 42)
    wanted = []
    for row in named(rows):
        wanted.append(river.score_one(row))
        river.learn_one(row)
    sizes, got, start = [1, 2, 3, 4, 10, 125, 250, 600], [], 0
    while start < len(rows):
        part = rows[start : start + sizes[len(got) % len(sizes)]]
        got.append(model.learn_rows(part))
        start += len(part)
    assert np.concatenate(got).tolist() == wanted


@pytest.mark.parametrize("batch", [1, 3, 4, 60, 500])
def test_scores_are_rivers_when_some_rows_are_scored_but_not_learnt(batch: int) -> None:
    rows, river, model = mixed_rows(2_400), rivers(), HalfSpaceTrees(FEATURES, 42)
    learnt = np.random.default_rng(9).random(len(rows)) < 0.7
    for start in range(0, len(rows), batch):
        part, mask = rows[start : start + batch], learnt[start : start + batch]
        assert model.score_rows(part).tolist() == [river.score_one(row) for row in named(part)]
        for row in named(part[mask]):
            river.learn_one(row)
        model.learn_rows(part[mask])
    assert model.ready


def test_the_window_counts_learnt_rows() -> None:
    model = HalfSpaceTrees(FEATURES, 1)
    model.learn_rows(normal_rows(WINDOW_ROWS - 1))
    model.score_rows(normal_rows(1_000))
    assert not model.ready
    model.learn_rows(normal_rows(1))
    assert model.ready


def test_the_order_of_features_does_not_matter_to_which_trees_grow() -> None:
    turned = tuple(reversed(FEATURES))
    rows = normal_rows(600)
    model, other = HalfSpaceTrees(FEATURES, 7), HalfSpaceTrees(turned, 7)
    assert model.learn_rows(rows).tolist() == other.learn_rows(np.ascontiguousarray(rows[:, ::-1])).tolist()


@pytest.mark.parametrize("part", ["features", "thresholds", "learning", "reference"])
def test_a_state_of_another_size_is_refused(part: str) -> None:
    state = dict(HalfSpaceTrees(FEATURES, 1).state())
    state[part] = np.zeros(3)
    with pytest.raises(ValueError, match="size"):
        HalfSpaceTrees(FEATURES, 1).restore(state)
