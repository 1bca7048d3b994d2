"""The tables of the database, the same in SQLite and PostgreSQL.

Times are integers, milliseconds since the epoch. `record` is the record as it was on the topic; the columns beside
it are what rows are found, ordered and counted by. `recorded_ms` is when Argus sent the record: retention counts from
it, since an event's own time may lie years back.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, Float, Index, Integer, MetaData, Table, Text

metadata: Final = MetaData(naming_convention={"pk": "pk_%(table_name)s"})


def _text(name: str, *, key: bool = False, null: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=key, nullable=null)


def _time(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=null)


# The newest record of each alert. search: what a text is looked for in, in small letters; first_ms: when Argus sent
# its first record, null where a release before this column wrote the row.
alerts: Final = Table(
    "alerts",
    metadata,
    _text("alert_id", key=True),
    Column("count", BigInteger, nullable=False),
    _time("time_ms"),
    _text("user_id", null=True),
    _text("source", null=True),
    _text("rule_id"),
    _text("kind"),
    _text("severity"),
    _text("mode"),
    Column("risk_score", Float(53), nullable=False),
    _text("search"),
    _text("record"),
    _time("recorded_ms"),
    _time("first_ms", null=True),
    Index("ix_alerts_time", "time_ms", "alert_id"),
    Index("ix_alerts_user", "user_id", "time_ms"),
    Index("ix_alerts_rule", "rule_id", "time_ms"),
    Index("ix_alerts_severity", "severity", "time_ms"),
    Index("ix_alerts_recorded", "recorded_ms"),
)

# Every challenge and block, and a share of the approvals. weight: for how many decisions the row stands; type, failed
# (0 or 1) and usd (rough dollars): of the event, null where its decision does not tell.
decisions: Final = Table(
    "decisions",
    metadata,
    _text("event_id", key=True),
    _text("user_id", key=True),
    _time("time_ms"),
    _text("decision"),
    Column("risk_score", Float(53), nullable=False),
    Column("weight", Float(53), nullable=False),
    _text("record"),
    _time("recorded_ms"),
    _text("type", null=True),
    Column("failed", Integer, nullable=True),
    Column("usd", Float(53), nullable=True),
    Index("ix_decisions_time", "time_ms"),
    Index("ix_decisions_user", "user_id", "time_ms"),
    Index("ix_decisions_recorded", "recorded_ms"),
)

cases: Final = Table(
    "cases",
    metadata,
    _text("case_id", key=True),
    Column("version", BigInteger, nullable=False),
    _text("user_id", null=True),
    _text("source", null=True),
    _text("severity"),
    Column("priority", Integer, nullable=False),
    _text("status"),
    _text("resolution", null=True),
    _text("assignee", null=True),
    _time("opened_ms"),
    _time("acknowledge_by_ms"),
    _time("resolve_by_ms"),
    _time("acknowledged_ms", null=True),
    _time("resolved_ms", null=True),
    _text("record"),
    _time("recorded_ms"),
    Index("ix_cases_opened", "opened_ms", "case_id"),
    Index("ix_cases_status", "status", "opened_ms"),
    Index("ix_cases_assignee", "assignee", "opened_ms"),
    Index("ix_cases_user", "user_id", "opened_ms"),
    Index("ix_cases_recorded", "recorded_ms"),
)

# The newest word on each user, `unlocked` included: versions never begin again. Never deleted.
locks: Final = Table(
    "locks",
    metadata,
    _text("user_id", key=True),
    Column("version", BigInteger, nullable=False),
    _text("state"),
    _time("since_ms"),
    _time("until_ms", null=True),
    _text("by"),
    _text("record"),
    _time("recorded_ms"),
    Index("ix_locks_state", "state", "until_ms"),
)

lock_history: Final = Table(
    "lock_history",
    metadata,
    _text("user_id", key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    _text("record"),
    _time("recorded_ms"),
    Index("ix_lock_history_recorded", "recorded_ms"),
)

outcomes: Final = Table(
    "outcomes",
    metadata,
    _text("command_id", key=True),
    _text("user_id"),
    _text("status"),
    _time("time_ms"),
    _text("record"),
    _time("recorded_ms"),
    Index("ix_outcomes_user", "user_id", "time_ms"),
    Index("ix_outcomes_recorded", "recorded_ms"),
)

feedback: Final = Table(
    "feedback",
    metadata,
    _text("feedback_id", key=True),
    _text("event_id"),
    _text("user_id"),
    _text("label"),
    _text("source"),
    _time("time_ms"),
    _text("record"),
    _time("recorded_ms"),
    Index("ix_feedback_event", "event_id"),
    Index("ix_feedback_user", "user_id", "time_ms"),
    Index("ix_feedback_recorded", "recorded_ms"),
)

# By its hash, which two records share only if they are the same.
audit: Final = Table(
    "audit",
    metadata,
    _text("hash", key=True),
    Column("partition", Integer, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    _text("subject"),
    _text("action"),
    _text("by"),
    _time("time_ms"),
    _text("record"),
    _time("recorded_ms"),
    Index("ix_audit_subject", "subject", "time_ms"),
    Index("ix_audit_recorded", "recorded_ms"),
)

# Who has been seen, and what was last decided about them, to within `argus.store.rows.SEEN_MS`.
users: Final = Table(
    "users",
    metadata,
    _text("user_id", key=True),
    _time("first_ms"),
    _time("last_ms"),
    _text("decision"),
    Column("risk_score", Float(53), nullable=False),
    _time("recorded_ms"),
    Index("ix_users_last", "last_ms"),
    Index("ix_users_recorded", "recorded_ms"),
)

# User-defined rules as they came.
rules: Final = Table(
    "rules",
    metadata,
    _text("rule_id", key=True),
    _text("record"),
    _time("recorded_ms"),
)

# Logins of the console. password: its hash (`argus.api.passwords`); user_id: whose account a member's login is for.
accounts: Final = Table(
    "accounts",
    metadata,
    _text("name", key=True),
    _text("role"),
    _text("user_id", null=True),
    _text("password"),
    _time("created_ms"),
)

# Who is logged in. session: the hash of what the cookie holds.
sessions: Final = Table(
    "sessions",
    metadata,
    _text("session", key=True),
    _text("name"),
    _time("created_ms"),
    _time("expires_ms"),
    Index("ix_sessions_name", "name"),
    Index("ix_sessions_expires", "expires_ms"),
)
