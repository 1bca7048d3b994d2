"""What people ask for, and who may: the rules that every command is held to, whoever answers it.

Order of arrival decides between commands; their time says from when something holds.
"""

from collections.abc import Mapping
from typing import Final, Literal

from core.records import Command

STAFF: Final = ("analyst", "admin")
ALLOWED: Final[Mapping[str, tuple[str, ...]]] = {
    "lock": ("admin",),
    "unlock": ("admin",),
    "otp_request": ("member",),
    "otp_verify": ("member",),
    "dispute": ("member", *STAFF),
    "escalate": STAFF,
    "acknowledge": STAFF,
    "assign": STAFF,
    "resolve": STAFF,
    "false_positive": STAFF,
}
COMMAND_TYPES: Final = tuple(ALLOWED)


def refusal(command: Command) -> str | None:
    """Why whoever asks may not, None if they may. A member speaks for nobody else."""
    if command.role not in ALLOWED[command.type]:
        return f"The role {command.role} may not ask for {command.type}"
    if command.role == "member" and command.by != command.user_id:
        return "A member may ask for their own account only"
    return None


def answered_by(command: Command) -> Literal["users", "cases"]:
    """Which table answers a command; exactly one does. To escalate a case it is named, or one of its alerts; without
    either it is the user's challenge that is made a lock. Of a dispute, the cases table only takes note."""
    if command.type in ("lock", "unlock", "otp_request", "otp_verify", "dispute"):
        return "users"
    if command.type == "escalate" and command.case_id is None and command.alert_id is None:
        return "users"
    return "cases"
