"""What Argus does about an alert: a pure state machine over a user's lock.

`LockFacts` are the newest word on a user. Whether they are in force is a function of them and an event's time alone
(`lock_at`): the timer that announces an expiry changes no decision.
"""

from typing import Final, Literal, Protocol

from msgspec import Struct
from msgspec.structs import replace

from core.clock import MINUTE, SECOND, rfc3339
from core.policy import LOGINS_ONLY, Policy
from core.records import Kind, Lock, LockState
from core.rules.entry import Severity

By = Literal["rule", "admin", "otp", "expiry"]
STRENGTH: Final[dict[str, int]] = {"unlocked": 0, "challenged": 1, "locked": 2}
REASON_CHARS_MAX: Final = 200
# For so long after a user has proved who they are, failed logins of others challenge no login: who guesses passwords
# all day long must not keep the victim out.
PEACE_MS: Final = 30 * MINUTE
# Challenged events that wait for a confirmation, and the bytes of their ids.
CHALLENGED_MAX: Final = 4
CHALLENGED_BYTES: Final = 192
# COMPLIANCE opens a case; INVENTORY and SYSTEM are about things, not about the user.
ACTING_KINDS: Final = ("TRANSACTION", "SECURITY")


class LockFacts(Struct, array_like=True, frozen=True, gc=False):
    """The newest word on a user's lock.

    scope: the event types that it holds up; in force from since_ms until before until_ms (None: without end);
    announced: its expiry has been told; from_ms: in force from then on already, where that is before since_ms. A
    person's word holds for every event that comes after it, even where events run behind the person's clock.
    """

    state: LockState
    scope: tuple[str, ...]
    reason: str
    alert_id: str | None
    since_ms: int
    until_ms: int | None
    by: By
    announced: bool = False
    from_ms: int | None = None


class Lockable(Protocol):
    """The part of a user's state that changes here."""

    lock: LockFacts | None
    lock_version: int


class Answer(Struct, frozen=True, gc=False):
    """What a hit calls for. A state of unlocked calls for nothing."""

    state: LockState
    scope: tuple[str, ...]
    duration_s: int


NOTHING: Final = Answer("unlocked", (), 0)


def lock_at(lock: LockFacts | None, time_ms: int) -> LockState:
    """What is in force for an event of that time."""
    if lock is None or (lock.until_ms is not None and time_ms >= lock.until_ms):
        return "unlocked"
    if time_ms < lock.since_ms and (lock.from_ms is None or time_ms < lock.from_ms):
        return "unlocked"
    return lock.state


def held(lock: LockFacts | None) -> LockState:
    """What the newest record on the user says."""
    return "unlocked" if lock is None or lock.announced else lock.state


def said(
    state: LockState,
    scope: tuple[str, ...],
    reason: str,
    alert_id: str | None,
    time_ms: int,
    until_ms: int | None,
    by: By,
    clock_ms: int,
) -> LockFacts:
    """A person's word, said at time_ms when the user's clock was clock_ms."""
    from_ms = clock_ms if clock_ms < time_ms else None
    return LockFacts(state, scope, reason[:REASON_CHARS_MAX], alert_id, time_ms, until_ms, by, from_ms=from_ms)


def answer(policy: Policy, rule_id: str, kind: Kind, severity: int) -> Answer:
    """HIGH challenges, CRITICAL locks, unless the policy has another answer for the rule."""
    if severity < Severity.HIGH or kind not in ACTING_KINDS:
        return NOTHING
    override = policy.responses.get(rule_id)
    if severity >= Severity.CRITICAL and (override is None or override.at_most == "locked"):
        state, scope, duration_s = "locked", policy.lock_scope, policy.lock_s
    elif override is None or override.at_most != "unlocked":
        state, scope, duration_s = "challenged", policy.challenge_scope, policy.challenge_s
    else:
        return NOTHING
    if override is not None:
        scope, duration_s = override.scope or scope, override.duration_s or duration_s
    return Answer(state, scope, duration_s)  # type: ignore[arg-type]


def wanted(called_for: Answer, reason: str, alert_id: str, time_ms: int, clock_ms: int) -> LockFacts:
    """The lock that a rule asks for: from the event on, and for its whole duration from the user's clock, which a
    late event does not move."""
    until_ms = clock_ms + called_for.duration_s * SECOND
    return LockFacts(
        called_for.state, called_for.scope, reason[:REASON_CHARS_MAX], alert_id, time_ms, until_ms, "rule"
    )


def change(user: Lockable, user_id: str, wanted: LockFacts, clock_ms: int) -> list[Lock]:
    """Apply what is wanted if that changes anything. Answers the records to send, oldest first.

    clock_ms: the user's clock, by which the present lock stands or is over. A rule only adds: a stricter state
    replaces a weaker one, an equal one widens the scope and puts off the end, and that only once half of the time has
    passed, so that an attack does not do so with every event. A person's word (`by` admin or otp) always stands.
    A lock that ran out without notice is announced first, so that versions do not depend on when a timer ran.
    """
    over = expire(user, user_id, clock_ms)
    records = [] if over is None else [over]
    lock = user.lock
    present, asked = STRENGTH[held(lock)], STRENGTH[wanted.state]
    if present == asked == 0:
        return records
    if lock is not None and wanted.by == "rule":
        if asked < present or _at_peace(lock, wanted):
            return records
        if asked == present:
            merged = _merged(lock, wanted, clock_ms)
            if merged == lock:
                return records
            wanted = merged
    user.lock = wanted
    records.append(_record(user, user_id, wanted))
    return records


def stricter(lock: LockFacts | None, more: LockFacts) -> LockFacts:
    """A lock that is put on a user who may be locked already: whatever either holds up, for as long as either does.
    Equal to `lock` if it is as strict."""
    if lock is None or held(lock) != more.state:
        return more
    scope = lock.scope + tuple(type_ for type_ in more.scope if type_ not in lock.scope)
    ends = (lock.until_ms, more.until_ms)
    until_ms = None if None in ends else max(end for end in ends if end is not None)
    from_ms = _from(more) if _from(more) < _from(lock) else lock.from_ms
    word = lock if lock.by == "admin" != more.by else more
    if (scope, until_ms, from_ms, word.by) == (lock.scope, lock.until_ms, lock.from_ms, lock.by):
        return lock
    alert_id = word.alert_id or lock.alert_id
    return LockFacts(lock.state, scope, word.reason, alert_id, lock.since_ms, until_ms, word.by, from_ms=from_ms)


def _from(lock: LockFacts) -> int:
    return lock.since_ms if lock.from_ms is None else lock.from_ms


def _at_peace(lock: LockFacts, wanted: LockFacts) -> bool:
    """Whether a rule that knows of nothing but failed logins comes too soon after a passed OTP."""
    return (
        lock.by == "otp"
        and lock.state == "unlocked"
        and wanted.state == "challenged"
        and wanted.scope == LOGINS_ONLY.scope
        and wanted.since_ms < _from(lock) + PEACE_MS
    )


def remember_challenged(challenged: list[tuple[int, str]], time_ms: int, event_id: str) -> None:
    """Add a challenged event to those that the user may confirm. The oldest make room; hostile ids are left out."""
    if len(event_id.encode()) > CHALLENGED_BYTES:
        return
    challenged.append((time_ms, event_id))
    while len(challenged) > CHALLENGED_MAX or sum(len(id_.encode()) for _, id_ in challenged) > CHALLENGED_BYTES:
        challenged.pop(0)


def expire(user: Lockable, user_id: str, clock_ms: int) -> Lock | None:
    """Announce that the user's lock is over, once, if it is. clock_ms: of the partition, or of the user.

    The facts stay, so that events of the locked time which come late are still decided by them.
    """
    lock = user.lock
    if (
        lock is None
        or lock.announced
        or lock.state == "unlocked"
        or lock.until_ms is None
        or clock_ms < lock.until_ms
    ):
        return None
    user.lock = replace(lock, announced=True)
    told = LockFacts("unlocked", (), "The time of the lock is over", lock.alert_id, lock.until_ms, None, "expiry")
    return _record(user, user_id, told)


def _merged(lock: LockFacts, more: LockFacts, clock_ms: int) -> LockFacts:
    """Both of one strength in one. Equal to `lock` if `more` adds nothing worth saying."""
    scope = lock.scope + tuple(type_ for type_ in more.scope if type_ not in lock.scope)
    until_ms = lock.until_ms
    if until_ms is not None:
        if more.until_ms is None:
            until_ms = None
        elif more.until_ms > until_ms and (
            len(scope) > len(lock.scope) or 2 * (until_ms - clock_ms) <= more.until_ms - clock_ms
        ):
            until_ms = more.until_ms
    if scope == lock.scope and until_ms == lock.until_ms:
        return lock
    by = lock if lock.by == "admin" else more
    return LockFacts(lock.state, scope, by.reason, by.alert_id, lock.since_ms, until_ms, by.by, from_ms=lock.from_ms)


def _record(user: Lockable, user_id: str, facts: LockFacts) -> Lock:
    user.lock_version += 1
    return Lock(
        user_id=user_id,
        state=facts.state,
        scope=list(facts.scope),
        reason=facts.reason,
        alert_id=facts.alert_id,
        since=rfc3339(facts.since_ms),
        until=None if facts.until_ms is None else rfc3339(facts.until_ms),
        by=facts.by,
        version=user.lock_version,
    )
