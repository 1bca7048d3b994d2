"""Who works on what and who stands by for it, in groups of all sizes that members join, leave and come back to."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.assigning import Share, assign

Shares = dict[str, Share]


def nothing() -> Share:
    return Share(set(), set())


def grown(partitions: int, members: int, replicas: int) -> Shares:
    """Members that have joined one after the other."""
    shares: Shares = {}
    for number in range(members):
        shares = assign(partitions, {**shares, f"w{number}": nothing()}, replicas)
    return shares


def without(shares: Shares, gone: str) -> Shares:
    return {member: share for member, share in shares.items() if member != gone}


def check(partitions: int, shares: Shares, replicas: int) -> None:
    """Everybody's partitions, and copies: all there, once, and nobody has both."""
    owned = Counter(partition for share in shares.values() for partition in share.actives)
    copied = Counter(partition for share in shares.values() for partition in share.standbys)
    copies = min(replicas, len(shares) - 1)
    assert owned == dict.fromkeys(range(partitions), 1)
    assert copied == (dict.fromkeys(range(partitions), copies) if copies else {})
    assert not any(share.actives & share.standbys for share in shares.values())
    sizes = [len(share.actives) for share in shares.values()]
    assert max(sizes) - min(sizes) <= 1


def test_the_first_has_everything_and_nobody_stands_by() -> None:
    assert assign(4, {"w0": nothing()}, 1) == {"w0": Share({0, 1, 2, 3}, set())}


@pytest.mark.parametrize(("partitions", "members"), [(4, 2), (12, 3), (12, 4), (24, 6), (12, 12), (64, 2)])
def test_whatever_dies_its_partitions_go_to_those_that_stood_by_and_nobody_has_more_than_its_share(
    partitions: int, members: int
) -> None:
    shares = grown(partitions, members, 1)
    for gone in sorted(shares):
        left = assign(partitions, without(shares, gone), 1)
        check(partitions, left, 1)
        for partition in shares[gone].actives:
            (owner,) = [member for member, share in left.items() if partition in share.actives]
            assert partition in shares[owner].standbys
        assert max(len(share.actives) for share in left.values()) <= -(-partitions // (members - 1))
        # And when it comes back, nobody but it is given any.
        shares = assign(partitions, {**left, gone: nothing()}, 1)
        check(partitions, shares, 1)
        assert all(shares[member].actives <= left[member].actives for member in left)


def test_who_gives_a_partition_up_keeps_its_copy() -> None:
    one = assign(4, {"w0": nothing()}, 1)
    two = assign(4, {**one, "w1": nothing()}, 1)
    assert two["w0"].standbys == one["w0"].actives - two["w0"].actives


def test_nothing_moves_where_nobody_comes_or_goes() -> None:
    shares = grown(12, 5, 2)
    assert assign(12, shares, 2) == shares


def test_claims_that_contradict_each_other_or_name_what_is_not_there_are_settled() -> None:
    claims = {"w0": Share({0, 1, 2, 9}, {1}), "w1": Share({0, 1, 2}, {2, 11})}
    check(4, assign(4, claims, 1), 1)


@given(
    partitions=st.integers(1, 40),
    replicas=st.integers(0, 3),
    turns=st.lists(st.integers(0, 6), min_size=1, max_size=12),
)
def test_all_is_shared_out_whoever_comes_and_goes(partitions: int, replicas: int, turns: list[int]) -> None:
    shares: Shares = {"w0": nothing()}
    for turn in turns:
        member = f"w{turn}"
        members = {**shares, member: nothing()} if member not in shares else without(shares, member)
        shares = assign(partitions, members or {"w0": nothing()}, replicas)
        check(partitions, shares, replicas)
