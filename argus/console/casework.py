"""Cases as pages need them: the one that an alert is in, those to be worked on, and what was done about one."""

from typing import Final

from msgspec import UNSET

from argus.api import cases
from argus.api.alerts import subject_of
from argus.console.page import Visit
from argus.store import reads
from argus.store.reads import CaseFilter, Status
from core.case_state import case_id_of
from core.records import Alert, AuditRecord, Case, SeverityName
from core.restored import subject_of as subject_of_case

OPEN: Final[tuple[Status, ...]] = ("open", "acknowledged", "investigating")
# The changed case is told on another topic than the answer, at about the same time.
SHOWN_WITHIN_S: Final = 2.0
HISTORY_MAX: Final = 400


async def cases_of(visit: Visit, alert: Alert) -> list[Case]:
    """The cases that an alert is in, the newest first: what was told since the database was written comes first."""
    subject = subject_of(alert)
    wanted = CaseFilter(user_id=subject) if alert.user_id is not None else CaseFilter(source=subject)
    async with visit.services.store.reading() as connection:
        stored = (await reads.cases(connection, wanted)).items
    found = {
        case.case_id: case for case in [*stored, *visit.services.cases.values()] if alert.alert_id in case.alert_ids
    }
    newest = [cases.newest(visit.call(), case) for case in found.values()]
    return sorted(newest, key=lambda case: case.opened, reverse=True)


async def case_of(visit: Visit, alert: Alert) -> Case | None:
    """The one to be worked on, else the one that was last."""
    found = await cases_of(visit, alert)
    return next((case for case in found if case.status != "resolved"), found[0] if found else None)


async def shown(visit: Visit, alert_id: str, before: Case | None) -> None:
    """Waits a moment until what a command has done to a case can be shown. before: the case as it was, if any."""
    if before is None:
        await visit.services.cases.wait(case_id_of(alert_id), SHOWN_WITHIN_S)
    else:
        old = before.version
        await visit.services.cases.wait(before.case_id, SHOWN_WITHIN_S, lambda told: told.version > old)


async def to_do(
    visit: Visit, statuses: tuple[Status, ...], severities: tuple[SeverityName, ...], assignee: str | None, limit: int
) -> list[Case]:
    """Cases in some states, those told a moment ago among them. assignee: an empty text asks for cases of nobody."""
    found: dict[str, Case] = {}
    async with visit.services.store.reading() as connection:
        for status in statuses:
            wanted = CaseFilter(statuses=(status,), severities=severities, assignee=assignee)
            page = await reads.cases(connection, wanted, None, limit)
            found |= {case.case_id: case for case in page.items}
    for told in visit.services.cases.values():
        there = found.get(told.case_id)
        if there is None or told.version > there.version:
            found[told.case_id] = told
    return [
        case
        for case in found.values()
        if case.status in statuses
        and (not severities or case.severity in severities)
        and (assignee is None or (case.assignee or "") == assignee)
    ]


async def history(visit: Visit, case: Case) -> list[AuditRecord]:
    """What the audit has about a case, as written down, newest first: its alerts, commands with their outcomes, and
    its own changes. The time of a change of a case is that of its opening until somebody works on it."""
    subjects = {subject_of_case(case), case.case_id}
    async with visit.services.store.reading() as connection:
        found = await reads.audited(connection, sorted(subjects), HISTORY_MAX)
    alerts = set(case.alert_ids)
    asked = {
        str(record.details.get("command_id"))
        for record in found
        if record.action.startswith("command.")
        and (record.details.get("case_id") == case.case_id or record.details.get("alert_id") in alerts)
    }
    about_it = [
        record
        for record in found
        if record.details.get("case_id") == case.case_id
        or record.details.get("alert_id") in alerts
        or (record.action.startswith("outcome.") and record.details.get("command_id") in asked)
    ]
    return sorted(about_it, key=lambda record: (record.recorded, record.sequence), reverse=True)


def said(record: AuditRecord) -> str:
    """The reason that the audit has, in words; of a case that changed by itself, what it was then."""
    details = record.details
    if record.reason or "alerts" not in details:
        return record.reason.replace("_", " ") if record.action == "case.resolved" else record.reason
    count = details["alerts"]
    severity = str(details.get("severity")).capitalize()
    return f"{severity}, priority {details.get('priority')}, {count} {'alert' if count == 1 else 'alerts'}"


def about(case: Case) -> str:
    """Whom or what a case is about, in words."""
    if case.source is not UNSET:
        return f"{case.source.type} {case.source.id}"
    return case.user_id or ""
