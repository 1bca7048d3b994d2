"""What people do in the console besides commands, told to the audit."""

from agents.shard import Output
from argus.console.page import Visit
from core.audit import Detail, Entry
from core.audited import NOTES, note
from core.clock import rfc3339
from core.records import ID_MAX_CHARS


def noted(visit: Visit, subject: str, action: str, reason: str = "", **details: Detail) -> Output:
    """The record to send along with what is done."""
    services = visit.services
    subject = subject[:ID_MAX_CHARS]
    told: dict[str, Detail] = {"role": visit.caller.role, **details}
    entry = Entry(subject, action, visit.caller.user, reason, rfc3339(services.now_ms()), told)
    return Output(services.settings.topic(NOTES), services.placing(subject), subject.encode(), note(entry))
