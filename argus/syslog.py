"""Syslog lines, RFC 5424 and 3164 (in log files without the priority), and what sshd says in them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from core.clock import rfc3339, to_ms

_5424: Final = re.compile(
    r"<(?P<pri>\d{1,3})>1 (?P<time>\S+) (?P<host>\S+) (?P<app>\S+) (?P<pid>\S+) (?P<msgid>\S+) "
    r"(?P<data>-|(?:\[(?:[^\]\\\"]|\"(?:[^\"\\]|\\.)*\")*\])+)(?: \ufeff?(?P<message>.*))?$",
    re.DOTALL,
)
_3164: Final = re.compile(
    r"(?:<(?P<pri>\d{1,3})>)?(?P<time>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S+) (?P<host>\S+) "
    r"(?P<app>[^:\[\s]{1,64})(?:\[(?P<pid>[^\]]{0,32})\])?: ?(?P<message>.*)$",
    re.DOTALL,
)
_ELEMENT: Final = re.compile(r"\[(\S+?)((?: [^=\s]+=\"(?:[^\"\\]|\\.)*\")*)\]")
_PARAMETER: Final = re.compile(r" ([^=\s]+)=\"((?:[^\"\\]|\\.)*)\"")
_SSHD: Final = re.compile(
    r"(?P<verb>Failed|Accepted) (?P<method>\S+) for (?:invalid user )?(?P<user>.*) "
    r"from (?P<ip>[0-9A-Fa-f.:]+) port \d+"
)


class NotSyslog(ValueError):
    """A line in neither format."""


def parse(line: str, now: datetime) -> dict[str, Any]:
    """The parts of a line: time (RFC 3339) and, where known, host, app, message, pid, msgid, facility, severity, and
    structured data as `data`. now: aware; says which year a time without one is in. Raises `NotSyslog`."""
    found = _5424.match(line) or _3164.match(line)
    if found is None:
        raise NotSyslog("the line is neither RFC 5424 nor RFC 3164 syslog")
    parts: dict[str, Any] = {name: text for name, text in found.groupdict().items() if text not in (None, "-")}
    parts["time"] = rfc3339(to_ms(_moment(found["time"], now)))
    if "pri" in parts:
        parts["facility"], parts["severity"] = divmod(int(parts.pop("pri")), 8)
    if "data" in parts:
        parts["data"] = {
            name: {key: re.sub(r"\\(.)", r"\1", value) for key, value in _PARAMETER.findall(rest)}
            for name, rest in _ELEMENT.findall(parts["data"])
        }
    return parts


def sshd_event(parts: dict[str, Any]) -> dict[str, Any] | None:
    """The login that an sshd line tells of, as an event without its id; None for every other line."""
    if parts.get("app") not in ("sshd", "sshd-session"):
        return None
    found = _SSHD.match(parts.get("message", ""))
    if found is None or not found["user"]:
        return None
    return {
        "type": "login",
        "user_id": found["user"],
        "time": parts["time"],
        "outcome": "failure" if found["verb"] == "Failed" else "success",
        "ip": found["ip"],
        "attributes": {"host": parts.get("host"), "method": found["method"]},
    }


def _moment(text: str, now: datetime) -> datetime:
    try:
        if text[0].isdigit():
            moment = datetime.fromisoformat(text)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        # A leap year, so that 29 February can be read.
        moment = datetime.strptime(f"2024 {text}", "%Y %b %d %H:%M:%S").replace(tzinfo=UTC)
        for year in range(now.year, now.year - 8, -1):
            try:
                dated = moment.replace(year=year)
            except ValueError:
                continue
            if dated <= now + timedelta(days=1):
                return dated
    except ValueError:
        pass
    raise NotSyslog(f"the time {text!r} is none that syslog knows")
