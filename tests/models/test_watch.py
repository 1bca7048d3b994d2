from models.ensemble import Ensemble
from models.stability import EVERY, FIRST_ROWS
from models.watch import Found, Watch
from tests.models.rows import FEATURES, normal_rows

NAMES = ("gaussian", "half_space_trees")


def test_an_ensemble_shows_what_it_scores_and_learns_and_says_the_same_watched_or_not() -> None:
    watch = Watch(FEATURES)
    plain, watched = Ensemble(FEATURES, 3, NAMES), Ensemble(FEATURES, 3, NAMES, watch=watch)
    rows = normal_rows(2 * EVERY * FIRST_ROWS, 5).tolist()
    for start in range(0, len(rows), 100):
        batch = rows[start : start + 100]
        assert plain.score(batch) == watched.score(batch)
        watched.score(rows[:1])  # of a canary: it is never learnt
        mask = [True] * len(batch)
        plain.learn(batch, mask)
        watched.learn(batch, mask)
        if not watched.warm:
            assert watched.speaking == ()
            assert watch.turns == 0
    assert watched.speaking == NAMES
    told = watch.told(watched.names, watched.speaking)
    assert told.drifts == {("gaussian", "scores"): (0, False), ("half_space_trees", "scores"): (0, False)}
    assert not watch.news


def test_frauds_that_are_missed_more_often_are_a_drift_that_is_told_once() -> None:
    watch = Watch()
    for _ in range(200):
        watch.fraud({"random_forest": False, "gradient_boosting": False})
    for _ in range(60):
        watch.fraud({"random_forest": True, "gradient_boosting": False})
    (found,) = list(watch.news)[:1]
    assert isinstance(found, Found)
    assert (found.model, found.signal, found.times) == ("random_forest", "misses", 1)
    told = watch.told(("random_forest", "gradient_boosting", "logistic_regression"), ())
    assert told.drifts["random_forest", "misses"][1]
    assert told.drifts["gradient_boosting", "misses"] == (0, False)
    assert ("logistic_regression", "misses") not in told.drifts
    assert told.index == {}
