"""What holds for every model alone and for all of them together."""

import math
from copy import copy
from hashlib import sha256
from typing import ClassVar

import numpy as np
import pytest

from models.bank import MODELS
from models.ensemble import Ensemble
from models.fitted import Fitted
from models.fitting import FITS, Awaited, Job, Outcome
from models.fitting import run as run_fit
from models.protocol import FEW_ROWS, Matrix, Model, State
from tests.models.rows import FEATURES, normal_rows, strange_rows

KEY = b"a key"
BLOCK = 128


class Remembering(Awaited):
    """Fits what it has fitted before no second time: the tests below learn the same rows again and again."""

    fitted: ClassVar[dict[str, tuple[Outcome, State]]] = {}

    def submit(self, job: Job, arrays: State) -> None:
        same = sha256(f"{job.fit} {job.seed} {job.version}".encode() + arrays["rows"].tobytes()).hexdigest()
        if same not in self.fitted:
            super().submit(job, arrays)
            self.fitted[same] = self._done[job.name]
        self._done[job.name] = self.fitted[same]


def fresh(seed: int, names: tuple[str, ...]) -> Ensemble:
    return Ensemble(FEATURES, seed, names, block_rows=BLOCK, fitting=Remembering())


def restored(raw: bytes) -> Ensemble:
    return Ensemble.restore(raw, KEY, FEATURES, fitting=Remembering())


def learnt_model(name: str, seed: int = 1, rows: int = 3_000) -> Model:
    model = MODELS[name](FEATURES, seed)
    teach(model, normal_rows(rows))
    return model


def teach(model: Model, rows: Matrix) -> None:
    """Let it learn rows; where others fit the model, have it fitted on them and put in force."""
    model.learn_rows(rows)
    if isinstance(model, Fitted):
        job = Job(model.name, model.name, seed=1, target=FITS[model.name])
        parts = dict(run_fit(job, {"rows": rows})[1])
        del parts["held_out"]
        model.adopt(parts, model.version + 1)


def run(ensemble: Ensemble, rows: Matrix, batch: int, mask: list[bool] | None = None) -> Matrix:
    """Score and learn in batches, as the stream does."""
    mask = [True] * len(rows) if mask is None else mask
    scores = [np.empty((0, len(ensemble.names)))]
    for start in range(0, len(rows), batch):
        part = rows[start : start + batch].tolist()
        answers = ensemble.score(part)
        told = [[answer.get(name, 0.0) for name in ensemble.names] for answer in answers]
        scores.append(np.array(told).reshape(-1, len(ensemble.names)))
        ensemble.learn(part, mask[start : start + batch])
    return np.concatenate(scores)


def learnt(names: tuple[str, ...], seed: int = 1, rows: int = 3_000) -> Ensemble:
    ensemble = fresh(seed, names)
    run(ensemble, normal_rows(rows), 100)
    return ensemble


every_model = pytest.mark.parametrize("name", MODELS)
every_ensemble = pytest.mark.parametrize("names", [*((name,) for name in MODELS), tuple(MODELS)], ids="+".join)


@every_model
def test_a_model_finds_strange_rows_stranger_than_normal_ones(name: str) -> None:
    model = learnt_model(name)
    normal, strange = model.score_rows(normal_rows(400, seed=8)), model.score_rows(strange_rows(100))
    assert np.quantile(normal, 0.99) < np.quantile(strange, 0.1)


@every_model
def test_a_row_alone_and_in_a_batch_of_any_size_has_the_same_score(name: str) -> None:
    model = learnt_model(name)
    rows = np.concatenate((normal_rows(300, seed=8), strange_rows(300)))
    whole = model.score_rows(rows).tolist()
    assert [model.score_row(row) for row in rows.tolist()] == whole
    for size in (1, FEW_ROWS, FEW_ROWS + 1, 7, 128, 250):
        parts = [model.score_rows(rows[start : start + size]) for start in range(0, len(rows), size)]
        assert np.concatenate(parts).tolist() == whole


@every_model
def test_scoring_changes_nothing(name: str) -> None:
    model, rows = learnt_model(name), normal_rows(50, seed=9)
    before = model.score_rows(rows).tolist()
    model.score_rows(strange_rows(500))
    assert model.score_rows(rows).tolist() == before


@every_model
def test_a_shallow_copy_stands_still_while_the_model_learns_on(name: str) -> None:
    model, rows = learnt_model(name), normal_rows(50, seed=9)
    still, before = copy(model), model.score_rows(rows).tolist()
    teach(model, strange_rows(777))
    assert still.score_rows(rows).tolist() == before
    assert model.score_rows(rows).tolist() != before


@every_model
def test_a_model_restored_from_its_state_scores_and_learns_on_the_same(name: str) -> None:
    model, again = learnt_model(name), MODELS[name](FEATURES, 99)
    again.restore(model.state())
    rows = normal_rows(600, seed=9)
    assert again.ready
    assert again.score_rows(rows).tolist() == model.score_rows(rows).tolist()
    assert again.learn_rows(rows).tolist() == model.learn_rows(rows).tolist()
    assert again.score_rows(rows).tolist() == model.score_rows(rows).tolist()


@every_model
def test_a_model_without_rows_is_not_ready_and_an_empty_batch_is_no_harm(name: str) -> None:
    model = MODELS[name](FEATURES, 1)
    assert not model.ready
    assert np.isfinite(model.score_rows(normal_rows(10))).all()
    assert model.learn_rows(normal_rows(0)).shape == (0,)
    assert model.score_rows(normal_rows(0)).shape == (0,)


@every_ensemble
def test_scores_are_shares_between_0_and_1(names: tuple[str, ...]) -> None:
    ensemble = learnt(names)
    far = np.array([[value] * len(FEATURES) for value in (0.0, 1.0, 1e300, -1e300, math.inf, -math.inf)])
    scores = ensemble.score_matrix(np.concatenate((normal_rows(500, seed=8), strange_rows(200), far)))
    assert (scores >= 0.0).all()
    assert (scores <= 1.0).all()
    alone = [list(ensemble.score([row])[0].values()) for row in far.tolist()]
    assert alone == ensemble.score_matrix(far).tolist()


@every_ensemble
def test_shares_of_normal_rows_are_spread_evenly_and_strange_ones_lie_at_the_top(names: tuple[str, ...]) -> None:
    ensemble = learnt(names)
    normal, strange = ensemble.score_matrix(normal_rows(2_000, seed=8)), ensemble.score_matrix(strange_rows(200))
    assert np.abs(normal.mean(axis=0) - 0.5).max() < 0.08
    assert np.median(strange, axis=0).min() > 0.98


@every_ensemble
def test_until_enough_is_learnt_nothing_is_said(names: tuple[str, ...]) -> None:
    ensemble = fresh(1, names)
    scores = run(ensemble, normal_rows(499), 50)
    assert not ensemble.warm
    assert not scores.any()
    assert ensemble.score(normal_rows(2).tolist()) == [{}, {}]
    run(ensemble, normal_rows(400, seed=8), 50)
    assert ensemble.warm
    assert ensemble.score_matrix(normal_rows(50)).any()


@every_ensemble
@pytest.mark.parametrize("batch", [1, 2, 10, 60, 127])
def test_scores_do_not_depend_on_how_rows_are_cut_into_batches(names: tuple[str, ...], batch: int) -> None:
    rows = np.concatenate((normal_rows(1_500), strange_rows(40), normal_rows(400, seed=9)))
    mask = [index % 7 != 3 for index in range(len(rows))]
    whole = run(fresh(3, names), rows, BLOCK, mask)
    assert whole[1_000:].any()
    assert run(fresh(3, names), rows, batch, mask).tolist() == whole.tolist()


@every_ensemble
def test_the_same_seed_gives_the_same_scores(names: tuple[str, ...]) -> None:
    rows = normal_rows(300, seed=9)
    assert learnt(names, seed=4).score(rows.tolist()) == learnt(names, seed=4).score(rows.tolist())


def test_another_seed_grows_other_trees() -> None:
    rows = normal_rows(300, seed=9)
    names = ("half_space_trees",)
    assert learnt(names, seed=4).score(rows.tolist()) != learnt(names, seed=5).score(rows.tolist())


@every_ensemble
def test_masked_rows_are_not_learnt(names: tuple[str, ...]) -> None:
    normal, strange = normal_rows(2_048), strange_rows(2_048)
    mixed = np.concatenate((normal[:1_024], strange[:1_024], normal[1_024:], strange[1_024:]))
    mask = [index // 1_024 % 2 == 0 for index in range(len(mixed))]
    poisoned, guarded, pure = (fresh(1, names) for _ in range(3))
    run(poisoned, mixed, BLOCK)
    run(guarded, mixed, BLOCK, mask)
    run(pure, normal, BLOCK)
    rows = np.concatenate((normal_rows(200, seed=9), strange_rows(200, seed=10)))
    for each in (poisoned, guarded, pure):
        each.learn(normal_rows(BLOCK, seed=11), [False] * BLOCK)  # what was learnt last weighs in a block later
    assert guarded.learned == pure.learned == 2_048
    assert poisoned.learned == 4_096
    assert guarded.score_matrix(rows).tolist() == pure.score_matrix(rows).tolist()
    assert guarded.score_matrix(rows).tolist() != poisoned.score_matrix(rows).tolist()


@every_ensemble
def test_a_missing_value_counts_as_the_usual_one(names: tuple[str, ...]) -> None:
    ensemble, row = learnt(names), strange_rows(1)[0].tolist()
    usual = ensemble.usual.tolist()
    holes = [*row[:4], None, math.nan, *row[6:]]
    filled = [*row[:4], usual[4], usual[5], *row[6:]]
    few, many = ensemble.score([holes]), ensemble.score([holes] * 10)
    assert few == ensemble.score([filled])
    assert many == few * 10


@every_ensemble
def test_rows_with_missing_or_infinite_values_can_be_learnt(names: tuple[str, ...]) -> None:
    ensemble = learnt(names)
    rows = normal_rows(3 * BLOCK, seed=9).tolist()
    for index, row in enumerate(rows):
        row[index % len(row)] = (None, math.nan, math.inf, -math.inf, 1e300)[index % 5]
    ensemble.learn(rows, [True] * len(rows))
    scores = ensemble.score_matrix(normal_rows(500, seed=12))
    assert np.isfinite(scores).all()
    assert (np.median(scores, axis=0) < 0.9).all()


@every_ensemble
def test_a_snapshot_scores_explains_and_learns_on_as_what_it_was_taken_of(names: tuple[str, ...]) -> None:
    ensemble = learnt(names, rows=3_050)  # in the midst of a block
    again = restored(ensemble.snapshot(KEY))
    rows = np.concatenate((normal_rows(400, seed=9), strange_rows(50)))
    assert again.learned == ensemble.learned
    assert again.score(rows[:100].tolist()) == ensemble.score(rows[:100].tolist())
    assert again.explain(rows[-1:].tolist(), [0]) == ensemble.explain(rows[-1:].tolist(), [0])
    assert run(again, rows, 60).tolist() == run(ensemble, rows, 60).tolist()
    assert again.snapshot(KEY) == ensemble.snapshot(KEY)


@every_ensemble
def test_a_fresh_ensemble_survives_a_snapshot(names: tuple[str, ...]) -> None:
    ensemble = fresh(1, names)
    again = restored(ensemble.snapshot(KEY))
    rows = normal_rows(1_500)
    assert run(again, rows, 50).tolist() == run(ensemble, rows, 50).tolist()


@every_ensemble
def test_blame_falls_on_what_is_strange_and_adds_up_to_1(names: tuple[str, ...]) -> None:
    ensemble = learnt(names)
    for feature in ("amount_ratio", "odd_hour"):
        row = ensemble.usual.tolist()
        row[FEATURES.index(feature)] = 0.95
        (blame,) = ensemble.explain([row], [0])
        assert tuple(blame) == FEATURES
        assert math.isclose(sum(blame.values()), 1.0)
        assert max(blame, key=blame.__getitem__) == feature
        assert min(blame.values()) >= 0.0


@every_ensemble
def test_reset_forgets_everything(names: tuple[str, ...]) -> None:
    ensemble, rows = learnt(names), normal_rows(1_500, seed=9)
    ensemble.reset()
    assert ensemble.learned == 0
    assert not ensemble.warm
    assert run(ensemble, rows, 50).tolist() == run(fresh(1, names), rows, 50).tolist()
