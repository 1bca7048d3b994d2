"""Who works on which partitions, and who stands by for them: one decision, by whoever leads the group.

Copies are of use only where they are when their partition's owner dies. So those of one owner's partitions are spread
evenly over all others: each of them can then take over its part and has no more than its even share. (Faust's own
assignor lets copies of many partitions of one owner be together on another, who has room for half of them.)
"""

from collections import Counter
from collections.abc import Mapping
from math import ceil

from msgspec import Struct


class Share(Struct):
    """What one member has of the partitions: those it works on, and those it stands by for."""

    actives: set[int]
    standbys: set[int]


def assign(partitions: int, before: Mapping[str, Share], replicas: int) -> dict[str, Share]:
    """Shares of all members, even to one partition. Who has one keeps it as far as its share allows; one that moves
    goes to who has stood by for it, as far as shares stay even. before: at least one member, whose claims may be
    outdated and contradict each other."""
    owners = _owners(partitions, before)
    shares = {member: Share(set(), set()) for member in before}
    for partition, owner in owners.items():
        shares[owner].actives.add(partition)
    for partition, members in _copies(owners, before, min(replicas, len(before) - 1)).items():
        for member in members:
            shares[member].standbys.add(partition)
    return shares


def _owners(partitions: int, before: Mapping[str, Share]) -> dict[int, str]:
    holders = {
        partition: [member for member in sorted(before) if partition in before[member].standbys]
        for partition in range(partitions)
    }
    room = _Room(partitions, sorted(before))
    owners: dict[int, str] = {}
    for member in sorted(before, key=lambda one: (-len(before[one].actives), one)):
        own = before[member].actives & (holders.keys() - owners.keys())
        # What others have a copy of is given away first.
        for partition in sorted(own, key=lambda one: (len(holders[one]), one)):
            if room.take(member):
                owners[partition] = member
    moving = sorted(holders.keys() - owners.keys(), key=lambda one: (len(holders[one]), one))
    promoted: dict[str, list[int]] = {member: [] for member in before}
    for partition in moving:
        _promote(partition, holders, room, promoted, set())
    owners |= {partition: member for member, taken in promoted.items() for partition in taken}
    for partition in moving:
        if partition not in owners:
            owners[partition] = roomiest = max(sorted(before), key=lambda one: room.left[one])
            room.take(roomiest)
    return owners


class _Room:
    """How many partitions each member may still be given: an even share, and one more as long as the rest lasts."""

    def __init__(self, partitions: int, members: list[str]) -> None:
        even, self._rest = divmod(partitions, len(members))
        self.left = dict.fromkeys(members, even)

    def take(self, member: str) -> bool:
        if self.left[member] < 0 or not (self.left[member] or self._rest):
            return False
        self._rest -= not self.left[member]
        self.left[member] -= 1
        return True


def _promote(
    partition: int,
    holders: Mapping[int, list[str]],
    room: _Room,
    promoted: dict[str, list[int]],
    asked: set[str],
) -> bool:
    """Whether one of its holders takes it; one without room asks whether another takes what it was given before."""
    for member in sorted(holders[partition], key=lambda one: (-room.left[one], one)):
        if member in asked:
            continue
        asked.add(member)
        if not room.take(member):
            given = next((one for one in promoted[member] if _promote(one, holders, room, promoted, asked)), None)
            if given is None:
                continue
            promoted[member].remove(given)
        promoted[member].append(partition)
        return True
    return False


def _copies(owners: Mapping[int, str], before: Mapping[str, Share], count: int) -> dict[int, set[str]]:
    """The members that stand by for each partition. Who has a copy keeps it, a former owner's being the freshest, as
    far as copies stay spread."""
    copies: dict[int, set[str]] = {partition: set() for partition in owners}
    if not count:
        return copies
    owned, others = Counter(owners.values()), len(before) - 1
    together, total = Counter[tuple[str, str]](), Counter[str]()
    most = ceil(len(owners) * count / len(before))

    def keep(partition: int, member: str) -> None:
        copies[partition].add(member)
        together[owners[partition], member] += 1
        total[member] += 1

    for partition, owner in sorted(owners.items()):
        had = [one for one in before if one != owner and partition in before[one].actives | before[one].standbys]
        for member in sorted(had, key=lambda one: (partition not in before[one].actives, one)):
            spread = together[owner, member] < ceil(owned[owner] * count / others) and total[member] < most
            if spread and len(copies[partition]) < count:
                keep(partition, member)
    for partition, owner in sorted(owners.items()):
        while len(copies[partition]) < count:
            rest = before.keys() - copies[partition] - {owner}
            keep(partition, min(rest, key=lambda one: (together[owner, one], owned[one], total[one], one)))
    return copies
