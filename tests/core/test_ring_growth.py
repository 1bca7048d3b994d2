import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import DAY
from core.reputation import CLEAN, Reputation, encode_reputation
from core.ring import (
    EVENT,
    FULL,
    MEMBERS_MOST,
    OPEN,
    RING_MAX_BYTES,
    TAKEN_BACK,
    TIE_MS,
    TIES_MOST,
    USERS_MOST,
    Hop,
    RingRecord,
    Tie,
    clipped,
    key_of,
)
from core.signal import CLEARED, CONFIRMED, Signal
from core.state import mark
from tests.core.rings import DEVICE_KEY, hop, met, ring_of, tie, tied
from tests.core.story import MONDAY_MS

EVENT_KEY = key_of(EVENT, mark("f"))

TIES = st.builds(
    tie,
    st.sampled_from([f"u{n}" for n in range(9)]),
    since_ms=st.integers(MONDAY_MS, MONDAY_MS + 9 * DAY),
    own=st.booleans(),
    via=st.lists(st.builds(hop, st.sampled_from(["v1", "v2", "v3"]), st.sampled_from(["d2", "d3"])), max_size=2),
)


def said(*words: tuple[str, int]) -> RingRecord:
    signals = [
        Signal(CONFIRMED if word == "fraud" else CLEARED, MONDAY_MS + at, "u7", "f", tie=None) for word, at in words
    ]
    ring = ring_of(signals, EVENT_KEY)
    assert ring is not None
    return ring


def test_nothing_is_kept_of_a_thing_that_no_fraud_is_near() -> None:
    assert ring_of([met("u1"), met("u2")]) is None


def test_a_thing_keeps_one_tie_of_each_user_the_nearest() -> None:
    ring = ring_of([tied(tie("u7", via=[hop("u8")])), tied(tie("u7")), tied(tie("u9")), tied(tie("u7"))])
    assert ring == RingRecord(MONDAY_MS, (ring_of([tied(tie("u7"))], ring=ring).ties))  # type: ignore[union-attr]
    assert {(one.user, one.distance) for one in ring.ties} == {("u7", 1), ("u9", 1)}  # type: ignore[union-attr]


def test_what_changes_nothing_gives_the_same_record_so_that_nobody_is_told() -> None:
    ring = ring_of([tied(tie()), met("u1")])
    assert ring_of([tied(tie()), met("u1")], ring=ring) is ring


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(TIES, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_ties_makes_no_difference_and_there_are_never_too_many(ties: list[Tie], rng: object) -> None:
    late_ms = MONDAY_MS + 10 * DAY
    signals = [tied(one, late_ms) for one in ties]
    ring = ring_of(signals)
    rng.shuffle(signals)  # type: ignore[attr-defined]
    assert ring_of(signals) == ring
    assert ring is None or len(ring.ties) <= TIES_MOST


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 40), max_size=60), st.randoms(use_true_random=False))
def test_the_order_of_users_makes_no_difference_and_a_hub_is_no_tie(users: list[int], rng: object) -> None:
    signals = [met(f"u{user}") for user in users]
    start = ring_of([tied(tie("thief"))])
    ring = ring_of(signals, ring=start)
    assert ring is not None
    crowded = len(set(users)) > USERS_MOST
    assert (ring.closed == FULL, not ring.ties) == (crowded, crowded)
    assert len(ring.met) <= USERS_MOST + 1
    if not crowded:
        rng.shuffle(signals)  # type: ignore[attr-defined]
        assert ring_of(signals, ring=start) == ring


def test_a_hub_takes_no_tie_until_a_month_is_over() -> None:
    crowd = [tied(tie()), *(met(f"u{n}") for n in range(USERS_MOST + 1))]
    ring = ring_of([*crowd, tied(tie("u8"), MONDAY_MS + DAY)])
    assert ring is not None
    assert (ring.closed, ring.ties) == (FULL, ())
    later = MONDAY_MS + TIE_MS
    anew = ring_of([tied(tie("u9", since_ms=later), later)], ring=ring)
    assert anew == RingRecord(later, (tie("u9", since_ms=later),))


def test_ties_age_out_and_one_that_comes_too_late_is_none() -> None:
    ring = ring_of([tied(tie()), tied(tie("u8", since_ms=MONDAY_MS + 29 * DAY), MONDAY_MS + 31 * DAY)])
    assert ring is not None
    assert [one.user for one in ring.ties] == ["u8"]
    assert ring_of([tied(tie(), MONDAY_MS + TIE_MS)]) is None


@pytest.mark.parametrize(
    ("words", "closed"),
    [
        ([("fraud", 0)], OPEN),
        ([("fraud", 0), ("legit", 5)], TAKEN_BACK),
        ([("legit", 5), ("fraud", 0)], TAKEN_BACK),
        ([("fraud", 0), ("legit", 5), ("fraud", 9)], OPEN),
        ([("fraud", 5), ("legit", 5)], OPEN),
        ([("legit", 5), ("fraud", 5)], OPEN),
    ],
)
def test_of_two_words_on_a_fraud_the_later_stands_however_they_come(
    words: list[tuple[str, int]], closed: int
) -> None:
    assert said(*words).closed == closed


def test_a_fraud_with_too_many_members_grows_no_further_and_still_counts() -> None:
    members = [met(f"u{n}") for n in range(MEMBERS_MOST + 9)]
    full = ring_of(members, EVENT_KEY, said(("fraud", 0)))
    assert full is not None
    assert (full.closed, len(full.met)) == (FULL, MEMBERS_MOST + 1)
    words = [Signal(word, MONDAY_MS + at, "u7", "f") for at, word in enumerate((CLEARED, CONFIRMED), 1)]
    assert ring_of(words, EVENT_KEY, full).closed == FULL  # type: ignore[union-attr]


def test_the_largest_record_stays_within_its_bytes() -> None:
    name = clipped("\U0001f600" * 128)
    far = (1 << 32) - 1
    hops = tuple(Hop(3, name, name, far) for _ in range(2))
    ties = tuple(Tie(name, far, (1 << 63) - 1, MONDAY_MS, True, hops) for _ in range(TIES_MOST))
    met_by = tuple(range(far - MEMBERS_MOST, far + 1))
    ring = RingRecord(MONDAY_MS, ties, met_by, FULL, MONDAY_MS)
    assert len(encode_reputation(Reputation(CLEAN, "", MONDAY_MS, MONDAY_MS, ring=ring))) <= RING_MAX_BYTES
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(ring), type=RingRecord) == ring


def test_a_signal_of_a_newer_argus_changes_nothing() -> None:
    ring = ring_of([tied(tie())])
    assert ring_of([Signal("tie", MONDAY_MS, "u1", "e")], DEVICE_KEY, ring) is ring
