"""What several users have in common, judged by source.

A source is named by its key: "ip:1.2.3.4", "network:1.2.3.0/24", "device:d1", "merchant:m1", or "all"; one that
begins with "tie:" is of a ring (`core.ring`), and no rule is asked about it. The detect agent collects signals by
key, one record per source and batch (`core.signal`); here they are placed in the sources' states and the source rules
are asked. What comes out are alerts about sources, and their reputation.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from core.alerting import USERS_MAX, alert
from core.clock import SECOND
from core.fraud_share import FRAUDS, fraud_record, fraud_share, relabel
from core.grouping import SHADOW, UPDATE_MS, open_group, place
from core.policy import Policy
from core.records import EVERYWHERE, Alert, Reason, Source, SourceType
from core.reputation import CLEAN, Reputation, cleared, standing
from core.ring import OPEN, PREFIX
from core.ring_growth import EVENT_PREFIX, RING_KINDS, grown
from core.risk import RISK_MAX, rule_weight
from core.rules.custom import CustomRules
from core.rules.entry import Answer, Hit, Rule, Severity, Thresholds
from core.signal import (
    ALL,
    CUSTOM,
    FAILED,
    FAILED_LOGIN,
    FRAUD,
    LABEL_KINDS,
    LEGIT,
    LOCKED,
    LOGIN,
    NEW_CARD,
    NEW_USER,
    PAYMENT,
    SIGNUP,
    Out,
    Signal,
    lock_signal,
    signals,
)
from core.source_state import LOGINS, PAYMENTS, SourceState, add, digest, remember, tally_day, tally_hour

__all__ = ["JudgedSources", "Out", "Signal", "SourceState", "judge_sources", "lock_signal", "signals", "source_of"]

DEFAULT: Final = Policy()
_RINGS: Final = {
    FAILED_LOGIN: LOGINS,
    LOGIN: LOGINS,
    SIGNUP: SIGNUP,
    NEW_USER: NEW_USER,
    NEW_CARD: NEW_CARD,
    LOCKED: LOCKED,
    PAYMENT: PAYMENTS,
    FRAUD: FRAUDS,
    LEGIT: FRAUDS,
}
# Kinds of which more only adds to the evidence, and that come by the thousand.
_FLOODS: Final = frozenset({FAILED_LOGIN, LOCKED})
# So soon after a hit, one more signal is more of the same.
GOES_ON_MS: Final = 10 * SECOND
_CONTEXT: Final = {"ip": "ip", "device": "device_id", "merchant": "merchant_id"}


class Check(Protocol):
    """A rule with its thresholds, called with the source's state, the signal in it, and the thresholds."""

    @property
    def rule(self) -> Rule: ...
    @property
    def t(self) -> Thresholds: ...
    @property
    def mode(self) -> str: ...
    def check(self, *facts: Any) -> Answer: ...


class Book(Protocol):
    """The source rules that a kind of signal wakes."""

    def source_rules(self, kind: str) -> Sequence[Check]: ...


class JudgedSources(Struct):
    """What came out of a batch.

    reputations: by source key, only those that changed enough to be told. hits: by rule id. suppressed: hits that
    raised the count of an alert and were not sent. failed: signals that raised, with the exception's text.
    """

    alerts: list[Alert] = field(default_factory=list)
    reputations: dict[str, Reputation] = field(default_factory=dict)
    hits: dict[str, int] = field(default_factory=dict)
    suppressed: int = 0
    failed: list[tuple[Signal, str]] = field(default_factory=list)


def source_of(key: str) -> Source:
    """The source that a key names. Raises ValueError for any other text."""
    if key == ALL:
        return Source("network", EVERYWHERE)
    type_, colon, id_ = key.partition(":")
    if not colon or type_ not in ("ip", "network", "device", "merchant"):
        raise ValueError(f"not a source key: {key}")
    known: SourceType = type_  # type: ignore[assignment]
    return Source(known, id_)


def judge_sources(
    batch: Mapping[str, Iterable[Signal]],
    states: dict[str, SourceState],
    *,
    book: Book,
    policy: Policy = DEFAULT,
    custom: CustomRules | None = None,
    now_ms: int | None = None,
) -> JudgedSources:
    """Judge a batch of signals, each source's in order of arrival.

    states: of at least the sources that were here before, changed in place; new ones are added. now_ms: the wall
    clock for `detected_at`, None to go by each signal's own time. A signal that is older than `policy.late_s` against
    its source's clock is placed and wakes no rule, if it is no label: those are late by nature.
    """
    bench = _Bench(book, policy, custom, now_ms)
    for key, told in batch.items():
        state = states.get(key)
        if state is None:
            state = states[key] = SourceState(key=key)
        source = None if key.startswith(PREFIX) else source_of(key)
        for signal in told:
            try:
                if source is None:
                    bench.grow(state, signal)
                else:
                    bench.settle(state, source, signal)
            except Exception as error:  # noqa: BLE001 - one bad signal never sinks its batch
                bench.judged.failed.append((signal, repr(error)))
    return bench.judged


def _take_in(state: SourceState, signal: Signal) -> None:
    """Place a signal in the state."""
    kind, time_ms = signal.kind, signal.time_ms
    # A label comes by the clock of who says it. Without another, that is better than none: the source is not old.
    if time_ms > state.clock_ms and (kind not in LABEL_KINDS or not state.clock_ms):
        state.clock_ms = time_ms
    if kind == PAYMENT:
        add(state, PAYMENTS, (time_ms, 0, digest(signal.event_id), 0))
        tally_day(state, time_ms)
        return
    if kind in LABEL_KINDS:
        relabel(state, signal.event_id, signal.user_id, int(signal.value), kind == FRAUD)
        return
    about = digest(signal.about) if signal.about else 0
    add(state, _RINGS[kind], (time_ms, remember(state, signal.user_id), about, signal.flags))
    if state.key == ALL and kind in (LOCKED, FAILED_LOGIN):
        tally_hour(state, kind, time_ms)


def _users(state: SourceState, ring: str, signal: Signal, window_s: float) -> list[str]:
    """Whom it is about, the newest first, as far as their ids are still known."""
    since_ms = signal.time_ms - int(window_s * SECOND)
    names = state.names
    users: dict[str, None] = {}
    for time_ms, user, _, flags in reversed(state.rings[ring]):
        if time_ms <= since_ms or len(users) >= USERS_MAX:
            break
        if user in names and (signal.kind != FAILED_LOGIN or flags & FAILED):
            users[names[user]] = None
    return list(users)


class _Bench:
    """The judging of one batch."""

    def __init__(self, book: Book, policy: Policy, custom: CustomRules | None, now_ms: int | None) -> None:
        self.judged = JudgedSources()
        self._book = book
        self._late_ms = policy.late_s * SECOND
        self._custom = custom
        self._now_ms = now_ms
        self._checks: dict[tuple[str, str], list[Check]] = {}

    def settle(self, state: SourceState, source: Source, signal: Signal) -> None:
        """Everything that follows from one signal."""
        kind, time_ms = signal.kind, signal.time_ms
        if kind == CUSTOM:
            state.clock_ms = max(state.clock_ms, time_ms)
            self._settle_custom(state, source, signal)
            return
        if kind not in _RINGS:
            # Of a newer Argus beside this one, in the middle of an upgrade.
            return
        _take_in(state, signal)
        if kind not in LABEL_KINDS and time_ms < state.clock_ms - self._late_ms:
            return
        for bound in self._asked(kind, ALL if state.key == ALL else source.type):
            if kind in _FLOODS and self._goes_on(state, signal, bound):
                continue
            hit = bound.check(state, signal, bound.t)
            if isinstance(hit, Hit):
                shadow = bound.mode == "shadow"
                whom = partial(_users, state, _RINGS[kind], signal, bound.t["window_s"])
                self._tell(state, source, signal, bound.rule, hit, SHADOW if shadow else 0, whom)
                if not shadow:
                    self._accuse(state, source, signal, bound.rule, hit)
        if kind == LEGIT and state.reputation is not None and state.reputation.level > CLEAN:
            self._reconsider(state, state.reputation, signal)
        if kind in LABEL_KINDS:
            self._record(state, signal)

    def grow(self, state: SourceState, signal: Signal) -> None:
        """What a signal means for a thing, or a fraud, in a ring. How many members a fraud has is nobody's business
        until there are too many."""
        if signal.kind not in RING_KINDS:
            return
        state.clock_ms = max(state.clock_ms, signal.time_ms)
        before, after = state.ring, grown(state.key, state.ring, signal)
        state.ring = after
        if after is None or after is before:
            return
        event = state.key.startswith(EVENT_PREFIX)
        if not event or after.closed != (OPEN if before is None else before.closed):
            told = replace(after, met=()) if event else after
            self.judged.reputations[state.key] = Reputation(CLEAN, "", after.since_ms, after.since_ms, ring=told)

    def _record(self, state: SourceState, signal: Signal) -> None:
        """Tell what labels have now told of a merchant, whether or not a rule has an opinion."""
        before = state.reputation
        record = fraud_record(state, int(signal.value), signal.time_ms)
        if record == (None if before is None else before.record):
            return
        if before is None:
            before = Reputation(CLEAN, "", signal.time_ms, signal.time_ms)
        state.reputation = self.judged.reputations[state.key] = replace(before, record=record)

    def _goes_on(self, state: SourceState, signal: Signal, bound: Check) -> bool:
        """Whether this is more of what the rule has just said, which then needs not look at its whole window again:
        a flood is counted, and looked at once a minute, when an update is due."""
        flags = SHADOW if bound.mode == "shadow" else 0
        time_ms = signal.time_ms
        group = open_group(state.groups, f"{bound.rule.id}:", bound.rule, time_ms, flags)
        if group is None:
            return False
        if abs(time_ms - group.last_ms) >= GOES_ON_MS or time_ms >= group.sent_ms + UPDATE_MS:
            return False
        again = Hit(Severity(group.severity), "")
        place(state.groups, bound.rule, again, state.key, signal.event_id, time_ms, flags)
        self.judged.hits[bound.rule.id] = self.judged.hits.get(bound.rule.id, 0) + 1
        self.judged.suppressed += 1
        return True

    def _asked(self, kind: str, source_type: str) -> list[Check]:
        asked = self._checks.get((kind, source_type))
        if asked is None:
            asked = [bound for bound in self._book.source_rules(kind) if source_type in bound.rule.sources]
            self._checks[kind, source_type] = asked
        return asked

    def _settle_custom(self, state: SourceState, source: Source, signal: Signal) -> None:
        """A signal for a window of a user-defined rule."""
        found = self._custom.check_source(state, signal) if self._custom is not None else None
        if found is not None:
            own, hit, users = found
            self._tell(state, source, signal, own.rule, hit, SHADOW if own.mode == "shadow" else 0, lambda: users)

    def _accuse(self, state: SourceState, source: Source, signal: Signal, rule: Rule, hit: Hit) -> None:
        if state.key == ALL and signal.kind != FAILED_LOGIN:
            return
        share = fraud_share(state)[0] if signal.kind == FRAUD else 0.0
        told = standing(state.reputation, source.type, rule.id, hit, signal.time_ms, share)
        if told is not None:
            state.reputation = self.judged.reputations[state.key] = told

    def _reconsider(self, state: SourceState, reputation: Reputation, signal: Signal) -> None:
        """A payment turned out to be honest: a merchant that no rule would name any more has its name back."""
        for bound in self._asked(FRAUD, "merchant"):
            if bound.mode != "shadow" and isinstance(bound.check(state, signal, bound.t), Hit):
                return
        state.reputation = self.judged.reputations[state.key] = cleared(reputation, signal.time_ms)

    def _tell(
        self,
        state: SourceState,
        source: Source,
        signal: Signal,
        rule: Rule,
        hit: Hit,
        flags: int,
        whom: Callable[[], list[str]],
    ) -> None:
        """Put a hit into its group, and an alert out if one is due. whom: the users it is about."""
        judged = self.judged
        judged.hits[rule.id] = judged.hits.get(rule.id, 0) + 1
        placed = place(state.groups, rule, hit, state.key, signal.event_id, signal.time_ms, flags)
        if not placed.send:
            judged.suppressed += 1
            return
        weight = rule_weight(rule.weight, hit.severity - rule.severity)
        name = _CONTEXT.get(source.type)
        judged.alerts.append(
            alert(
                rule,
                placed,
                hit,
                user_id=None,
                event_id=signal.event_id,
                time_ms=signal.time_ms,
                detected_ms=signal.time_ms if self._now_ms is None else self._now_ms,
                risk_score=RISK_MAX * weight,
                reasons=[Reason(rule.id, weight, hit.text)],
                context={} if name is None else {name: source.id},
                scores={},
                contributions={},
                source=source,
                users=whom(),
            )
        )
