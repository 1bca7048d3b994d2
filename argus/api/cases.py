"""Cases: lists and single ones, and changes of them, which are commands."""

from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from argus.api.alerts import NOTE_CHARS_MAX, SEVERAL, Cursor, Limit, NoteText
from argus.api.commands import Pending, ask, replied
from argus.api.problems import Problem, invalid, not_found
from argus.api.route import Call, Reply
from argus.store import reads
from argus.store.pages import BadCursor
from argus.store.reads import CaseFilter, Status
from core.records import Case, Id, SeverityName
from core.restored import subject_of

# The changed case is told on another topic than the answer, at about the same time.
SHOWN_WITHIN_S: Final = 10.0
NOBODY: Final = "none"
NOTES_MAX: Final = 20


class CaseQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """status and severity may name several, with commas. assignee: `none` asks for cases of nobody."""

    status: Annotated[tuple[Status, ...], SEVERAL] = ()
    severity: Annotated[tuple[SeverityName, ...], SEVERAL] = ()
    assignee: Id | None = None
    user: Id | None = None
    cursor: Cursor | None = None
    limit: Limit = 50


class CasePage(Struct, frozen=True):
    """Those opened last come first. next: the cursor of the page behind this one, null where there is none."""

    items: list[Case]
    next: str | None


class CaseChange(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is to change, done in the order acknowledge, assign, escalate, resolve. status investigating without an
    assignee assigns to oneself, and so does a note alone where nobody has the case. resolved takes a resolution.
    notes: as `note`, or several, which become one. version: refused where the case has another one meanwhile."""

    status: Literal["acknowledged", "investigating", "resolved"] | None = None
    assignee: Id | UnsetType = UNSET
    resolution: Literal["confirmed_fraud", "false_positive", "inconclusive"] | None = None
    note: NoteText | None = None
    notes: NoteText | Annotated[list[NoteText], Meta(max_length=NOTES_MAX)] | None = None
    escalate: bool = False
    # Without a fraction: to JSON, 3 and 3.0 are the same.
    version: Annotated[float, Meta(ge=0, le=2**53, multiple_of=1)] | None = None


async def listed(call: Call) -> CasePage:
    query: CaseQuery = call.query
    assignee = "" if query.assignee == NOBODY else query.assignee
    wanted = CaseFilter(statuses=query.status, severities=query.severity, assignee=assignee, user_id=query.user)
    try:
        async with call.services.store.reading() as connection:
            found = await reads.cases(connection, wanted, query.cursor, query.limit)
    except BadCursor as error:
        raise invalid(str(error), "cursor") from None
    return CasePage([newest(call, case) for case in found.items], found.next)


async def one(call: Call) -> Case:
    case_id = call.path["case_id"]
    async with call.services.store.reading() as connection:
        stored = await reads.case(connection, case_id)
    found = call.services.cases.get(case_id) if stored is None else newest(call, stored)
    if found is None:
        raise not_found("There is no such case")
    return found


def newest(call: Call, stored: Case) -> Case:
    """The database is a moment behind what was answered."""
    told = call.services.cases.get(stored.case_id)
    return told if told is not None and told.version > stored.version else stored


async def change(call: Call) -> Case | Reply:
    """Each command is answered before the next is sent; the first that is refused ends it."""
    case, wanted = await one(call), call.body
    remark = _remark(wanted)
    steps = _steps(wanted, remark, case, call.caller.user)
    if not steps:
        raise invalid("The request changes nothing")
    if wanted.version is not None and wanted.version != case.version:
        raise Problem(409, "changed", f"The case has been changed meanwhile: it is at version {case.version}")
    for number, (type_, fields) in enumerate(steps):
        note = remark if number == len(steps) - 1 else None
        answer = await ask(call, type_, subject_of(case), step=type_, case_id=case.case_id, reason=note, **fields)
        if isinstance(answer, Pending):
            return replied(answer)
    shown = await call.services.cases.wait(
        case.case_id, SHOWN_WITHIN_S, lambda told: told.version >= case.version + len(steps) and _shows(told, steps)
    )
    return shown or await one(call)


def _shows(case: Case, steps: list[tuple[str, dict[str, Any]]]) -> bool:
    """Whether what was asked for has been done here: a version alone may be that of an alert that joined."""
    fields = dict(steps)
    return not (
        ("acknowledge" in fields and case.status == "open")
        or ("assign" in fields and case.assignee != fields["assign"]["assignee"])
        or ("escalate" in fields and not case.escalated)
        or ("resolve" in fields and case.resolution != fields["resolve"]["resolution"])
    )


def _remark(wanted: CaseChange) -> str | None:
    """All that is to be noted, a line each."""
    notes = [wanted.notes] if isinstance(wanted.notes, str) else wanted.notes or []
    told = "\n".join(text for text in (wanted.note, *notes) if text)
    if len(told) > NOTE_CHARS_MAX:
        raise invalid(f"at most {NOTE_CHARS_MAX} characters together", "notes")
    return told or None


def _steps(wanted: CaseChange, remark: str | None, case: Case, by: str) -> list[tuple[str, dict[str, Any]]]:
    """The commands that it takes."""
    if (wanted.status == "resolved") != (wanted.resolution is not None):
        raise invalid("status resolved and a resolution go together", "resolution")
    steps: list[tuple[str, dict[str, Any]]] = []
    if wanted.status == "acknowledged":
        steps.append(("acknowledge", {}))
    if wanted.assignee is not UNSET:
        steps.append(("assign", {"assignee": wanted.assignee}))
    elif wanted.status == "investigating":
        steps.append(("assign", {"assignee": by}))
    if wanted.escalate:
        steps.append(("escalate", {}))
    if wanted.status == "resolved":
        steps.append(("resolve", {"resolution": wanted.resolution}))
    if not steps and remark:
        steps.append(("assign", {"assignee": case.assignee or by}))
    return steps
