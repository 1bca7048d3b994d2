"""Case work in tests: one subject's alerts and commands with few words, and what came of each."""

from typing import Any

from core.case_commands import take_command
from core.case_state import CaseState
from core.cases import Worked, take_alert, take_time
from core.clock import MINUTE, rfc3339
from core.policy import Policy
from core.records import SCHEMA_VERSION, Alert, Case, Command, Outcome

NOON_MS = 1_772_452_800_000  # 2026-03-02T12:00:00Z
USER = "u1"


def alert(alert_id: str, severity: str = "HIGH", *, at_min: float = 0, count: int = 1, **fields: Any) -> Alert:
    """An alert of the user's, a guessed password if nothing else is said."""
    time = rfc3339(NOON_MS + int(at_min * MINUTE))
    facts: dict[str, Any] = {
        "alert_id": alert_id,
        "schema_version": SCHEMA_VERSION,
        "user_id": USER,
        "event_id": f"{alert_id}-e{count}",
        "event_ids": [f"{alert_id}-e{count}"],
        "rule_id": "login_brute_force",
        "kind": "SECURITY",
        "severity": severity,
        "risk_score": 80.0,
        "title": "Many failed logins",
        "summary": "",
        "reasons": [],
        "suggested_actions": [],
        "context": {},
        "scores": {},
        "contributions": {},
        "attack": ["T1110.001"],
        "time": time,
        "detected_at": time,
        "dedup_key": "",
        "count": count,
        "mode": "live",
    }
    return Alert(**(facts | fields))


class Desk:
    """Takes what comes for one subject; time is minutes after noon."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.state = CaseState(subject=USER)
        self.policy = policy or Policy()
        self.commands = 0
        self.all = Worked()

    def alert(self, alert_id: str, severity: str = "HIGH", **fields: Any) -> list[Case]:
        return self.take(alert(alert_id, severity, **fields)).cases

    def take(self, taken: Alert) -> Worked:
        worked = Worked()
        take_alert(self.state, taken, self.policy, worked)
        return self._keep(worked)

    def command(self, type_: str, *, at_min: float = 0, command_id: str | None = None, **fields: Any) -> Worked:
        self.commands += 1
        time_ms = NOON_MS + int(at_min * MINUTE)
        facts: dict[str, Any] = {"user_id": USER, "by": "ann", "role": "analyst", "time": time_ms}
        command = Command(command_id=command_id or f"c{self.commands}", type=type_, **(facts | fields))  # type: ignore[arg-type]
        worked = Worked()
        take_command(self.state, command, self.policy, time_ms, worked)
        return self._keep(worked)

    def ask(self, type_: str, **fields: Any) -> tuple[Outcome, Case | None]:
        """The answer to a command, and the case if it changed."""
        worked = self.command(type_, **fields)
        (outcome,) = worked.outcomes
        return outcome, worked.cases[0] if worked.cases else None

    def at(self, minutes: float) -> list[Case]:
        """What the clock leads to."""
        worked = Worked()
        take_time(self.state, NOON_MS + int(minutes * MINUTE), worked)
        return self._keep(worked).cases

    def _keep(self, worked: Worked) -> Worked:
        for name in Worked.__struct_fields__:
            getattr(self.all, name).extend(getattr(worked, name))
        return worked
