import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.kept import FRAUD, TAINTED, TOLD, KeptRows, chunk_of, to_bytes, to_shares
from tests.models.labelling import FEATURES, START_MS, case

WIDTH = len(FEATURES)


def kept(rows_most: int, count: int, *, tainted: bool = False, batch: int = 50) -> KeptRows:
    rows = KeptRows(WIDTH, rows_most)
    for begin in range(0, count, batch):
        part = [case(at, (0.1, 0.2, 0.3), tainted=tainted) for at in range(begin, min(count, begin + batch))]
        rows.add(rows.wanted(chunk_of(part, WIDTH)))
    return rows


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=20))
def test_a_value_comes_back_within_half_a_step(row: list[float]) -> None:
    assert np.abs(to_shares(to_bytes(np.array([row]))) - [row]).max() <= 0.5 / 255 + 1e-12


def test_what_is_no_number_is_kept_as_nothing_of_that() -> None:
    assert to_bytes(np.array([[np.nan, np.inf, -np.inf, 2.0, -1.0]])).tolist() == [[0, 255, 0, 255, 0]]


def test_all_is_kept_while_there_is_room_with_what_is_known_of_it() -> None:
    rows = kept(1_000, 300)
    assert rows.count == 300
    assert rows.weights().tolist() == [1.0] * 300
    assert int(rows.column("time_ms")[299]) == START_MS + 299 * 60_000
    assert rows.find(int.from_bytes(case(7, (0,)).action.key, "big"), int(rows.column("user")[7])) == 7
    assert rows.find(int.from_bytes(case(7, (0,)).action.key, "big"), 1) is None


def test_beyond_its_room_a_sample_stands_for_all() -> None:
    rows = kept(500, 10_000)
    assert 100 < rows.count <= 500
    assert rows.bits[0] >= 4
    assert rows.weights().sum() == pytest.approx(10_000, rel=0.25)


def test_the_sample_hangs_on_no_cut_into_batches() -> None:
    one, other = kept(500, 5_000, batch=50), kept(500, 5_000, batch=700)
    assert set(one.column("key").tolist()) == set(other.column("key").tolist())


def test_what_alerted_is_all_kept_while_the_rest_is_thinned() -> None:
    rows = KeptRows(WIDTH, 500)
    for begin in range(0, 5_000, 50):
        part = [case(at, (0.1, 0.2, 0.3), tainted=at % 50 == 0) for at in range(begin, begin + 50)]
        rows.add(chunk_of(part, WIDTH))
    told = (rows.column("flags") & TOLD) > 0
    assert np.count_nonzero(told) == 100
    assert (rows.column("flags")[told] & TAINTED).all()
    assert rows.bits == [rows.bits[0], 0]


def test_a_flood_of_alerts_is_thinned_too() -> None:
    rows = kept(500, 5_000, tainted=True)
    assert rows.count <= 500
    assert rows.weights().sum() == pytest.approx(5_000, rel=0.25)


def test_labelled_rows_stay_when_others_are_thinned_until_there_are_too_many() -> None:
    rows = kept(500, 400)
    rows.column("label")[:200] = FRAUD
    known = set(rows.column("key")[:200].tolist())
    for at in range(400, 3_000):
        rows.add(chunk_of([case(at, (0, 0, 0))], WIDTH))
    assert known <= set(rows.column("key").tolist())
    rows.column("label")[:] = FRAUD
    for at in range(3_000, 3_400):
        rows.add(chunk_of([case(at, (0, 0, 0))], WIDTH))
        rows.column("label")[:] = FRAUD
    assert rows.count <= 500
    assert int(rows.column("time_ms").max()) > START_MS + 3_000 * 60_000


def test_a_batch_larger_than_all_room_leaves_its_newest() -> None:
    rows = KeptRows(WIDTH, 100)
    rows.add(chunk_of([case(at, (0, 0, 0), tainted=True) for at in range(90)], WIDTH))
    rows.column("label")[:] = FRAUD
    rows.add(chunk_of([case(at, (0, 0, 0)) for at in range(90, 4_000)], WIDTH))
    assert 0 < rows.count <= 100


def test_what_is_past_the_window_goes_and_is_counted() -> None:
    rows = kept(1_000, 400)
    rows.expire(START_MS + 100 * 60_000)
    assert (rows.count, rows.expired) == (300, 100)
    assert int(rows.column("time_ms").min()) == START_MS + 100 * 60_000
    rows.expire(START_MS + 101 * 60_000)
    assert rows.count == 300  # too few to be worth moving all others


def test_more_is_kept_again_when_a_flood_is_past_the_window() -> None:
    rows = kept(500, 10_000)
    asked = rows.bits[0]
    for hour in range(asked):
        rows.add(chunk_of([case(10_000 + hour, (0, 0, 0))], WIDTH))
        rows.expire(START_MS + 60_000 * (10_000 + hour))
    assert rows.bits[0] < asked
    before = rows.weights().sum()
    rows.add(chunk_of([case(20_000 + at, (0, 0, 0)) for at in range(1_000)], WIDTH))
    assert rows.weights().sum() - before == pytest.approx(1_000, rel=0.4)
