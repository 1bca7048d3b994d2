"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("alert_id", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("time_ms", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("risk_score", sa.Float(precision=53), nullable=False),
        sa.Column("search", sa.Text(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("recorded_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("alert_id", name=op.f("pk_alerts")),
    )
    op.create_index("ix_alerts_recorded", "alerts", ["recorded_ms"], unique=False)
    op.create_index("ix_alerts_rule", "alerts", ["rule_id", "time_ms"], unique=False)
    op.create_index("ix_alerts_severity", "alerts", ["severity", "time_ms"], unique=False)
    op.create_index("ix_alerts_time", "alerts", ["time_ms", "alert_id"], unique=False)
    op.create_index("ix_alerts_user", "alerts", ["user_id", "time_ms"], unique=False)
    op.create_table(
        "audit",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("time_ms", sa.BigInteger(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("recorded_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_recorded", "audit", ["recorded_ms"], unique=False)
    op.create_index("ix_audit_subject", "audit", ["subject", "time_ms"], unique=False)
    op.create_table(
        "cases",
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("resolution", sa.Text(), nullable=True),
        sa.Column("assignee", sa.Text(), nullable=True),
        sa.Column("opened_ms", sa.BigInteger(), nullable=False),
        sa.Column("acknowledge_by_ms", sa.BigInteger(), nullable=False),
        sa.Column("resolve_by_ms", sa.BigInteger(), nullable=False),
        sa.Column("acknowledged_ms", sa.BigInteger(), nullable=True),
        sa.Column("resolved_ms", sa.BigInteger(), nullable=True),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("recorded_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_cases")),
    )
    op.create_index("ix_cases_assignee", "cases", ["assignee", "opened_ms"], unique=False)
    op.create_index("ix_cases_opened", "cases", ["opened_ms", "case_id"], unique=False)
    op.create_index("ix_cases_recorded", "cases", ["recorded_ms"], unique=False)
    op.create_index("ix_cases_status", "cases", ["status", "opened_ms"], unique=False)
    op.create_index("ix_cases_user", "cases", ["user_id", "opened_ms"], unique=False)
    op.create_table(
        "decisions",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("time_ms", sa.BigInteger(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("risk_score", sa.Float(precision=53), nullable=False),
        sa.Column("weight", sa.Float(precision=53), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("recorded_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", "user_id", name=op.f("pk_decisions")),
    )
    op.create_index("ix_decisions_recorded", "decisions", ["recorded_ms"], unique=False)
    op.create_index("ix_decisions_time", "decisions", ["time_ms"], unique=False)
    op.create_index("ix_decisions_user", "decisions", ["user_id", "time_ms"], unique=False)
    op.create_table(
        "feedback",
        sa.Column("feedback_id", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("time_ms", sa.BigInteger(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("recorded_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("feedback_id", name=op.f("pk_feedback")),
    )
    op.create_index("ix_feedback_event", "feedback", ["event_id"], unique=False)
    op.create_index("ix_feedback_recorded", "feedback", ["recorded_ms"], unique=False)
    op.create_index("ix_feedback_user", "feedback", ["user_id", "time_ms"], unique=False)
    op.create_table(
        "lock_history",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("recorded_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "version", name=op.f("pk_lock_history")),
    )
    op.create_index("ix_lock_history_recorded", "lock_history", ["recorded_ms"], unique=False)
    op.create_table(
        "locks",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=True),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("recorded_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_locks")),
    )
    op.create_index("ix_locks_state", "locks", ["state", "until_ms"], unique=False)
    op.create_table(
        "outcomes",
        sa.Column("command_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("time_ms", sa.BigInteger(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("recorded_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("command_id", name=op.f("pk_outcomes")),
    )
    op.create_index("ix_outcomes_recorded", "outcomes", ["recorded_ms"], unique=False)
    op.create_index("ix_outcomes_user", "outcomes", ["user_id", "time_ms"], unique=False)
    op.create_table(
        "rules",
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("recorded_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("rule_id", name=op.f("pk_rules")),
    )
    op.create_table(
        "users",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("first_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_ms", sa.BigInteger(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("risk_score", sa.Float(precision=53), nullable=False),
        sa.Column("recorded_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_users")),
    )
    op.create_index("ix_users_last", "users", ["last_ms"], unique=False)
    op.create_index("ix_users_recorded", "users", ["recorded_ms"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_users_recorded", table_name="users")
    op.drop_index("ix_users_last", table_name="users")
    op.drop_table("users")
    op.drop_table("rules")
    op.drop_index("ix_outcomes_user", table_name="outcomes")
    op.drop_index("ix_outcomes_recorded", table_name="outcomes")
    op.drop_table("outcomes")
    op.drop_index("ix_locks_state", table_name="locks")
    op.drop_table("locks")
    op.drop_index("ix_lock_history_recorded", table_name="lock_history")
    op.drop_table("lock_history")
    op.drop_index("ix_feedback_user", table_name="feedback")
    op.drop_index("ix_feedback_recorded", table_name="feedback")
    op.drop_index("ix_feedback_event", table_name="feedback")
    op.drop_table("feedback")
    op.drop_index("ix_decisions_user", table_name="decisions")
    op.drop_index("ix_decisions_time", table_name="decisions")
    op.drop_index("ix_decisions_recorded", table_name="decisions")
    op.drop_table("decisions")
    op.drop_index("ix_cases_user", table_name="cases")
    op.drop_index("ix_cases_status", table_name="cases")
    op.drop_index("ix_cases_recorded", table_name="cases")
    op.drop_index("ix_cases_opened", table_name="cases")
    op.drop_index("ix_cases_assignee", table_name="cases")
    op.drop_table("cases")
    op.drop_index("ix_audit_subject", table_name="audit")
    op.drop_index("ix_audit_recorded", table_name="audit")
    op.drop_table("audit")
    op.drop_index("ix_alerts_user", table_name="alerts")
    op.drop_index("ix_alerts_time", table_name="alerts")
    op.drop_index("ix_alerts_severity", table_name="alerts")
    op.drop_index("ix_alerts_rule", table_name="alerts")
    op.drop_index("ix_alerts_recorded", table_name="alerts")
    op.drop_table("alerts")
