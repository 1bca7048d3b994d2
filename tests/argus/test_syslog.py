from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.syslog import NotSyslog, parse, sshd_event

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        (
            "<34>1 2026-03-02T08:59:00.123+01:00 web sshd 77 ID47 - Failed",
            {
                "time": "2026-03-02T07:59:00.123Z",
                "host": "web",
                "app": "sshd",
                "pid": "77",
                "msgid": "ID47",
                "message": "Failed",
                "facility": 4,
                "severity": 2,
            },
        ),
        (
            '<13>1 2026-03-02T08:59:00Z - shop - - [login@1 user="a\\"b" ip="1.2.3.4"][x k="v"] ok',
            {
                "time": "2026-03-02T08:59:00.000Z",
                "app": "shop",
                "data": {"login@1": {"user": 'a"b', "ip": "1.2.3.4"}, "x": {"k": "v"}},
                "message": "ok",
                "facility": 1,
                "severity": 5,
            },
        ),
        (
            "<38>Mar  2 08:59:00 web sshd[77]: hello: world",
            {
                "time": "2026-03-02T08:59:00.000Z",
                "host": "web",
                "app": "sshd",
                "pid": "77",
                "message": "hello: world",
                "facility": 4,
                "severity": 6,
            },
        ),
        (
            "2026-03-02T08:59:00.5+00:00 web CRON[9]: job",
            {"time": "2026-03-02T08:59:00.500Z", "host": "web", "app": "CRON", "pid": "9", "message": "job"},
        ),
        (
            "Dec 31 23:59:59 web app: last year",
            {"time": "2025-12-31T23:59:59.000Z", "host": "web", "app": "app", "message": "last year"},
        ),
        (
            "Feb 29 10:00:00 web app: leap",
            {"time": "2024-02-29T10:00:00.000Z", "host": "web", "app": "app", "message": "leap"},
        ),
    ],
)
def test_a_line_is_taken_apart(line: str, parts: dict[str, Any]) -> None:
    assert parse(line, NOW) == parts


@pytest.mark.parametrize(
    "line", ["", "hello", "<34>1 yesterday web a - - - x", "Foo 12 10:00:00 web app: x", "<34>2 x y z"]
)
def test_what_is_no_syslog_is_said_to_be_none(line: str) -> None:
    with pytest.raises(NotSyslog):
        parse(line, NOW)


@given(st.text(max_size=200))
def test_any_text_is_syslog_or_not(line: str) -> None:
    try:
        assert "time" in parse(line, NOW)
    except NotSyslog as error:
        assert str(error)


@pytest.mark.parametrize(
    ("message", "user", "ip", "outcome"),
    [
        ("Failed password for root from 203.0.113.9 port 4711 ssh2", "root", "203.0.113.9", "failure"),
        ("Failed password for invalid user admin from 2001:db8::1 port 1 ssh2", "admin", "2001:db8::1", "failure"),
        (
            "Failed password for invalid user a from b from 203.0.113.9 port 1 ssh2",
            "a from b",
            "203.0.113.9",
            "failure",
        ),
        (
            "Accepted publickey for anna from 203.0.113.9 port 2 ssh2: ED25519 SHA256:x",
            "anna",
            "203.0.113.9",
            "success",
        ),
    ],
)
def test_sshd_tells_of_logins(message: str, user: str, ip: str, outcome: str) -> None:
    event = sshd_event(parse(f"Mar  2 08:59:00 web sshd[77]: {message}", NOW))
    assert event is not None
    assert (event["type"], event["user_id"], event["ip"], event["outcome"]) == ("login", user, ip, outcome)


@pytest.mark.parametrize(
    "line",
    [
        "Mar  2 08:59:00 web sshd[77]: Connection closed by 203.0.113.9 port 4711 [preauth]",
        "Mar  2 08:59:00 web su[77]: Failed password for root from 203.0.113.9 port 4711 ssh2",
        "Mar  2 08:59:00 web sshd[77]: Failed password for invalid user  from 203.0.113.9 port 4711 ssh2",
    ],
)
def test_other_lines_are_of_no_concern(line: str) -> None:
    assert sshd_event(parse(line, NOW)) is None
