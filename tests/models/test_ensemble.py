import numpy as np
import pytest

from models.ensemble import BLOCK_ROWS, MODEL_NAMES, Ensemble
from models.protocol import Scorer
from tests.models.rows import FEATURES, normal_rows, strange_rows


def test_it_is_a_scorer_of_the_three_models() -> None:
    scorer: Scorer = Ensemble(FEATURES)
    assert scorer.names == MODEL_NAMES == ("half_space_trees", "one_class_svm", "gaussian")
    assert scorer.score([]) == []
    rows = normal_rows(2 * BLOCK_ROWS).tolist()
    scorer.learn(rows, [True] * len(rows))
    assert [tuple(scores) for scores in scorer.score(rows[:5])] == [MODEL_NAMES] * 5


def test_each_model_speaks_when_it_is_ready_and_none_waits_for_another() -> None:
    """Where users have no past there is nothing to draw a bell curve of, for however many events."""
    ensemble, young = Ensemble(FEATURES), normal_rows(8 * BLOCK_ROWS)
    young[:, [FEATURES.index("amount_ratio"), FEATURES.index("odd_hour")]] = 0.0
    ensemble.learn(young.tolist(), [True] * len(young))
    others = MODEL_NAMES[:2]
    assert ensemble.warm
    assert ensemble.speaking == others
    (scores,) = ensemble.score(strange_rows(1).tolist())
    assert tuple(scores) == others
    assert min(scores.values()) > 0.9
    assert ensemble.scored.tolist() == [list(scores.values())]
    assert ensemble.score_matrix(strange_rows(1))[0, 2] == 0.0
    # Half a block before it joins, a batch has rows of both sorts.
    old = normal_rows(BLOCK_ROWS, seed=9)
    ensemble.learn(old.tolist(), [True] * BLOCK_ROWS)
    ensemble.learn(young[: BLOCK_ROWS // 2].tolist(), [True] * (BLOCK_ROWS // 2))
    told = ensemble.score(old.tolist())
    assert [tuple(one) for one in told] == [others] * (BLOCK_ROWS // 2) + [MODEL_NAMES] * (BLOCK_ROWS // 2)
    assert [tuple(ensemble.score([*old[:1].tolist()] * 3)[2])] == [others]
    ensemble.learn(young[: BLOCK_ROWS // 2].tolist(), [True] * (BLOCK_ROWS // 2))
    assert ensemble.speaking == MODEL_NAMES


def test_a_model_with_too_few_scores_to_be_measured_against_is_silent() -> None:
    rows, young, nobody = normal_rows(200).tolist(), np.zeros((600, len(FEATURES))).tolist(), [False] * 50
    ensemble = Ensemble(FEATURES, names=("gaussian",), block_rows=50)
    ensemble.learn(young, [True] * 600)
    ensemble.learn(rows[:100], [True] * 100)
    ensemble.learn(rows[:50], nobody)  # what was learnt last weighs in a block later
    assert ensemble.score(rows[:1]) == [{}]
    ensemble.learn(rows[100:150], [True] * 50)
    ensemble.learn(rows[:50], nobody)
    assert ensemble.speaking == ("gaussian",)


@pytest.mark.parametrize(("features", "names"), [((), MODEL_NAMES), (FEATURES, ()), (FEATURES, ("oracle",))])
def test_unknown_or_no_models_and_no_features_are_refused(features: tuple[str, ...], names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="model"):
        Ensemble(features, 1, names)


def test_a_mask_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="mask"):
        Ensemble(FEATURES).learn([[0.0] * len(FEATURES)], [])


def test_a_batch_longer_than_a_block_is_scored_and_learnt_whole() -> None:
    ensemble, rows = Ensemble(FEATURES, block_rows=64), normal_rows(1_000)
    ensemble.learn(rows.tolist(), [True] * len(rows))
    assert ensemble.learned == 1_000
    assert ensemble.score_matrix(rows).shape == (1_000, 3)


def test_rows_may_be_an_array() -> None:
    lists, arrays = Ensemble(FEATURES, block_rows=64), Ensemble(FEATURES, block_rows=64)
    rows = normal_rows(1_000)
    lists.learn(rows.tolist(), [True] * len(rows))
    arrays.learn(rows, np.ones(len(rows), bool))
    assert lists.score(rows.tolist()) == arrays.score(rows)


def test_nothing_of_a_block_weighs_in_before_the_block_after_the_next() -> None:
    """So that what a row is scored by never hangs on rows of its own batch."""
    ensemble, normal, strange = Ensemble(FEATURES), normal_rows(4 * BLOCK_ROWS), strange_rows(BLOCK_ROWS)
    ensemble.learn(normal.tolist(), [True] * len(normal))
    before = ensemble.score_matrix(strange)
    ensemble.learn(strange[:-1].tolist(), [True] * (BLOCK_ROWS - 1))
    assert ensemble.score_matrix(strange[:1]).tolist() == before[:1].tolist()
    ensemble.learn(strange[-1:].tolist(), [True])
    ensemble.learn(normal[:BLOCK_ROWS].tolist(), [False] * BLOCK_ROWS)
    assert ensemble.score_matrix(strange).mean() < before.mean()


def test_explaining_a_row_goes_by_what_scored_it() -> None:
    """A row beyond the block's end is explained by the bank that scores it, wherever its batch began."""
    early, late = Ensemble(FEATURES, block_rows=64), Ensemble(FEATURES, block_rows=64)
    rows, row = normal_rows(1_024).tolist(), strange_rows(1)[0].tolist()
    early.learn(rows[:1_020], [True] * 1_020)
    late.learn(rows, [True] * 1_024)
    assert early.explain([row], [4]) == late.explain([row], [0])


def test_rows_are_explained_together_as_each_by_itself() -> None:
    ensemble = Ensemble(FEATURES, block_rows=64)
    ensemble.learn(normal_rows(1_020).tolist(), [True] * 1_020)
    rows, places = [*strange_rows(5).tolist(), *normal_rows(3, seed=7).tolist()], [0, 9, 3, 4, 1, 70, 2, 5]
    alone = [ensemble.explain([row], [place])[0] for row, place in zip(rows, places, strict=True)]
    assert ensemble.explain(rows, places) == alone
    assert ensemble.explain([], []) == []


def test_before_anything_is_learnt_the_blame_is_by_distance_and_a_plain_row_blames_all_alike() -> None:
    ensemble = Ensemble(("a", "b"))
    rows = [[0.5, 1.0], [0.5, 0.5], [0.5, None]]
    halves = {"a": 0.5, "b": 0.5}
    assert ensemble.explain(rows, [0, 1, 2]) == [{"a": 0.0, "b": 1.0}, halves, halves]


def test_a_block_of_too_few_rows_says_nothing_of_what_is_usual() -> None:
    ensemble = Ensemble(FEATURES, block_rows=16)
    ensemble.learn(normal_rows(160).tolist(), [True] * 160)
    assert ensemble.usual.tolist() == [0.5] * len(FEATURES)


def test_a_batch_that_is_scored_again_before_it_is_learnt_gets_the_same_scores() -> None:
    """A batch that could not be committed is taken again, perhaps in halves."""
    ensemble, rows = Ensemble(FEATURES, block_rows=64), normal_rows(1_100)
    ensemble.learn(rows[:1_000].tolist(), [True] * 1_000)
    batch = rows[1_000:1_060].tolist()
    whole = ensemble.score(batch)
    ensemble.explain(batch[:1], [0])
    assert ensemble.score(batch) == whole
    first, second = batch[:30], batch[30:]
    halves = ensemble.score(first)
    ensemble.learn(first, [True] * 30)
    assert halves + ensemble.score(second) == whole


def test_of_each_feature_it_says_what_it_would_say_had_it_been_as_usual() -> None:
    ensemble = Ensemble(FEATURES, block_rows=64, deciding=("gaussian", "half_space_trees"))
    ensemble.learn(normal_rows(1_024).tolist(), [True] * 1_024)
    row = strange_rows(1)[0].tolist()
    row[3] = float(ensemble.usual[3])
    swaps = ensemble.instead(row)
    assert {swap.feature for swap in swaps} == set(FEATURES) - {FEATURES[3]}
    totals = []
    for swap in swaps:
        place = FEATURES.index(swap.feature)
        assert (swap.given, swap.usual) == (row[place], ensemble.usual[place])
        (scores,) = ensemble.score([[*row[:place], swap.usual, *row[place + 1 :]]])
        assert set(swap.scores) == {"gaussian", "half_space_trees"}
        assert swap.scores == pytest.approx({name: scores[name] for name in swap.scores}, abs=1e-12)
        totals.append(sum(-np.log(max(1 - score, 1e-9)) for score in swap.scores.values()))
    assert totals == sorted(totals)
