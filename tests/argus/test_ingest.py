import asyncio
import json
from typing import Any

import pytest

from argus.field_map import read_mapping
from argus.ingest import Counts, Reader, deliver
from argus.settings import Settings
from argus.tail import Line

NOW_MS = 1_772_442_000_000
EVENT = {"event_id": "e1", "type": "login", "user_id": "u1", "time": NOW_MS}


class Broker:
    """Takes whatever is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes, bytes | None, dict[str, bytes]]] = []

    async def send(
        self, topic: str, value: bytes, key: bytes | None = None, headers: Any = None
    ) -> "asyncio.Future[Any]":
        self.sent.append((topic, value, key, dict(headers or ())))
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


def ingest(texts: list[bytes], reader: Reader) -> tuple[Broker, Counts]:
    broker, counts = Broker(), Counts()
    lines = [Line(text, offset * 100, offset * 100 + 99, 1) for offset, text in enumerate(texts)]
    asyncio.run(deliver(lines, reader, broker, Settings(), counts, NOW_MS))
    return broker, counts


def test_events_go_out_untouched_and_keyed_by_user() -> None:
    raw = json.dumps({**EVENT, "unknown": 1}).encode()
    broker, counts = ingest([raw, b"  "], Reader("json", (), "app.log"))
    assert broker.sent == [("argus.events", raw, b"u1", {})]
    assert (counts.sent, counts.rejected, counts.skipped) == (1, 0, 0)


def test_bad_lines_go_to_the_rejected_topic_untouched_and_the_rest_goes_on() -> None:
    bad = [b"{", b"\xff\xfe", json.dumps({**EVENT, "type": "x"}).encode(), b'{"event_id":"e"}', b"[" * 500]
    broker, counts = ingest([*bad, json.dumps(EVENT).encode()], Reader("json", (), "app.log"))
    rejected = [(value, headers) for topic, value, _, headers in broker.sent if topic == "argus.rejected"]
    assert [value for value, _ in rejected] == bad
    assert all(set(headers) == {"error", "reason", "topic", "partition", "offset"} for _, headers in rejected)
    assert rejected[2][1]["error"] == b"invalid"
    assert rejected[2][1]["topic"] == b"file:app.log"
    assert rejected[2][1]["offset"] == b"200"
    assert (counts.sent, counts.rejected) == (1, 5)


def test_a_mapped_line_becomes_an_event_with_an_id_of_its_own() -> None:
    reader = Reader("json", read_mapping("user_id=who,type='login',time=at"), "app.log")
    line = b'{"who":"anna","at":1772441999}'
    broker, _ = ingest([line, line], reader)
    one, two = (json.loads(value) for _, value, _, _ in broker.sent)
    assert one["event_id"] != two["event_id"]
    assert broker.sent == ingest([line, line], reader)[0].sent


def test_sshd_lines_become_logins_and_others_are_of_no_concern() -> None:
    lines = [
        b"Mar  2 08:59:00 web sshd[77]: Failed password for root from 203.0.113.9 port 4711 ssh2",
        b"Mar  2 08:59:01 web CRON[78]: session opened",
        b"no syslog at all",
        b"\xff",
    ]
    broker, counts = ingest(lines, Reader("syslog", (), "auth.log"))
    event = json.loads(broker.sent[0][1])
    assert (event["type"], event["user_id"], event["outcome"], event["ip"]) == (
        "login",
        "root",
        "failure",
        "203.0.113.9",
    )
    assert (counts.sent, counts.rejected, counts.skipped) == (1, 2, 1)


def test_json_within_syslog_can_be_mapped() -> None:
    reader = Reader("syslog", read_mapping("user_id=who,type='login',time=time,attributes.host=host"), "x")
    broker, _ = ingest([b'<13>1 2026-03-02T08:59:00Z web shop - - - {"who":"anna"}'], reader)
    event = json.loads(broker.sent[0][1])
    assert (event["user_id"], event["time"], event["attributes"]) == (
        "anna",
        "2026-03-02T08:59:00.000Z",
        {"host": "web"},
    )


def test_syslog_from_a_program_without_a_name_is_of_no_concern() -> None:
    _, counts = ingest([b"<13>1 2026-03-02T08:59:00Z web - - - - hi"], Reader("syslog", (), "x"))
    assert (counts.sent, counts.rejected, counts.skipped) == (0, 0, 1)


@pytest.mark.parametrize(
    "line",
    [
        b"<13>1 2026-03-02T08:59:00Z web shop - - - " + b"[" * 50_000,
        b"<13>1 0001-01-01T00:00:00+23:59 web shop - - - hi",
    ],
    ids=["deep", "before_time"],
)
def test_mapped_syslog_of_any_depth_and_time_is_an_event_or_rejected(line: bytes) -> None:
    reader = Reader("syslog", read_mapping("user_id=who,type='login',time=time"), "x")
    good = b'<13>1 2026-03-02T08:59:00Z web shop - - - {"who":"anna"}'
    _, counts = ingest([line, good], reader)
    assert (counts.sent, counts.rejected) == (1, 1)


@pytest.mark.parametrize("number", [b'"nan"', b'"inf"', b"1" * 400])
@pytest.mark.parametrize("field", [b"at", b"sum", b"place"])
def test_a_number_beyond_all_bounds_rejects_its_line_only(field: bytes, number: bytes) -> None:
    reader = Reader("json", read_mapping("user_id=who,type='login',time=at,amount=sum,lat=place"), "x")
    good = b'{"who":"anna","at":1772441999}'
    _, counts = ingest([good[:-1] + b',"' + field + b'":' + number + b"}", good], reader)
    assert (counts.sent, counts.rejected) == (1, 1)


@pytest.mark.parametrize("text", [b"1", b"[]", b'"x"', b'{"who":"\\ud800"}', b'{"who":1e999}'])
def test_json_that_cannot_be_mapped_is_rejected(text: bytes) -> None:
    _, counts = ingest([text], Reader("json", read_mapping("user_id=who,type='login'"), "x"))
    assert (counts.sent, counts.rejected) == (0, 1)


def test_the_summary_counts_every_line() -> None:
    assert str(Counts(2, 1, 3)) == "6 lines: 2 events, 1 rejected, 3 of no concern"
