import numpy as np
import pytest

from models.protocol import Matrix
from models.reservoir import CAPACITY, HORIZON_ROWS, STEPS, Reservoir


def numbered(count: int, start: int = 0) -> Matrix:
    """One feature that tells a row's place in the stream, in steps of the sample."""
    return ((start + np.arange(count)) % (STEPS + 1) / STEPS)[:, None]


def filled(count: int, *, seed: int = 1, batch: int = 512) -> Reservoir:
    sample = Reservoir(1, seed)
    for start in range(0, count, batch):
        sample.add(numbered(min(batch, count - start), start))
    return sample


def test_all_rows_are_kept_while_there_is_room() -> None:
    sample = filled(CAPACITY)
    assert len(sample) == sample.count == CAPACITY
    assert sample.rows.tolist() == numbered(CAPACITY).tolist()


def test_it_is_bounded_and_every_row_has_the_same_chance() -> None:
    sample = filled(60_000)
    assert (len(sample), sample.count) == (CAPACITY, 60_000)
    places = np.rint(sample.rows[:, 0] * STEPS)
    shares = np.histogram(places, bins=6, range=(0, 60_000))[0] / CAPACITY
    assert np.abs(shares - 1 / 6).max() < 0.03


@pytest.mark.parametrize("batch", [1, 3, 100, 5_000])
def test_the_sample_does_not_depend_on_how_rows_are_cut_into_batches(batch: int) -> None:
    assert filled(9_000, batch=batch).rows.tolist() == filled(9_000).rows.tolist()


def test_another_seed_draws_another_sample() -> None:
    assert filled(9_000, seed=2).rows.tolist() != filled(9_000).rows.tolist()


def test_beyond_the_horizon_the_old_fade_away() -> None:
    sample = Reservoir(1, 1)
    old, new = np.zeros((HORIZON_ROWS, 1)), np.ones((HORIZON_ROWS, 1))
    sample.add(old)
    sample.add(new)
    share = float(sample.rows.mean())
    assert 0.58 < share < 0.68  # 1 - 1/e; all rows alike would have left it at a half
    sample.add(new[:CAPACITY])
    assert float(sample.rows.mean()) < share + 0.03


def test_a_restored_sample_goes_on_as_the_one_it_was_taken_of() -> None:
    sample, again = filled(9_001), Reservoir(1, 1)
    again.restore(sample.state())
    still = sample.rows.tolist()
    copied = sample.copy()
    for each in (sample, again):
        each.add(numbered(2_000, 9_001))
    assert again.rows.tolist() == sample.rows.tolist() != still
    assert copied.rows.tolist() == still


@pytest.mark.parametrize(
    "rows", [np.zeros((3, 2), np.uint16), np.zeros((3, 1)), np.zeros((CAPACITY + 1, 1), np.uint16)]
)
def test_a_sample_of_another_shape_is_refused(rows: Matrix) -> None:
    with pytest.raises(ValueError, match="size"):
        Reservoir(1, 1).restore({"rows": rows, "count": np.array([3, 0, 0])})


def test_it_knows_from_when_to_when_its_rows_came() -> None:
    sample = Reservoir(1, 1)
    for clock_ms in (5, 6, 9):
        sample.add(numbered(3), clock_ms)
    assert (sample.from_ms, sample.to_ms) == (5, 9)
