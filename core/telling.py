"""What is said: alerts, cases, locks and passwords to messages for the channels that want them, and their wording.

What has been told already is known by (`alert_id`, severity), (`case_id`, `version`), (`user_id`, `version`) and
`command_id`: a repeat says nothing again.
"""

from collections.abc import Collection, Iterable
from typing import Final

from msgspec import Struct

from core.clock import DAY, HOUR, MINUTE
from core.notices import (
    MEMBERS,
    OTP,
    RANK,
    AlertSeen,
    CaseSeen,
    Channel,
    LockSeen,
    Message,
    OtpDue,
    masked,
    notice_id,
    wants,
)
from core.records import SeverityName

TITLE_CHARS: Final = 200
TEXT_CHARS: Final = 2_000
# What happened longer ago is no news: a first start finds a month of alerts on the topic.
NEWS_MS: Final = HOUR
OTP_LATE_MS: Final = 5 * MINUTE
OTP_TRIED_MS: Final = MINUTE


BREACHES: Final = {
    "acknowledge_near": "to be acknowledged soon",
    "acknowledge_missed": "not acknowledged in time",
    "resolve_near": "to be resolved soon",
    "resolve_missed": "not resolved in time",
}


class CaseTold(Struct, array_like=True):
    """What the last record of a case said. breaches: how many; at_ms: when that was."""

    version: int
    severity: SeverityName
    resolved: bool
    breaches: int
    at_ms: int


def alert_messages(
    seen: AlertSeen, told: str | None, channels: Iterable[Channel], named: Collection[str], now_ms: int
) -> list[Message]:
    """An alert is told when it is new, and again when its severity has risen.

    told: the severity at which it was told before; named: the channels that its rule names."""
    if told is not None and RANK[seen.severity] <= RANK[told]:
        return []
    if now_ms - seen.at_ms > NEWS_MS:
        return []
    title = f"{seen.severity} {seen.title}"
    if told is not None:
        title = f"{title} (was {told})"
    return [
        _message(
            channel,
            notice_id(channel.name, seen.alert_id, seen.severity),
            seen.severity,
            title,
            f"{_why(seen)}\n{_whom(seen)}, {seen.time}, rule {seen.rule_id}",
            seen.user_id,
            now_ms,
            {
                "type": "alert",
                "alert_id": seen.alert_id,
                "count": seen.count,
                "rule_id": seen.rule_id,
                "kind": seen.kind,
                "time": seen.time,
            },
        )
        for channel in channels
        if channel.name in named or wants(channel, "alerts", seen.severity, seen.kind, seen.rule_id)
    ]


def _why(seen: AlertSeen) -> str:
    return f"{seen.summary} {seen.unless}." if seen.unless else seen.summary


def case_messages(
    seen: CaseSeen, before: CaseTold | None, channels: Iterable[Channel], url: str, now_ms: int
) -> list[Message]:
    """A case is told when it opens, when its severity has risen, when it nears or misses a deadline, and when it is
    resolved. before: its last record."""
    if now_ms - seen.at_ms > NEWS_MS:
        return []
    what = _what_of_case(seen, before)
    if what is None:
        return []
    said, facts_type = what
    alerts = "1 alert" if seen.alerts == 1 else f"{seen.alerts} alerts"
    return [
        _message(
            channel,
            notice_id(channel.name, seen.case_id, seen.version),
            seen.severity,
            f"{seen.severity} case {said}{': ' if seen.title else ''}{seen.title}",
            f"{seen.whom}, {alerts}: {url}",
            seen.user_id,
            now_ms,
            {
                "type": facts_type,
                "case_id": seen.case_id,
                "version": seen.version,
                "status": seen.status,
                "rule_id": seen.detection or None,
                "url": url,
            },
        )
        for channel in channels
        if wants(channel, "cases", seen.severity, seen.kind, seen.detection or None)
    ]


def _what_of_case(seen: CaseSeen, before: CaseTold | None) -> tuple[str, str] | None:
    """In words and as a word; None where it is nothing new."""
    if seen.status == "resolved":
        resolution = (seen.resolution or "closed").replace("_", " ")
        return None if before is None or before.resolved else (f"resolved as {resolution}", "case_resolved")
    if before is None or before.resolved:
        return "opened", "case_opened"
    if RANK[seen.severity] > RANK[before.severity]:
        return f"risen from {before.severity}", "case_risen"
    if len(seen.breaches) > before.breaches:
        return f"{BREACHES.get(seen.breaches[-1], seen.breaches[-1])}", "case_late"
    return None


def lock_messages(seen: LockSeen, channels: Iterable[Channel], members: bool, now_ms: int) -> list[Message]:
    """A change of a lock is told to the channels that ask for locks, and (members) to the user."""
    if now_ms - seen.at_ms > NEWS_MS:
        return []
    severity = {"locked": "CRITICAL", "challenged": "HIGH"}.get(seen.state, "LOW")
    facts: dict[str, str | int | None] = {
        "type": "lock",
        "version": seen.version,
        "state": seen.state,
        "by": seen.by,
        "until": seen.until,
    }
    messages = [
        _message(
            channel,
            notice_id(channel.name, seen.user_id, seen.version),
            severity,
            f"User {masked(seen.user_id)} {seen.state} by {seen.by}",
            seen.reason,
            seen.user_id,
            now_ms,
            facts,
        )
        for channel in channels
        if "locks" in channel.about and (not channel.severities or severity in channel.severities)
    ]
    if members:
        title, text = _to_member(seen)
        messages.append(
            Message(
                notice_id(MEMBERS, seen.user_id, seen.version),
                MEMBERS,
                severity,
                title,
                text,
                seen.user_id,
                now_ms,
                now_ms,
                facts,
                until_ms=now_ms + DAY,
            )
        )
    return messages


def otp_message(due: OtpDue, now_ms: int) -> Message | None:
    """The message without the password, which its sender derives; None where it is too late.

    `expires` is by the clock of the command, which need not be ours: a fresh one is tried for a minute anyway."""
    if now_ms >= due.expires_ms and now_ms - due.at_ms >= OTP_LATE_MS:
        return None
    return Message(
        notice_id(OTP, due.user_id, due.command_id),
        OTP,
        "HIGH",
        "",
        "",
        due.user_id,
        now_ms,
        now_ms,
        {"type": "otp", "command_id": due.command_id, "expires_ms": due.expires_ms},
        until_ms=max(due.expires_ms, now_ms + OTP_TRIED_MS),
    )


def _to_member(seen: LockSeen) -> tuple[str, str]:
    until = f" until {seen.until[:16].replace('T', ' ')} UTC" if seen.until else ""
    if seen.state == "locked":
        return "Your account is locked", (
            f"To protect you, we have locked your account{until}{_because(seen)}. "
            "You can unlock it with a one-time password. If it wasn't you, tell us."
        )
    if seen.state == "challenged":
        return "Please confirm that it is you", (
            f"To protect you, we ask for a one-time password{until}{_because(seen)}. If it wasn't you, tell us."
        )
    return "Your account is open again", "If you did not ask for this, tell us at once."


def _because(seen: LockSeen) -> str:
    """Not more than that: who has taken the account over reads it too."""
    return ", because of unusual activity" if seen.by == "rule" else ""


def _whom(seen: AlertSeen) -> str:
    return f"user {masked(seen.user_id)}" if seen.user_id else seen.whom


def _message(
    channel: Channel,
    id_: str,
    severity: str,
    title: str,
    text: str,
    user_id: str | None,
    now_ms: int,
    facts: dict[str, str | int | None],
) -> Message:
    return Message(
        id_, channel.name, severity, title[:TITLE_CHARS], text[:TEXT_CHARS], user_id, now_ms, now_ms, facts
    )
