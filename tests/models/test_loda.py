import numpy as np
import pytest
from river import anomaly

from models.loda import N_CUTS, Loda, projections
from tests.models.rows import FEATURES, normal_rows, strange_rows


def test_the_projections_are_rivers_of_the_same_seed() -> None:
    river = anomaly.LODA(n_random_cuts=N_CUTS, seed=3)
    row = dict(zip(FEATURES, strange_rows(1)[0].tolist(), strict=True))
    river.learn_one(row)
    columns, weights = projections(FEATURES, 3)
    values = np.array(list(row.values()))
    ours = (weights * values[columns]).sum(axis=1)
    assert np.allclose(ours, [river._project(cut, row) for cut in river.projections_])


def test_it_ranks_rows_about_as_rivers_does() -> None:
    river, model = anomaly.LODA(n_random_cuts=N_CUTS, seed=3), Loda(FEATURES, 3)
    known = normal_rows(1_500)
    model.learn_rows(known)
    for row in known.tolist():
        river.learn_one(dict(zip(FEATURES, row, strict=True)))
    rows = np.concatenate((normal_rows(150, seed=8), strange_rows(30)))
    theirs = np.array([river.score_one(dict(zip(FEATURES, row, strict=True))) for row in rows.tolist()])
    ranks = [scores.argsort().argsort() for scores in (model.score_rows(rows), theirs)]
    assert np.corrcoef(ranks[0], ranks[1])[0, 1] > 0.7


def test_what_was_normal_long_ago_fades() -> None:
    model, old, new = Loda(FEATURES, 1), normal_rows(20_000), strange_rows(20_000)
    model.learn_rows(old)
    before = model.score_rows(old[:500]).mean()
    for _ in range(20):
        model.learn_rows(new)
    assert model.score_rows(old[:500]).mean() > before + 1.0


def test_projections_of_other_features_are_refused() -> None:
    state = dict(Loda(FEATURES, 1).state())
    with pytest.raises(ValueError, match="projections"):
        Loda(FEATURES, 1).restore(state | {"columns": state["columns"] + len(FEATURES)})
