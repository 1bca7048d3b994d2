"""A record of a topic to the rows that it makes."""

from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final, TypeVar

import msgspec

from argus.store import upserts
from argus.store.upserts import Row
from core.clock import MINUTE, to_ms
from core.events import Rejected
from core.money import rough_dollars
from core.records import Alert, AuditRecord, Case, Decision, Feedback, Lock, Outcome, Source

# A user's newest event is written down at most so often by approvals that are not kept: it is right to so much.
SEEN_MS: Final = 10 * MINUTE
SEEN_MOST: Final = 50_000
SEARCH_CHARS_MAX: Final = 1_000
INTEGER_MAX: Final = 2**63 - 1
SMALL_MAX: Final = 2**31 - 1
HASH_RANGE: Final = 2**64
# A rule that is no more.
DELETED: Final = "deleted"

Rows = list[tuple[str, Row]]
Record = TypeVar("Record")


def reader(topic: str, share: float) -> Callable[[Any], Rows]:
    """Reads the Kafka records of one partition of a topic (named without its prefix): their rows by table, none for a
    record that is not kept. share: of the approvals that are. What it answers raises `Rejected`."""
    read = Decisions(share) if topic == "decisions" else _READERS[topic]

    def rows_of(record: Any) -> Rows:
        rows: Rows = []
        read(record, rows)
        return rows

    return rows_of


class Decisions:
    """Reads one partition of decisions. share: of the approvals that are kept (0 to 1)."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._seen: dict[str, int] = {}

    def keeps(self, event_id: str) -> bool:
        """Whether an approval is among those kept: always the same answer for an event."""
        digest = blake2b(event_id.encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") < self._share * HASH_RANGE

    def __call__(self, record: Any, rows: Rows) -> None:
        decision, text = _decoded(_decode_decision, record.value)
        user_id, time_ms = decision.user_id, _ms(decision.time)
        kept, weight = True, 1.0
        if decision.decision == "approve":
            kept, weight = self.keeps(decision.event_id), 1 / self._share if self._share else 0.0
        if kept:
            row = (
                decision.event_id, user_id, time_ms, decision.decision, decision.risk_score, weight, text,
                record.timestamp, *event_of(decision),
            )  # fmt: skip
            rows.append((upserts.DECISIONS.name, row))
        if kept or time_ms >= self._seen.get(user_id, 0) + SEEN_MS:
            if len(self._seen) >= SEEN_MOST:
                self._seen.clear()
            self._seen[user_id] = max(time_ms, self._seen.get(user_id, 0))
            seen = (user_id, time_ms, time_ms, decision.decision, decision.risk_score, record.timestamp)
            rows.append((upserts.USERS.name, seen))


def event_of(decision: Decision) -> tuple[str | None, int | None, float | None]:
    """What a decision tells of its event: type, whether it failed, and about how many dollars."""
    if decision.type is msgspec.UNSET:
        return None, None, None
    usd = None
    if decision.amount is not msgspec.UNSET:
        usd = rough_dollars(decision.amount, None if decision.currency is msgspec.UNSET else decision.currency)
    return decision.type, int(decision.outcome == "failure"), usd


def _alert(record: Any, rows: Rows) -> None:
    alert, text = _decoded(_decode_alert, record.value)
    source = _source(alert.source) or ""
    searched = (
        alert.title, alert.summary, alert.user_id or "", source, alert.rule_id, alert.event_id, alert.alert_id,
        *map(str, alert.context.values()),
    )  # fmt: skip
    row = (
        alert.alert_id, _integer("count", alert.count), _ms(alert.time), alert.user_id, source or None,
        alert.rule_id, alert.kind, alert.severity, alert.mode, alert.risk_score,
        searchable(" ".join(searched))[:SEARCH_CHARS_MAX], text, record.timestamp, record.timestamp,
    )  # fmt: skip
    rows.append((upserts.ALERTS.name, row))


def _case(record: Any, rows: Rows) -> None:
    if record.value is None:
        return
    case, text = _decoded(_decode_case, record.value)
    row = (
        case.case_id, _integer("version", case.version), case.user_id, _source(case.source), case.severity,
        _integer("priority", case.priority, SMALL_MAX), case.status, case.resolution, case.assignee,
        _ms(case.opened), _ms(case.acknowledge_by), _ms(case.resolve_by), _ms_or_none(case.acknowledged),
        _ms_or_none(case.resolved), text, record.timestamp,
    )  # fmt: skip
    rows.append((upserts.CASES.name, row))


def _lock(record: Any, rows: Rows) -> None:
    if record.value is None:
        return
    lock, text = _decoded(_decode_lock, record.value)
    version = _integer("version", lock.version)
    row = (
        lock.user_id, version, lock.state, _ms(lock.since), _ms_or_none(lock.until), lock.by, text,
        record.timestamp,
    )  # fmt: skip
    rows.append((upserts.LOCKS.name, row))
    rows.append((upserts.LOCK_HISTORY.name, (lock.user_id, version, text, record.timestamp)))


def _outcome(record: Any, rows: Rows) -> None:
    outcome, text = _decoded(_decode_outcome, record.value)
    row = (outcome.command_id, outcome.user_id, outcome.status, _ms(outcome.time), text, record.timestamp)
    rows.append((upserts.OUTCOMES.name, row))


def _feedback(record: Any, rows: Rows) -> None:
    feedback, text = _decoded(_decode_feedback, record.value)
    time_ms = _integer("time", feedback.time) if isinstance(feedback.time, int) else to_ms(feedback.time)
    row = (
        feedback.feedback_id, feedback.event_id, feedback.user_id, feedback.label, feedback.source, time_ms, text,
        record.timestamp,
    )  # fmt: skip
    rows.append((upserts.FEEDBACK.name, row))


def _audit(record: Any, rows: Rows) -> None:
    link, text = _decoded(_decode_audit, record.value)
    row = (
        link.hash, record.partition, _integer("sequence", link.sequence), link.subject, link.action, link.by,
        _ms(link.time), text, record.timestamp,
    )  # fmt: skip
    rows.append((upserts.AUDIT.name, row))


def _rule(record: Any, rows: Rows) -> None:
    rule_id = _text(record.key or b"")
    if record.value is None:
        rows.append((DELETED, (rule_id,)))
    else:
        rows.append((upserts.RULES.name, (rule_id, _text(record.value), record.timestamp)))


def storable(row: Row) -> Row:
    """The row without the one character that PostgreSQL has no place for in a text (JSON writes it as an escape, so
    that `record` keeps it)."""
    if any(isinstance(value, str) and "\0" in value for value in row):
        return tuple(value.replace("\0", "\ufffd") if isinstance(value, str) else value for value in row)
    return row


def searchable(text: str) -> str:
    """As texts are kept and looked for: in small letters, of every alphabet, in both databases."""
    return text.casefold()


def _decoded(decode: Callable[[bytes], Record], value: bytes | None) -> tuple[Record, str]:
    text = _text(value or b"")
    try:
        return decode(text), text  # type: ignore[arg-type]
    except msgspec.ValidationError as error:
        said = str(error)
        raise Rejected("missing_field" if "missing required field" in said else "invalid", said) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise Rejected("not_json", str(error)) from None


def _source(source: Source | msgspec.UnsetType) -> str | None:
    """`ip:192.0.2.1` for example."""
    return None if source is msgspec.UNSET else f"{source.type}:{source.id}"


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise Rejected("not_json", str(error)) from None


def _ms(time: str) -> int:
    try:
        return to_ms(datetime.fromisoformat(time))
    except (ValueError, TypeError, OverflowError):
        raise Rejected("invalid", f"{time[:40]!r} is no time with its zone") from None


def _ms_or_none(time: str | None) -> int | None:
    return None if time is None else _ms(time)


def _integer(name: str, value: int, most: int = INTEGER_MAX) -> int:
    if abs(value) > most:
        raise Rejected("out_of_range", f"{name} is beyond {most}")
    return value


_decode_alert: Final = msgspec.json.Decoder(Alert).decode
_decode_audit: Final = msgspec.json.Decoder(AuditRecord).decode
_decode_case: Final = msgspec.json.Decoder(Case).decode
_decode_decision: Final = msgspec.json.Decoder(Decision).decode
_decode_feedback: Final = msgspec.json.Decoder(Feedback).decode
_decode_lock: Final = msgspec.json.Decoder(Lock).decode
_decode_outcome: Final = msgspec.json.Decoder(Outcome).decode
_READERS: Final[Mapping[str, Callable[[Any, Rows], None]]] = {
    "locks": _lock,
    "alerts": _alert,
    "cases": _case,
    "outcomes": _outcome,
    "rules": _rule,
    "feedback": _feedback,
    "audit": _audit,
}
TOPICS: Final = (*_READERS, "decisions")
