"""Two sets of rules or models over the same events: what one would have done that the other did not.

An alert is the same by its id, which is a hash of rule, group and first event; a lock by its user and the moment from
which it stands. Neither the order of the records nor how many updates there were matters, so two runs give the same
comparison.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, Literal, Protocol

from msgspec import UNSET, Struct

from core.clock import to_ms
from core.records import Alert, Decision, Lock

# Of each kind of change so many are named; the counts are of all.
LISTED: Final = 20

What = Literal["new", "lost", "changed"]
WHATS: Final[tuple[What, ...]] = ("new", "lost", "changed")


class Told(Struct, frozen=True, kw_only=True):
    """An alert or an update, without its words. users: of an alert about a source."""

    alert_id: str
    rule_id: str
    kind: str
    severity: str
    mode: str
    count: int
    user_id: str | None
    source: str | None
    time: str
    event_id: str
    event_ids: list[str]
    users: list[str]

    @property
    def time_ms(self) -> int:
        """Of the event that it is about, in ms."""
        return ms(self.time)

    @property
    def standing(self) -> tuple[str, str, int]:
        """What makes it another alert than one of the same id."""
        return self.severity, self.mode, self.count


class Output(Protocol):
    """What a run says of some events (`argus.replay.Block`)."""

    @property
    def alerts(self) -> list[Alert]: ...
    @property
    def decisions(self) -> list[Decision]: ...
    @property
    def locks(self) -> list[Lock]: ...


class Run:
    """What one set of rules did. alerts: by id, as the latest record has them; locks: those that held somebody up, by
    user and beginning, likewise. live: every live record in order, only of a run that keeps them."""

    def __init__(self, *, keep_live: bool = False) -> None:
        self.alerts: dict[str, Told] = {}
        self.locks: dict[tuple[str, str], Lock] = {}
        self.live: list[Told] | None = [] if keep_live else None

    def add(self, output: Output) -> None:
        """Some more of it."""
        for alert in output.alerts:
            told = told_of(alert)
            self.alerts[told.alert_id] = told
            if self.live is not None and told.mode == "live":
                self.live.append(told)
        for lock in output.locks:
            if lock.state != "unlocked":
                self.locks[lock.user_id, lock.since] = lock


class Change(Struct, frozen=True):
    """One alert or lock that differs. before, after: as it stood in either run, None where it was not."""

    id: str
    rule_id: str
    about: str
    time: str
    before: str | None
    after: str | None


class Changes(Struct, frozen=True):
    """How many differ, in all and by rule, and `LISTED` of each by name."""

    counts: dict[str, int]
    by_rule: dict[str, dict[str, int]]
    listed: dict[str, list[Change]]


class Comparison(Struct, frozen=True):
    """before: what is in force; after: the candidates. decisions: "approve to block" and its like, to how many
    events. truth: by the labels, where there are any (`argus.back_test_truth.Judged`); of: what is tried, "rules",
    "models" or both."""

    alerts: Changes
    locks: Changes
    decisions: dict[str, int]
    truth: Any = None
    of: str = "rules"


class Comparing:
    """Takes both runs block by block. The decisions of a block are compared as they come, and not kept."""

    def __init__(self, *, keep_live: bool) -> None:
        """keep_live: as labels need it."""
        self.before = Run(keep_live=keep_live)
        self.after = Run(keep_live=keep_live)
        self._decisions: Counter[str] = Counter()

    def add(self, before: Output, after: Output) -> None:
        """What both said of the same events."""
        self.before.add(before)
        self.after.add(after)
        decided = {decision.event_id: decision.decision for decision in before.decisions}
        for decision in after.decisions:
            was = decided.get(decision.event_id, decision.decision)
            if was != decision.decision:
                self._decisions[f"{was} to {decision.decision}"] += 1

    def result(self, truth: Any = None, of: str = "rules") -> Comparison:
        return Comparison(
            alerts=_changes(_alert_changes(self.before, self.after)),
            locks=_changes(_lock_changes(self.before, self.after)),
            decisions=dict(sorted(self._decisions.items())),
            truth=truth,
            of=of,
        )


def told_of(alert: Alert) -> Told:
    source = alert.source
    return Told(
        alert_id=alert.alert_id,
        rule_id=alert.rule_id,
        kind=alert.kind,
        severity=alert.severity,
        mode=alert.mode,
        count=alert.count,
        user_id=alert.user_id,
        source=None if source is UNSET else f"{source.type} {source.id}",
        time=alert.time,
        event_id=alert.event_id,
        event_ids=alert.event_ids,
        users=[] if alert.users is UNSET else alert.users,
    )


def what(change: Change) -> What:
    """How it differs."""
    return "new" if change.before is None else "lost" if change.after is None else "changed"


def ms(time: str) -> int:
    """A time that Argus wrote."""
    return to_ms(datetime.fromisoformat(time))


def _alert_changes(before: Run, after: Run) -> Iterable[Change]:
    for alert_id, was, now in _paired(before.alerts, after.alerts):
        if was is None or now is None or was.standing != now.standing:
            told = now or was
            assert told is not None
            about = told.user_id if told.user_id is not None else told.source or ""
            yield Change(alert_id, told.rule_id, about, told.time, _alert_text(was), _alert_text(now))


def _lock_changes(before: Run, after: Run) -> Iterable[Change]:
    for (user_id, since), was, now in _paired(before.locks, after.locks):
        texts = _lock_text(was, before), _lock_text(now, after)
        if texts[0] != texts[1]:
            run, lock = (after, now) if now is not None else (before, was)
            assert lock is not None
            yield Change(f"{user_id} {since}", _rule_of(lock, run), user_id, since, *texts)


def _paired(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> Iterable[tuple[Any, Any, Any]]:
    for key in before.keys() | after.keys():
        yield key, before.get(key), after.get(key)


def _alert_text(told: Told | None) -> str | None:
    if told is None:
        return None
    shadow = " in shadow" if told.mode == "shadow" else ""
    return f"{told.severity}{shadow}, {told.count} hit{'' if told.count == 1 else 's'}"


def _lock_text(lock: Lock | None, run: Run) -> str | None:
    if lock is None:
        return None
    until = lock.until or "further notice"
    return f"{lock.state} until {until} for {len(lock.scope)} types of event by {_rule_of(lock, run)}"


def _rule_of(lock: Lock, run: Run) -> str:
    told = run.alerts.get(lock.alert_id) if lock.alert_id is not None else None
    return lock.by if told is None else told.rule_id


def _changes(changes: Iterable[Change]) -> Changes:
    by_rule: dict[str, Counter[str]] = {}
    kinds: dict[What, list[Change]] = {kind: [] for kind in WHATS}
    for change in changes:
        by_rule.setdefault(change.rule_id, Counter())[what(change)] += 1
        kinds[what(change)].append(change)
    return Changes(
        counts={kind: len(found) for kind, found in kinds.items()},
        by_rule={rule_id: {kind: counts[kind] for kind in WHATS} for rule_id, counts in sorted(by_rule.items())},
        listed={
            kind: sorted(found, key=lambda change: (change.time, change.id))[:LISTED] for kind, found in kinds.items()
        },
    )
