"""Doing what people ask about one user: lock, unlock, escalate, one-time passwords, disputes.

All of it changes the user's state and the lists in `Obeyed`, and nothing else. A person's word goes by the order of
arrival; its time says from when it holds, and what is locked is judged by the newest record told, never by how far
the events' clock has come. Whoever is locked can leave: by OTP what rules did, by an admin everything.
"""

from typing import Final

from msgspec import Struct, field

from core import otp
from core.clock import SECOND, rfc3339, to_ms
from core.commands import ALLOWED, refusal
from core.feedback import label_record
from core.guessing import count_wrong_code
from core.judged import Book, Judged
from core.outcomes import Answer, Answered, command_key, note, recall
from core.policy import Policy
from core.records import Command, Delivery, Outcome, Time
from core.respond import By, LockFacts, change, expire, held, said, stricter
from core.state import UserState
from core.suspicion import looks_taken_over

# Of an alert's id; anything longer is none.
ALERT_ID_CHARS: Final = 32


class Obeyed(Struct):
    """What came out of some commands. judged: locks, their timers, and what the rule against guessing said; labels:
    (user id, feedback record)."""

    judged: Judged = field(default_factory=Judged)
    outcomes: list[Outcome] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    labels: list[tuple[str, bytes]] = field(default_factory=list)


class Desk:
    """Answers commands. key: of one-time passwords; now_ms: the wall clock, None to go by the commands' times."""

    def __init__(self, book: Book, policy: Policy, key: bytes, now_ms: int | None, obeyed: Obeyed) -> None:
        self._book = book
        self._policy = policy
        self._key = key
        self._now_ms = now_ms
        self._obeyed = obeyed

    def answer(self, command: Command, state: UserState) -> tuple[Answered, bool]:
        """Do what is asked and say so, once; a repeat gets the answer that was given. Answers whether it is new too.

        command: one that the users table answers (`core.commands.answered_by`), its times in milliseconds.
        """
        key = command_key(command.command_id)
        answered = recall(state.answers, key)
        fresh = answered is None
        if answered is None:
            time_ms = _ms(command.time)
            answer, number = self._obey(command, state, time_ms)
            answered = Answered(answer, number, time_ms)
            state.answers = note(state.answers, key, answered)
            state.asked_ms = max(state.asked_ms, time_ms)
        self._obeyed.outcomes.append(answered.outcome(command))
        return answered, fresh

    def _obey(self, command: Command, state: UserState, time_ms: int) -> tuple[Answer, int]:
        if refusal(command) is not None:
            return (Answer.NOT_OWN if command.role in ALLOWED[command.type] else Answer.ROLE), 0
        match command.type:
            case "lock":
                return self._lock(command, state, time_ms), 0
            case "unlock":
                return self._unlock(command, state, time_ms), 0
            case "escalate":
                return self._escalate(command, state, time_ms), 0
            case "dispute":
                return self._dispute(command, state, time_ms), 0
            case "otp_request":
                return self._send_code(command, state, time_ms), 0
            case "otp_verify":
                return self._check_code(command, state, time_ms)
        raise ValueError(f"the users table does not answer {command.type}")

    def _lock(self, command: Command, state: UserState, time_ms: int) -> Answer:
        until_ms = None if command.until is None else _ms(command.until)
        if until_ms is not None and until_ms <= time_ms:
            return Answer.UNTIL_PASSED
        scope = tuple(dict.fromkeys(command.scope or self._policy.lock_scope))
        reason = command.reason or "Locked by an admin"
        alert_id = _alert_id(command)
        wanted = said("locked", scope, reason, alert_id, time_ms, until_ms, "admin", state.clock_ms)
        if not self._tighten(command.user_id, state, wanted):
            return Answer.LOCKED_ALREADY
        self._taint(state, until_ms or self._lock_end(state, time_ms))
        return Answer.LOCKED

    def _unlock(self, command: Command, state: UserState, time_ms: int) -> Answer:
        self._expire(command.user_id, state)
        if held(state.lock) == "unlocked":
            return Answer.NOT_LOCKED
        self._release(command.user_id, state, time_ms, command.reason or "Unlocked by an admin", "admin")
        return Answer.UNLOCKED

    def _escalate(self, command: Command, state: UserState, time_ms: int) -> Answer:
        self._expire(command.user_id, state)
        lock = state.lock
        if lock is None or held(lock) != "challenged":
            return Answer.NOT_CHALLENGED
        scope = tuple(dict.fromkeys((*lock.scope, *self._policy.lock_scope)))
        reason = command.reason or f"Escalated by an {command.role}"
        until_ms = None if lock.until_ms is None else max(lock.until_ms, self._lock_end(state, time_ms))
        alert_id = lock.alert_id
        since_ms = max(time_ms, lock.since_ms)
        wanted = said("locked", scope, reason, alert_id, since_ms, until_ms, "admin", state.clock_ms)
        self._tighten(command.user_id, state, wanted)
        return Answer.ESCALATED

    def _dispute(self, command: Command, state: UserState, time_ms: int) -> Answer:
        if command.alert_id is None and command.case_id is None:
            return Answer.NO_ALERT
        who = "the user" if command.role == "member" else f"an {command.role}"
        # A member's word is no more than a rule's: a passed OTP takes it back.
        by: By = "admin" if command.role == "admin" else "rule"
        scope, alert_id = self._policy.lock_scope, _alert_id(command)
        until_ms, reason = self._lock_end(state, time_ms), f"Disputed by {who}"
        wanted = said("locked", scope, reason, alert_id, time_ms, until_ms, by, state.clock_ms)
        self._tighten(command.user_id, state, wanted)
        now_ms = max(time_ms, state.clock_ms)
        self._taint(state, max(until_ms, now_ms + self._policy.taint_s * SECOND))
        state.alarm_ms = max(state.alarm_ms, now_ms)
        state.challenged.clear()
        return Answer.DISPUTED

    def _send_code(self, command: Command, state: UserState, time_ms: int) -> Answer:
        if not otp.may_issue(state.otp, time_ms):
            return Answer.TOO_MANY_CODES
        user_id, command_id = command.user_id, command.command_id
        state.otp = otp.issue(state.otp, self._key, user_id, command_id, time_ms)
        expires = rfc3339(state.otp.expires_ms)
        self._obeyed.deliveries.append(Delivery(command_id=command_id, user_id=user_id, expires=expires))
        return Answer.CODE_SENT

    def _check_code(self, command: Command, state: UserState, time_ms: int) -> tuple[Answer, int]:
        if command.otp_hash is None:
            return Answer.NO_OTP_HASH, 0
        tried = state.otp
        found, state.otp = otp.check(tried, command.otp_hash, time_ms)
        if state.otp is not None and tried is not None and state.otp.tries < tried.tries:
            judged = self._obeyed.judged
            count_wrong_code(command, state, time_ms, self._book, self._policy, self._now_ms, judged)
        if found == "passed":
            return self._passed(command, state, time_ms), 0
        if found == "wrong" and state.otp is not None:
            return Answer.CODE_WRONG, state.otp.tries
        return {"void": Answer.CODE_VOID, "expired": Answer.CODE_EXPIRED}.get(found, Answer.NO_CODE), 0

    def _passed(self, command: Command, state: UserState, time_ms: int) -> Answer:
        """The user is who they say. That takes back what rules did, however many logins others have failed at."""
        state.otp_ok_ms = max(state.otp_ok_ms, time_ms)
        self._expire(command.user_id, state)
        lock = state.lock
        locked = held(lock) != "unlocked"
        if lock is not None and locked and lock.by == "admin":
            return Answer.ADMIN_LOCK
        if not looks_taken_over(state):
            state.suspicion = 0.0
            for _, event_id in state.challenged:
                label = label_record("otp", command.command_id, command.user_id, event_id, "legit", time_ms)
                self._obeyed.labels.append((command.user_id, label))
        state.challenged.clear()
        if not locked:
            return Answer.CONFIRMED
        self._release(command.user_id, state, time_ms, "Unlocked by a one-time password", "otp")
        return Answer.UNLOCKED

    def _taint(self, state: UserState, until_ms: int) -> None:
        """What comes while the account is locked is not the user's life."""
        state.tainted_until_ms = max(state.tainted_until_ms, until_ms)

    def _lock_end(self, state: UserState, time_ms: int) -> int:
        return max(time_ms, state.clock_ms) + self._policy.lock_s * SECOND

    def _expire(self, user_id: str, state: UserState) -> None:
        over = expire(state, user_id, state.clock_ms)
        if over is not None:
            self._obeyed.judged.locks.append(over)

    def _tighten(self, user_id: str, state: UserState, wanted: LockFacts) -> bool:
        """Put a lock on, beside the one that is there. Answers whether that changes anything."""
        self._expire(user_id, state)
        wanted = stricter(state.lock, wanted)
        if wanted == state.lock:
            return False
        judged = self._obeyed.judged
        records = change(state, user_id, wanted, state.clock_ms)
        judged.locks += records
        if records and state.lock is not None and state.lock.until_ms is not None:
            judged.due.append((state.lock.until_ms, user_id))
        return bool(records)

    def _release(self, user_id: str, state: UserState, time_ms: int, reason: str, by: By) -> None:
        lock = state.lock
        if lock is None:
            return
        since_ms = max(time_ms, lock.since_ms)
        wanted = said("unlocked", (), reason, lock.alert_id, since_ms, None, by, state.clock_ms)
        self._obeyed.judged.locks += change(state, user_id, wanted, state.clock_ms)


def _alert_id(command: Command) -> str | None:
    alert_id = command.alert_id
    return alert_id if alert_id is not None and len(alert_id) <= ALERT_ID_CHARS else None


def _ms(time: Time) -> int:
    return time if isinstance(time, int) else to_ms(time)
