"""How fitted models come into force in an ensemble, and what happens when a fit goes wrong."""

import numpy as np
import pytest

from models.ensemble import Ensemble
from models.fitted import FIRST_FIT_ROWS
from models.fitting import Awaited, Job, Outcome
from models.protocol import State
from tests.models.rows import FEATURES, normal_rows, strange_rows

NAME = "isolation_forest"
BLOCK = 128


class Slow:
    """A `Fitting` that is done when the test says so."""

    def __init__(self) -> None:
        self.jobs: list[tuple[Job, State]] = []
        self.answers: dict[str, tuple[Outcome, State]] = {}
        self.forgotten: list[str] = []

    def submit(self, job: Job, arrays: State) -> None:
        self.jobs.append((job, arrays))

    def poll(self, name: str) -> tuple[Outcome, State] | None:
        return self.answers.pop(name, None)

    def forget(self, name: str) -> None:
        self.forgotten.append(name)

    def close(self) -> None:
        return

    def finish(self) -> None:
        """The last job, as it should be."""
        awaited, (job, arrays) = Awaited(), self.jobs[-1]
        awaited.submit(job, arrays)
        told = awaited.poll(job.name)
        assert told is not None
        self.answers[job.name] = told

    def fail(self, error: str, parts: State | None = None) -> None:
        job = self.jobs[-1][0]
        self.answers[job.name] = (Outcome(job, 1.0, error, "why"), parts or {})  # type: ignore[arg-type]


def learn(ensemble: Ensemble, rows: int, seed: int = 5) -> None:
    ensemble.learn(normal_rows(rows, seed).tolist(), [True] * rows)


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.fixture
def ensemble(slow: Slow) -> Ensemble:
    made = Ensemble(FEATURES, 3, ("gaussian", NAME), block_rows=BLOCK, fitting=slow, scope="7")
    learn(made, FIRST_FIT_ROWS)
    return made


def scores(ensemble: Ensemble) -> list[float]:
    return ensemble.score_matrix(normal_rows(50, seed=30))[:, 1].tolist()


def test_it_asks_for_a_fit_on_its_sample_and_goes_on_meanwhile(ensemble: Ensemble, slow: Slow) -> None:
    ((job, arrays),) = slow.jobs
    assert (job.name, job.fit, job.version) == (f"{NAME}/7", NAME, 1)
    assert arrays["rows"].shape == (FIRST_FIT_ROWS, len(FEATURES))
    learn(ensemble, 4 * BLOCK)
    assert len(slow.jobs) == 1
    assert ensemble.warm
    assert not any(scores(ensemble))


def test_what_is_fitted_is_in_force_a_block_later_and_told_once(ensemble: Ensemble, slow: Slow) -> None:
    slow.finish()
    learn(ensemble, 2 * BLOCK)
    assert any(scores(ensemble))
    (version,) = ensemble.refits.news
    assert (version.model, version.version, version.error) == (NAME, 1, "")
    assert (version.rows, version.learned) == (FIRST_FIT_ROWS, FIRST_FIT_ROWS)
    assert "roots" in version.parts


@pytest.mark.parametrize("error", ["raised", "died", "too_long"])
def test_a_fit_that_fails_leaves_the_last_version_and_the_next_comes_in_its_time(
    ensemble: Ensemble, slow: Slow, error: str
) -> None:
    slow.finish()
    learn(ensemble, FIRST_FIT_ROWS)
    before = scores(ensemble)
    slow.fail(error)
    learn(ensemble, 2 * FIRST_FIT_ROWS)
    assert [news.error for news in ensemble.refits.news] == ["", error]
    assert any(before)
    slow.finish()
    learn(ensemble, 2 * BLOCK)
    assert [(news.version, news.error) for news in ensemble.refits.news] == [(1, ""), (2, error), (2, "")]


@pytest.mark.parametrize("parts", [{}, {"held_out": np.zeros(3)}, {"held_out": np.zeros(0)}])
def test_what_is_not_of_the_model_is_a_fit_that_failed(ensemble: Ensemble, slow: Slow, parts: State) -> None:
    slow.fail("", parts)
    learn(ensemble, 2 * BLOCK)
    assert [news.error for news in ensemble.refits.news] == ["raised"]
    assert not any(scores(ensemble))


def test_a_pinned_model_is_not_fitted_anew(ensemble: Ensemble, slow: Slow) -> None:
    slow.finish()
    ensemble.refits.pins = {NAME: 1}
    learn(ensemble, 4 * FIRST_FIT_ROWS)
    assert len(slow.jobs) == 1
    ensemble.refits.pins = {}
    learn(ensemble, BLOCK)
    assert len(slow.jobs) == 2


def test_a_fit_that_was_under_way_at_a_snapshot_is_asked_for_again(ensemble: Ensemble) -> None:
    slow = Slow()
    Ensemble.restore(ensemble.snapshot(b"key"), b"key", FEATURES, fitting=slow, scope="7")
    assert [job.version for job, _ in slow.jobs] == [1]


def test_a_snapshot_can_be_taken_in_every_block_from_the_first_fit_to_the_second() -> None:
    ensemble = Ensemble(FEATURES, 3, ("gaussian", NAME), block_rows=BLOCK)
    rows = normal_rows(40, seed=30)
    for block in range(2 * FIRST_FIT_ROWS // BLOCK + 4):
        learn(ensemble, BLOCK, seed=block)
        again = Ensemble.restore(ensemble.snapshot(b"key"), b"key", FEATURES)
        assert again.score_matrix(rows).tolist() == ensemble.score_matrix(rows).tolist()
        for each in (again, ensemble):
            each.learn(rows.tolist(), [False] * len(rows))
        assert again.score_matrix(rows).tolist() == ensemble.score_matrix(rows).tolist()
    assert ensemble.version_of(NAME) == 2


def test_a_model_that_is_new_to_a_snapshot_begins_fresh_and_one_that_is_off_is_dropped(ensemble: Ensemble) -> None:
    raw = ensemble.snapshot(b"key")
    again = Ensemble.restore(raw, b"key", FEATURES, ("gaussian", "loda"))
    assert again.names == ("gaussian", "loda")
    rows = normal_rows(50, seed=30)
    assert again.score_matrix(rows)[:, 0].tolist() == ensemble.score_matrix(rows)[:, 0].tolist()


def test_a_shadow_model_has_no_say_in_an_explanation() -> None:
    names = ("half_space_trees", "loda")
    row = normal_rows(1, seed=31)[0].tolist()
    alone, shadowed = Ensemble(FEATURES, 3, names[:1]), Ensemble(FEATURES, 3, names, deciding=names[:1])
    for each in (alone, shadowed):
        learn(each, 3_000)
    assert shadowed.explain([row], [0]) == alone.explain([row], [0])


def test_forgetting_takes_back_what_was_asked_for(ensemble: Ensemble, slow: Slow) -> None:
    ensemble.forget_fits()
    assert slow.forgotten == [f"{NAME}/7"]


def test_an_older_version_is_put_back_in_force(ensemble: Ensemble, slow: Slow) -> None:
    slow.finish()
    learn(ensemble, FIRST_FIT_ROWS)
    first, before = ensemble.refits.news[0], scores(ensemble)
    slow.finish()
    learn(ensemble, 4 * BLOCK, seed=12)
    assert ensemble.version_of(NAME) == 2
    assert np.argsort(scores(ensemble)).tolist() != np.argsort(before).tolist()
    ensemble.put_in_force(NAME, first.parts, 1)
    assert ensemble.version_of(NAME) == 1
    assert np.argsort(scores(ensemble)).tolist() == np.argsort(before).tolist()
    learn(ensemble, 4 * FIRST_FIT_ROWS)
    assert slow.jobs[-1][0].version == 3


@pytest.mark.parametrize(("name", "parts"), [(NAME, {}), ("gaussian", {}), ("loda", {})])
def test_what_cannot_be_put_in_force_changes_nothing(ensemble: Ensemble, slow: Slow, name: str, parts: State) -> None:
    slow.finish()
    learn(ensemble, FIRST_FIT_ROWS)
    before = scores(ensemble)
    with pytest.raises((LookupError, ValueError)):
        ensemble.put_in_force(name, parts, 1)
    assert scores(ensemble) == before


def test_each_version_says_how_well_it_tells_tainted_rows_and_of_what_time_its_rows_are(slow: Slow) -> None:
    ensemble = Ensemble(FEATURES, 3, (NAME,), block_rows=BLOCK, fitting=slow)
    strange = strange_rows(40).tolist()
    for clock_ms in (10, 20, 30, 40):
        ensemble.clock_ms = clock_ms
        learn(ensemble, BLOCK)
        ensemble.learn(strange, [False] * len(strange))
    ensemble.clock_ms = 50
    learn(ensemble, BLOCK)
    slow.finish()
    learn(ensemble, 2 * BLOCK)
    (version,) = ensemble.refits.news
    assert (version.from_ms, version.learned) == (10, FIRST_FIT_ROWS)
    assert version.to_ms >= 40
    assert version.auc is not None
    assert version.auc > 0.95
    assert 100 < version.tainted <= 160
