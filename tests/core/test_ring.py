import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.ring import (
    CARD,
    DEVICE,
    EVENT,
    ID_CHARS_MAX,
    MARK_BITS,
    TIE_MS,
    RingRecord,
    clipped,
    key_of,
    number,
    number_of,
    rank,
)
from tests.core.rings import hop, tie
from tests.core.story import MONDAY_MS


@settings(derandomize=True, deadline=None)
@given(st.integers(DEVICE, EVENT), st.integers(1, (1 << MARK_BITS) - 1))
def test_a_key_leads_back_to_its_number_and_no_two_things_share_one(kind: int, full_mark: int) -> None:
    assert number_of(key_of(kind, full_mark)) == number(kind, full_mark)
    assert number(kind, full_mark) != number((kind + 1) % (EVENT + 1), full_mark)


@pytest.mark.parametrize("key", ["device:d1", "tie:", "tie:device", "tie:device:xyz", "tie:shoe:1f", "all", ""])
def test_other_keys_are_of_no_ring(key: str) -> None:
    assert number_of(key) is None


def test_the_nearest_tie_is_the_best_then_what_is_not_the_victims_own_then_the_newest() -> None:
    far = tie(since_ms=MONDAY_MS + 9, via=[hop("u8")])
    own, old, new = tie(own=True, since_ms=MONDAY_MS + 9), tie(), tie(since_ms=MONDAY_MS + 5)
    assert sorted([far, own, old, new], key=rank) == [new, old, own, far]


def test_a_tie_counts_from_its_confirmation_for_its_time() -> None:
    counted = [tie().in_force(MONDAY_MS + ms) for ms in (-1, 0, TIE_MS - 1, TIE_MS)]
    assert counted == [False, True, True, False]


def test_a_record_lasts_as_long_as_its_newest_tie() -> None:
    ring = RingRecord(MONDAY_MS, (tie(), tie("u8", since_ms=MONDAY_MS + 5)))
    assert ring.until_ms == MONDAY_MS + 5 + TIE_MS


def test_long_ids_are_cut_for_people_and_told_apart_by_their_digests() -> None:
    assert clipped("d" * ID_CHARS_MAX) == "d" * ID_CHARS_MAX
    assert len(clipped("d" * 128)) == ID_CHARS_MAX
    assert key_of(CARD, 255) == "tie:card:ff"
