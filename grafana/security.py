"""Security: who is attacked now, whether answers reach the users, and which cases wait."""

from typing import Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import VariableOption

from grafana.board import Board, Row, source
from grafana.panel import NONE_IS_WELL, bars, grid, lines, number, rising
from grafana.query import Sql, count, of, promql, quantile, rate, share, total

# The console that links lead to: provisioned boards can't read an environment, so it is a field on the board.
CONSOLE: Final = (
    dashboard.TextBoxVariable("console").label("Console").default_value("http://127.0.0.1:8080")
    .current(VariableOption(text="http://127.0.0.1:8080", value="http://127.0.0.1:8080"))
)  # fmt: skip
NEWEST: Final = """
SELECT to_timestamp(time_ms / 1000.0) AS "at", severity, rule_id, coalesce(user_id, source) AS "subject", alert_id
FROM alerts
WHERE time_ms BETWEEN $__from AND $__to AND mode = 'live' AND severity IN ('CRITICAL', 'HIGH')
ORDER BY time_ms DESC LIMIT 50"""
WAITING: Final = """
SELECT severity, status, coalesce(assignee, '') AS "assignee", coalesce(user_id, source) AS "subject",
  to_timestamp(opened_ms / 1000.0) AS "opened",
  (CASE WHEN acknowledged_ms IS NULL THEN acknowledge_by_ms ELSE resolve_by_ms END
    - extract(epoch FROM now()) * 1000) / 1000.0 AS "left_s", case_id
FROM cases WHERE status <> 'resolved'
ORDER BY left_s LIMIT 50"""
BY_RULE: Final = """
SELECT rule_id, count(*) AS "alerts", count(DISTINCT user_id) AS "users", max(risk_score) AS "highest",
  to_timestamp(max(time_ms) / 1000.0) AS "last"
FROM alerts
WHERE time_ms BETWEEN $__from AND $__to AND mode = 'live'
GROUP BY rule_id ORDER BY count(*) DESC LIMIT 30"""
HELD: Final = """
SELECT user_id, state, "by", to_timestamp(since_ms / 1000.0) AS "since", to_timestamp(until_ms / 1000.0) AS "until"
FROM locks
WHERE state <> 'unlocked' AND (until_ms IS NULL OR until_ms > extract(epoch FROM now()) * 1000)
ORDER BY since_ms DESC LIMIT 50"""
NOT_APPROVED: Final = rate("argus_decisions_total", 'decision!="approve"', by="decision")
LEFT: Final = ((None, "red"), (0.0, "orange"), (300.0, "green"))

WELL: Final = Row("Is it well", (
    number(
        "Critical alerts", "Critical alerts and updates in the shown range. Each has locked somebody.",
        "short", promql(count("argus_alerts_total", 'severity="critical"'), instant=True), rising(1, 20),
        decimals=0,
    ),
    number(
        "Blocked", "Share of decisions, in the shown range, that blocked. Users feel it: know why if it rises.",
        "percentunit",
        promql(share(count("argus_decisions_total", 'decision="block"'), count("argus_decisions_total")),
               instant=True),
        rising(0.02, 0.1), none="No decisions", decimals=2,
    ),
    number(
        "Users held up", "Users who are locked or challenged now.",
        "short", promql(total(of("argus_active_locks")), instant=True), decimals=0,
    ),
    number(
        "Locks not delivered", "Locks in the shown range that the broker did not take: a taken-over account "
        "that still works.",
        "short", promql(count("argus_lock_failures_total"), instant=True), NONE_IS_WELL, decimals=0,
    ),
    number(
        "Oldest case waiting", "Of high and critical cases, how long the oldest waits to be acknowledged.",
        "s",
        promql(total(of("argus_case_oldest_unacked_seconds", 'severity=~"high|critical"'), how="max"),
               instant=True),
        rising(600, 900),
    ),
    number(
        "Deadlines missed", "Deadlines of cases missed in the shown range.",
        "short", promql(count("argus_case_sla_breaches_total", 'kind=~".*missed"'), instant=True), NONE_IS_WELL,
        decimals=0,
    ),
))  # fmt: skip

ATTACKS: Final = Row("Where: attacks", (
    lines(
        "Alerts by severity", "Per second, updates too.",
        "eps", promql(rate("argus_alerts_total", by="severity"), "{{severity}}"), stacked=True,
    ),
    bars(
        "Detections", "Alerts and updates in the shown range, by what detected them.",
        "short",
        promql(f"topk(12, {count('argus_alerts_total', by='detection')} > 0)", "{{detection}}", instant=True),
        none="No alerts", decimals=0,
    ),
    lines(
        "Share challenged and blocked", "Of all decisions.",
        "percentunit",
        promql(
            f"{NOT_APPROVED} / ignoring (decision) "
            f"group_left () ({rate('argus_decisions_total')} > 0)",
            "{{decision}}",
        ), stacked=True,
    ),
    grid(
        "Newest alerts", "High and critical ones of the shown range, from the database. Click for the console.",
        "string", Sql(NEWEST),
        columns={"at": "At", "severity": "Severity", "rule_id": "Rule", "subject": "User or source",
                 "alert_id": "Alert"},
        links={"Alert": "${console}/alerts/${__value.raw}"}, none="No alerts in this range", width=14, height=9,
    ),
    grid(
        "By rule", "Alerts of the shown range in the database.",
        "string", Sql(BY_RULE),
        columns={"rule_id": "Rule", "alerts": "Alerts", "users": "Users", "highest": "Highest risk",
                 "last": "Last"},
        units={"Alerts": "short", "Users": "short", "Highest risk": "short"},
        none="No alerts in this range", width=10, height=9,
    ),
))  # fmt: skip

ANSWERS: Final = Row("Where: answers", (
    lines(
        "Changes of locks", "Per second, by what was done and by whom. `admin` is a person.",
        "eps", promql(rate("argus_locks_total", by="action, reason") + " > 0", "{{action}} by {{reason}}"),
        stacked=True, width=6,
    ),
    lines(
        "Time until a lock is there, p99", "From the arrival of what caused it to the lock on its topic.",
        "s", promql(quantile(0.99, "argus_lock_latency_seconds", by="action"), "{{action}}", exemplar=True),
        at=rising(1, 10), width=6,
    ),
    lines(
        "Users held up", "Locked and challenged users, over time.",
        "short", promql(total(of("argus_active_locks"), "state"), "{{state}}"), stacked=True, width=6,
    ),
    lines(
        "One-time passwords", "Asked for and tried, per second. Many `wrong` ones are somebody guessing.",
        "eps", promql(rate("argus_otp_challenges_total", by="outcome"), "{{outcome}}"), width=6,
    ),
    grid(
        "Users held up now", "From the database, the newest first.",
        "string", Sql(HELD),
        columns={"user_id": "User", "state": "State", "by": "By", "since": "Since", "until": "Until"},
        links={"User": "${console}/users/${__value.raw}"}, none="Nobody is held up", width=12, height=8,
    ),
    lines(
        "Commands", "What people asked for, per second, and whether it was done.",
        "eps", promql(rate("argus_commands_total", by="type, status") + " > 0", "{{type}} {{status}}"), width=12,
    ),
))  # fmt: skip

CASES: Final = Row("Where: cases", (
    lines(
        "Open cases", "Cases that are not resolved, by severity.",
        "short", promql(total(of("argus_cases_open"), "severity"), "{{severity}}"), stacked=True,
    ),
    lines(
        "Oldest case waiting", "How long the oldest waits to be acknowledged.",
        "s", promql(total(of("argus_case_oldest_unacked_seconds"), "severity", "max"), "{{severity}}"),
    ),
    lines(
        "Deadlines", "Told as near or missed, in each interval.",
        "short",
        promql(
            total(f"increase({of('argus_case_sla_breaches_total')}[$__rate_interval])", "kind"), "{{kind}}"
        ),
    ),
    grid(
        "Cases waiting", "The nearest deadline first, from the database; below zero it is missed.",
        "string", Sql(WAITING),
        columns={"severity": "Severity", "status": "Status", "assignee": "Whose", "subject": "User or source",
                 "opened": "Opened", "left_s": "Left", "case_id": "Case"},
        units={"Left": "s"}, cells={"Left": LEFT}, links={"Case": "${console}/cases/${__value.raw}"},
        none="No case waits", width=16, height=9,
    ),
    bars(
        "Time to acknowledge, p90", "Of cases acknowledged in the shown range.",
        "s",
        promql(quantile(0.9, "argus_case_ack_seconds", by="severity", over="$__range"), "{{severity}}",
               instant=True), rising(900, 3600), none="None acknowledged", width=4, height=9,
    ),
    bars(
        "Time to resolve, p90", "Of cases resolved in the shown range.",
        "s",
        promql(quantile(0.9, "argus_case_resolution_seconds", by="severity", over="$__range"), "{{severity}}",
               instant=True), rising(3600, 14400), none="None resolved", width=4, height=9,
    ),
))  # fmt: skip

WHY: Final = Row("Why", (
    lines(
        "Hits that sent no alert", "Per second: grouped into one that was sent, or of a rule in shadow or off.",
        "eps", promql(rate("argus_alerts_suppressed_total", by="reason"), "{{reason}}"),
    ),
    lines(
        "Refused at the API", "Requests per second that were not let in.",
        "reqps", promql(rate("argus_http_refused_total", by="reason"), "{{reason}}"),
    ),
    lines(
        "Audit", "Records added to the audit chains per second, and checkpoints among them.",
        "eps", promql(rate("argus_audit_records_total"), "records"),
        promql(rate("argus_audit_checkpoints_total"), "checkpoints"),
    ),
))  # fmt: skip

SECURITY: Final = Board(
    uid="argus-security",
    title="Argus 5: security",
    about="Who is attacked, what was done about it, and which cases wait. It names users: mind who may see it.",
    more=(
        source("database", "Database", "grafana-postgresql-datasource", "Argus database", "argus-database"),
        CONSOLE,
    ),
    rows=(WELL, ATTACKS, ANSWERS, CASES, WHY),
)
