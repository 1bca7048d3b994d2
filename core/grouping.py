"""Groups of hits: what is one alert, and when its next record is due.

A group is what one rule said about one subject (a user, or a source) with one dedup text. It stays open for the
rule's period after its newest event, and at most `GROUP_MAX_S` (or one period, if that is longer) after its first, so
that an attack that never ends is told again once a day. All of it is event time and the subject's own order of
arrival; how events were cut into batches changes nothing.

The first event of a group is sent. Repeats raise `count`; an update is sent when the severity rises, which it only
ever does, and otherwise once a minute at most. A late event joins the group that is there, however old, and so never
opens one again. Repeats after the last update are counted but told only with the next.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final, Protocol

from msgspec import Struct

from core.clock import DAY, MINUTE, SECOND
from core.records import Kind
from core.rules.entry import Hit

UPDATE_MS: Final = MINUTE
GROUP_MAX_S: Final = 86_400
GROUPS_MAX: Final = 16
# Groups that depend on models or reputation have places of their own, so that they never push out one of the others:
# those must be the same in a replay and a stream.
FED_GROUPS_MAX: Final = 8
# An attacker who changes what a rule dedups by (payees, cards) with every event still gets a handful of alerts.
GROUPS_PER_RULE_MAX: Final = 4
EVENT_IDS_MAX: Final = 20
# Characters of event ids that all of a subject's groups keep for their next updates, so that its state stays small
# whatever ids look like; groups with and without inputs each have so many.
PENDING_CHARS_MAX: Final = 512
DEDUP_CHARS_MAX: Final = 32

# Later than this, an event opens no alert.
LATE_MS: Final = DAY

SHADOW: Final = 1
FED: Final = 2


class Alerting(Protocol):
    """What grouping and alerts need of a rule, be it of the rule book or a user's own."""

    @property
    def id(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def kind(self) -> Kind: ...
    @property
    def period_s(self) -> int: ...
    @property
    def attack(self) -> tuple[str, ...]: ...
    @property
    def suggest(self) -> tuple[str, ...]: ...


class Group(Struct, array_like=True, gc=False):
    """One alert as the subject's state remembers it, under the key `rule_id:dedup`.

    id: the alert id as 16 bytes; sent_ms: event time of its newest record; flags: SHADOW, FED (has inputs besides the
    subject's own events); pending: ids of events that no record has carried yet; period_s: the rule's, 0 for unknown.
    """

    id: bytes
    severity: int
    count: int
    first_ms: int
    last_ms: int
    sent_ms: int
    flags: int
    pending: list[str]
    period_s: int = 0


class Placed(Struct, gc=False):
    """A hit in its group. event_ids: those that this record tells first; empty if nothing is to be sent."""

    group: Group
    dedup_key: str
    opened: bool
    send: bool
    event_ids: Sequence[str]


def alert_id(rule_id: str, dedup_key: str, first_event_id: str) -> str:
    """32 hex digits that the same rule, dedup key and first event always give."""
    text = f"{len(rule_id)}:{rule_id}{len(dedup_key)}:{dedup_key}{first_event_id}"
    return blake2b(text.encode(), digest_size=16).hexdigest()


def place(
    groups: dict[str, Group],
    rule: Alerting,
    hit: Hit,
    subject: str,
    event_id: str,
    time_ms: int,
    flags: int = 0,
) -> Placed:
    """Put a hit into its group, which is opened if there is none, and say whether a record is due.

    groups: those of the subject, changed in place, at most `GROUPS_MAX` + `FED_GROUPS_MAX` of them.
    """
    key = f"{rule.id}:{_short(hit.dedup)}"
    group = open_group(groups, key, rule, time_ms, flags)
    if group is None:
        key = _crowded(groups, key, rule, time_ms, flags) or key
        group = open_group(groups, key, rule, time_ms, flags)
    dedup_key = f"{rule.id}:{subject}:{key[len(rule.id) + 1 :]}"
    if group is None:
        _make_room(groups, key, flags)
        identity = bytes.fromhex(alert_id(rule.id, dedup_key, event_id))
        group = Group(identity, int(hit.severity), 1, time_ms, time_ms, time_ms, flags, [], rule.period_s)
        groups[key] = group
        return Placed(group, dedup_key, True, True, (event_id,))
    group.count += 1
    if time_ms > group.last_ms:
        group.last_ms = time_ms
    rises = hit.severity > group.severity
    if rises:
        group.severity = int(hit.severity)
    if rises or time_ms >= group.sent_ms + UPDATE_MS:
        event_ids = [*group.pending, event_id]
        group.pending = []
        group.sent_ms = max(group.sent_ms, time_ms)
        return Placed(group, dedup_key, False, True, event_ids)
    if len(group.pending) < EVENT_IDS_MAX - 1 and _make_room_for_id(groups, group, len(event_id)):
        group.pending.append(event_id)
    return Placed(group, dedup_key, False, False, ())


def _short(dedup: str) -> str:
    if len(dedup) <= DEDUP_CHARS_MAX:
        return dedup
    return blake2b(dedup.encode(), digest_size=8).hexdigest()


def open_group(groups: dict[str, Group], key: str, rule: Alerting, time_ms: int, flags: int) -> Group | None:
    group = groups.get(key)
    if group is None or group.flags != flags:
        return None
    period_ms = rule.period_s * SECOND
    if time_ms > group.last_ms + period_ms or time_ms > group.first_ms + max(period_ms, GROUP_MAX_S * SECOND):
        return None
    return group


def _crowded(groups: dict[str, Group], key: str, rule: Alerting, time_ms: int, flags: int) -> str | None:
    """The rule's newest open group if it has so many that a new one would be noise."""
    head = key[: len(rule.id) + 1]
    mine = [
        other
        for other in groups
        if other.startswith(head) and open_group(groups, other, rule, time_ms, flags) is not None
    ]
    if len(mine) < GROUPS_PER_RULE_MAX:
        return None
    return max(mine, key=lambda other: groups[other].first_ms)


def let_go(groups: dict[str, Group], clock_ms: int) -> None:
    """Forget groups that are closed for so long that no event which may still open an alert would join them.

    clock_ms: the subject's, so that it is the same however events were cut into batches.
    """
    since_ms = clock_ms - LATE_MS
    over = [
        key for key, group in groups.items() if group.period_s and since_ms > group.last_ms + group.period_s * SECOND
    ]
    for key in over:
        del groups[key]


def _make_room(groups: dict[str, Group], key: str, flags: int) -> None:
    """Drop what would be one too many, the longest quiet first; groups with and without inputs apart."""
    groups.pop(key, None)
    fed = flags & FED
    like = [other for other, group in groups.items() if group.flags & FED == fed]
    if len(like) >= (FED_GROUPS_MAX if fed else GROUPS_MAX):
        del groups[min(like, key=lambda other: groups[other].last_ms)]


def _make_room_for_id(groups: dict[str, Group], group: Group, chars: int) -> bool:
    """Forget ids that wait in groups which are quiet for longer, until there is room for one more in `group`."""
    fed = group.flags & FED
    waiting = [other for other in groups.values() if other.pending and other.flags & FED == fed]
    used = chars + sum([len(event_id) for other in waiting for event_id in other.pending])
    while used > PENDING_CHARS_MAX:
        quiet = min(waiting, key=_last_ms)
        if quiet is group:
            return False
        used -= sum(map(len, quiet.pending))
        quiet.pending = []
        waiting.remove(quiet)
    return True


def _last_ms(group: Group) -> int:
    return group.last_ms
