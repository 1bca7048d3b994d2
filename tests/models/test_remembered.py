import pickle
from typing import Any

import msgspec
import numpy as np
import pytest

from models.kept import FRAUD, UNKNOWN, chunk_of
from models.labelled import Labelled
from models.remembered import Lore, Said, pack_chunk, put_back, resume, said_of, snapshot, unpack_chunk
from models.sealed import seal, unseal
from models.snapshot import SnapshotUnreadable
from models.words import AS_FRAUD, AS_LEGIT, HELD_OUT, NOT_BELIEVED, NOT_LEARNT
from tests.models.labelling import FEATURES, case, learner, lived, rows

KEY = b"a key"
ALL = {"logistic_regression": "decide", "random_forest": "decide", "gradient_boosting": "shadow"}
PROBES = rows(200, 77)[0]


def after(first: Labelled, **more: Any) -> Labelled:
    """What another process makes of what `first` left behind."""
    second = learner(modes=ALL, **more)
    resume(second, snapshot(first, KEY), KEY)
    return filled(first, second)


def filled(first: Labelled, second: Labelled) -> Labelled:
    kept = first.kept
    facts = {name: kept.column(name).copy() for name in ("key", "user", "time_ms", "device", "network", "flags")}
    facts |= {name: kept.column(name).copy() for name in ("scored", "raised")}
    chunk = chunk_of([], len(FEATURES))._replace(facts=facts, rows=kept.rows.copy())
    second.add(unpack_chunk(pack_chunk(chunk, FEATURES), FEATURES))
    said = {}
    for place in np.flatnonzero(kept.column("label") != UNKNOWN).tolist():
        key, user = int(kept.column("key")[place]), int(kept.column("user")[place])
        found = said_of(first, key, user)
        assert found is not None
        said[key] = found
    assert put_back(second, said) == []
    return second


@pytest.fixture(scope="module")
def first() -> Labelled:
    taught = learner(modes=ALL)
    lived(taught)
    return taught


def test_rows_come_back_as_they_were() -> None:
    chunk = chunk_of([case(at, (0.1, 0.5, at / 10), tainted=at == 3) for at in range(8)], 3)
    back = unpack_chunk(pack_chunk(chunk, FEATURES), FEATURES)
    assert np.array_equal(back.rows, chunk.rows)
    assert all(np.array_equal(back.facts[name], column) for name, column in chunk.facts.items())
    assert all(back.facts[name].dtype == column.dtype for name, column in chunk.facts.items())


@pytest.mark.parametrize("raw", [b"", b"\xff" * 40, pack_chunk(chunk_of([case(1, (0, 0, 0))], 3), ("a", "b", "c"))])
def test_rows_of_other_features_and_what_are_none_are_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        unpack_chunk(raw, FEATURES)


def test_models_come_back_with_the_same_scores_and_trust(first: Labelled) -> None:
    second = after(first)
    assert second.score(PROBES) == first.score(PROBES)
    assert second.trusted() == first.trusted()
    assert second.frauds == first.frauds


def test_rows_that_were_learnt_are_known_as_learnt(first: Labelled) -> None:
    second = after(first)
    learnt, before = second.kept.column("learnt"), first.kept.column("learnt")
    assert np.count_nonzero(learnt == AS_FRAUD) == np.count_nonzero(first.kept.column("label") == FRAUD)
    same = (before == AS_LEGIT) | (before == HELD_OUT)
    assert np.mean(learnt[same] == before[same]) > 0.97


def test_the_regression_learns_on_as_it_would_have(first: Labelled) -> None:
    mine: Any = first.models["logistic_regression"]
    theirs: Any = after(first).models["logistic_regression"]
    twin = type(mine).restore(mine.state(), FEATURES)
    made, frauds = rows(300, 5)
    lesson = np.rint(np.array(made) * 255).astype(np.uint8), np.array(frauds), np.ones(300)
    theirs.learn_rows(*lesson)
    twin.learn_rows(*lesson)
    assert np.array_equal(theirs.score_rows(lesson[0]), twin.score_rows(lesson[0]))
    assert not np.array_equal(theirs.score_rows(lesson[0]), mine.score_rows(lesson[0]))


def test_an_adaptive_forest_comes_back_too_and_not_under_another_version_of_river() -> None:
    modes = {"adaptive_random_forest": "decide"}
    one = learner(modes=modes)
    lived(one, 1_200)
    other = learner(modes=modes)
    raw = snapshot(one, KEY)
    resume(other, raw, KEY)
    assert other.score(PROBES[:20]) == one.score(PROBES[:20])
    lore, arrays = unseal(raw, Lore, KEY)
    fresh = learner(modes=modes)
    with pytest.raises(SnapshotUnreadable, match=r"River 0\.1"):
        resume(fresh, seal(msgspec.structs.replace(lore, river="0.1"), arrays, KEY), KEY)
    assert fresh.score(PROBES) == []


def test_without_a_snapshot_all_is_learnt_anew_from_the_rows(first: Labelled) -> None:
    second = filled(first, learner(modes=ALL))
    assert set(second.kept.column("learnt").tolist()) <= {NOT_LEARNT, NOT_BELIEVED}
    second.clock_ms += 1
    for _ in range(4):
        second.turn()
    loud, quiet = second.score([[1.0, 0.5, 0.5], [0.1, 0.5, 0.5]])
    assert min(loud.values()) > 0.95 > max(quiet.values())


def test_labels_whose_rows_are_gone_are_told() -> None:
    assert put_back(learner(), {7: Said(1, FRAUD, 1, 0, 0)}) == [7]


@pytest.mark.parametrize("at", [0, 5, 10, 60, 500])
def test_a_snapshot_that_was_changed_is_refused_before_it_is_read(first: Labelled, at: int) -> None:
    raw = bytearray(snapshot(first, KEY))
    raw[at] ^= 1
    with pytest.raises(SnapshotUnreadable):
        resume(learner(modes=ALL), bytes(raw), KEY)


@pytest.mark.parametrize("cut", [0, 3, 20, 41, 100])
def test_a_snapshot_that_ends_early_is_refused(first: Labelled, cut: int) -> None:
    with pytest.raises(SnapshotUnreadable):
        resume(learner(modes=ALL), snapshot(first, KEY)[:cut], KEY)


def test_a_snapshot_by_another_key_or_of_other_models_or_features_is_refused(first: Labelled) -> None:
    raw = snapshot(first, KEY)
    with pytest.raises(SnapshotUnreadable, match="signature"):
        resume(learner(modes=ALL), raw, b"another")
    with pytest.raises(SnapshotUnreadable, match="features"):
        resume(learner(modes={"random_forest": "decide"}), raw, KEY)


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("it ran",))


def test_a_pickle_that_argus_did_not_sign_is_not_opened() -> None:
    one = learner(modes={"adaptive_random_forest": "decide"})
    lived(one, 1_200)
    lore, arrays = unseal(snapshot(one, KEY), Lore, KEY)
    bomb = {**arrays, "adaptive_random_forest/pickle": np.frombuffer(pickle.dumps(Bomb()), np.uint8)}
    with pytest.raises(SnapshotUnreadable, match="signature"):
        resume(learner(modes={"adaptive_random_forest": "decide"}), seal(lore, bomb, b"another"), KEY)


def test_contents_that_make_no_sense_leave_the_learner_as_it_was(first: Labelled) -> None:
    lore, arrays = unseal(snapshot(first, KEY), Lore, KEY)
    for name in arrays:
        if not name.endswith("/recent"):
            fresh = learner(modes=ALL)
            with pytest.raises(SnapshotUnreadable):
                resume(fresh, seal(lore, {**arrays, name: arrays[name][:0]}, KEY), KEY)
            assert fresh.score(PROBES) == []
