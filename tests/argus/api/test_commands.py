"""What people ask for over HTTP becomes a command, and its outcome the answer."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from argus.secret import derived_key
from core.case_commands import NO_ALERT
from core.clock import rfc3339
from core.otp import otp_hash
from core.records import Command, Source
from tests.argus.api.running import MEMBER, SECRET, Running
from tests.argus.store.records import NOW_MS, alert, decision, outcome, rows, source_alert
from tests.kafka.until import until

pytestmark = pytest.mark.broker


@pytest.fixture
def refusing(api: Running) -> Iterator[Running]:
    api.stream.refuses = "Not today"
    yield api
    api.stream.refuses = None


@pytest.fixture
def silent(api: Running) -> Iterator[Running]:
    api.stream.mute = True
    yield api
    api.stream.mute = False


def last(api: Running) -> Command:
    return api.stream.commands[-1]


@pytest.mark.parametrize(
    ("role", "path", "body", "command"),
    [
        (
            "admin",
            "/v1/users/bob/lock",
            {"reason": "Seen", "scope": ["payout"]},
            {"type": "lock", "scope": ["payout"]},
        ),
        (
            "admin",
            "/v1/users/bob/lock",
            {"until": "2027-01-01T00:00:00Z"},
            {"until": datetime(2027, 1, 1, tzinfo=UTC)},
        ),
        ("admin", "/v1/users/bob/unlock", None, {"type": "unlock", "user_id": "bob", "by": "admin"}),
        ("member", f"/v1/users/{MEMBER}/otp", None, {"type": "otp_request", "user_id": MEMBER, "by": MEMBER}),
        (
            "member",
            "/v1/alerts/mine/dispute",
            {"note": "no"},
            {"type": "dispute", "alert_id": "mine", "reason": "no"},
        ),
        ("member", "/v1/alerts/many/dispute", None, {"type": "dispute", "user_id": MEMBER, "alert_id": "many"}),
        ("analyst", "/v1/alerts/theirs/acknowledge", None, {"type": "acknowledge", "user_id": "bob"}),
        ("analyst", "/v1/alerts/many/acknowledge", None, {"type": "acknowledge", "user_id": "ip:192.0.2.9"}),
        ("analyst", "/v1/alerts/mine/resolve", None, {"type": "resolve", "resolution": "confirmed_fraud"}),
        ("analyst", "/v1/alerts/mine/false-positive", {"note": "VPN"}, {"type": "false_positive", "reason": "VPN"}),
    ],
)
def test_a_post_is_a_command_and_answers_with_its_outcome(
    api: Running, role: str, path: str, body: Any, command: dict[str, Any]
) -> None:
    answer = api.post(path, body, role=role)
    sent = last(api)
    assert (answer.status, answer.json["status"], answer.json["command_id"]) == (200, "done", sent.command_id)
    assert {name: getattr(sent, name) for name in command} == command
    assert sent.role == role
    assert isinstance(sent.time, datetime), "as text"


def test_a_code_travels_only_as_its_keyed_hash(api: Running) -> None:
    assert api.post(f"/v1/users/{MEMBER}/otp/verify", {"code": "123456"}, role="member").status == 200
    assert last(api).otp_hash == otp_hash(derived_key(SECRET, b"otp"), MEMBER, "123456")
    assert "123456" not in str(last(api))


@pytest.mark.parametrize(
    "code", ["12345", "1234567", "12345a", "", " 123456", "\uff11\uff12\uff13\uff14\uff15\uff16", 123456]
)
def test_what_is_no_code_is_refused_at_the_door(api: Running, code: Any) -> None:
    count = len(api.stream.commands)
    assert api.post(f"/v1/users/{MEMBER}/otp/verify", {"code": code}, role="member").status == 400
    assert len(api.stream.commands) == count


def test_a_refused_command_is_a_conflict_with_its_outcome(refusing: Running) -> None:
    answer = refusing.post("/v1/users/bob/lock", role="admin")
    assert (answer.status, answer.json["detail"]) == (409, "Not today")
    assert answer.json["outcome"]["status"] == "refused"


def test_a_slow_command_is_accepted_with_a_link_to_its_outcome(silent: Running) -> None:
    answer = silent.post("/v1/users/bob/lock", role="admin")
    location = answer.headers["location"]
    assert (answer.status, answer.json["status"], location) == (202, "pending", answer.json["location"])
    assert silent.get(location, role="admin").status == 404
    silent.stream.mute = False
    silent.produce("outcomes", _done(answer.json["command_id"]))
    silent.call(lambda: silent.services.outcomes.wait(answer.json["command_id"], 20))
    assert silent.get(location, role="admin").json["status"] == "done"
    assert silent.get(location, role="member").status == 404


def _done(command_id: str) -> Any:
    return outcome(command_id, user_id="bob")


def test_a_key_makes_a_command_the_same_in_every_process(api: Running) -> None:
    key = {"Idempotency-Key": uuid.uuid4().hex}
    first = api.post("/v1/users/bob/lock", role="admin", headers=key)
    count = len(api.stream.commands)
    assert api.post("/v1/users/bob/lock", role="admin", headers=key).json == first.json
    assert len(api.stream.commands) == count
    api.services.once._first.clear()  # as another process has it
    assert api.post("/v1/users/bob/lock", role="admin", headers=key).json["command_id"] == first.json["command_id"]
    other = api.post("/v1/users/carol/lock", role="admin", headers=key)
    assert other.json["command_id"] != first.json["command_id"]


def test_a_case_changes_by_commands_and_is_shown_changed(api: Running) -> None:
    before = api.get("/v1/cases/c2", role="analyst").json["version"]
    answer = api.request(
        "PATCH", "/v1/cases/c2", {"assignee": "ann", "escalate": True, "note": "Look here"}, role="analyst"
    )
    assert (answer.status, answer.json["assignee"], answer.json["version"]) == (200, "ann", before + 4)
    assert answer.json["escalated"], "not the record of an alert that joined meanwhile"
    assign, escalate = api.stream.commands[-2:]
    assert (assign.type, assign.reason, assign.assignee) == ("assign", None, "ann")
    assert (escalate.type, escalate.reason, escalate.user_id) == ("escalate", "Look here", "bob")
    assert api.get("/v1/cases/c2", role="analyst").json["version"] == before + 4


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 400),
        ({"status": "resolved"}, 400),
        ({"resolution": "false_positive"}, 400),
        ({"status": "open"}, 400),
        ({"owner": "ann"}, 400),
        ({"assignee": None}, 400),
        ({"notes": []}, 400),
        ({"notes": ["x" * 1_000, "x" * 1_000]}, 400),
        ({"status": "acknowledged", "notes": ["x" * 1_000, "x" * 1_000]}, 400),
        ({"status": "acknowledged", "version": 99}, 409),
    ],
)
def test_a_change_of_a_case_that_makes_no_sense_is_refused(api: Running, change: Any, status: int) -> None:
    assert api.request("PATCH", "/v1/cases/c1", change, role="analyst").status == status


@pytest.mark.parametrize(
    ("change", "noted"),
    [
        ({"notes": "Called her"}, "Called her"),
        ({"notes": ["Called her", "No answer"]}, "Called her\nNo answer"),
        ({"note": "Called her", "notes": ["No answer"]}, "Called her\nNo answer"),
    ],
)
def test_notes_may_be_called_as_a_case_calls_them(api: Running, change: Any, noted: str) -> None:
    assert api.request("PATCH", "/v1/cases/c1", change, role="analyst").status == 200
    assert last(api).reason == noted


def test_a_note_alone_leaves_the_case_with_whom_it_is(api: Running) -> None:
    api.request("PATCH", "/v1/cases/c1", {"assignee": "eve"}, role="analyst")
    assert api.request("PATCH", "/v1/cases/c1", {"note": "Called her"}, role="analyst").status == 200
    assert (last(api).type, last(api).assignee, last(api).reason) == ("assign", "eve", "Called her")


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/v1/alerts", ["many", "theirs", "mine"]),
        ("/v1/alerts?severity=HIGH,CRITICAL", ["theirs", "mine"]),
        ("/v1/alerts?severity=HIGH&severity=MEDIUM", ["many", "mine"]),
        ("/v1/alerts?rule=brute_force_user", ["theirs"]),
        ("/v1/alerts?user=ada", ["mine"]),
        ("/v1/alerts?user=ada&shadow=true", ["shady"]),
        ("/v1/alerts?kind=TRANSACTION", []),
        ("/v1/alerts?text=K%C3%96LN&limit=1", ["many"]),
        ("/v1/alerts?since=1790000001000", ["many", "theirs"]),
        ("/v1/alerts?until=2026-09-21T14:13:21Z", ["mine"]),
        ("/v1/alerts?since=2026-09-21T16:13:22%2B02:00", ["many"]),
        ("/v1/alerts?text=%25", []),
        ("/v1/alerts/recent?limit=2", ["many", "theirs"]),
        ("/alerts/recent?limit=1", ["many"]),
    ],
)
def test_alerts_are_filtered_newest_first(api: Running, path: str, found: list[str]) -> None:
    answer = api.get(path, role="analyst")
    assert [one["alert_id"] for one in answer.json["items"]] == found


@pytest.mark.parametrize(
    "query",
    ["severity=high", "limit=0", "limit=501", "limit=x", "since=yesterday", "cursor=xx", "nonsense=1", "severity=",
     "limit=1&limit=2", "user=%00", "text=" + "x" * 201],
)  # fmt: skip
def test_a_wrong_parameter_is_named(api: Running, query: str) -> None:
    answer = api.get(f"/v1/alerts?{query}", role="analyst")
    assert answer.status == 400
    assert answer.json["errors"][0]["where"] == query.partition("=")[0]


def test_a_wrong_time_is_told_in_words(api: Running) -> None:
    answer = api.get("/v1/alerts?since=yesterday", role="analyst")
    assert answer.json["detail"] == "since: expected RFC 3339, or milliseconds since the epoch"


@pytest.mark.parametrize("query", ["bucket_s=null", "bucket_s=1.5", "bucket_s=", "bucket_s=59"])
def test_what_is_no_number_of_seconds_is_named(api: Running, query: str) -> None:
    answer = api.get(f"/v1/analytics/summary?{query}", role="analyst")
    assert (answer.status, answer.json["errors"][0]["where"]) == (400, "bucket_s")


def test_pages_follow_each_other_by_their_cursors(api: Running) -> None:
    seen, cursor = [], ""
    while cursor is not None:
        page = api.get(f"/v1/alerts?limit=1{cursor and '&cursor='}{cursor}", role="analyst").json
        seen += [one["alert_id"] for one in page["items"]]
        cursor = page["next"]
    assert seen == ["many", "theirs", "mine"]


def test_pages_stay_right_while_alerts_come(api: Running) -> None:
    """New ones, of before and after what was read, are no reason to see an alert twice or never."""
    user = f"paged-{uuid.uuid4().hex}"

    def come(*seconds: int) -> None:
        made = [alert(f"{user}-{s:02}", user_id=user, time=rfc3339(NOW_MS + s * 1_000)) for s in seconds]
        api.write(rows("alerts", made))

    come(*range(10, 20))
    seen, path, newer = [], f"/v1/alerts?user={user}&limit=3", iter(range(20, 40))
    page = api.get(path, role="analyst").json
    while True:
        seen += [int(one["alert_id"][-2:]) for one in page["items"]]
        if page["next"] is None:
            break
        come(next(newer), next(newer))
        page = api.get(f"{path}&cursor={page['next']}", role="analyst").json
    assert seen == list(range(19, 9, -1))


def test_a_user_page_has_health_with_reasons_and_the_lock_in_force(api: Running) -> None:
    page = api.get("/v1/users/bob", role="analyst").json
    assert page["lock"]["state"] == "locked"
    assert 0 <= page["health"]["score"] <= 60
    assert page["health"]["reasons"]
    assert page["health"]["suggestions"]
    clean = api.get("/v1/users/eve", token=api.token("member", "eve")).json
    assert (clean["health"], clean["lock"]) == ({"score": 100, "reasons": [], "suggestions": []}, None)
    assert api.get("/v1/users/eve", role="analyst").status == 404


def test_the_summary_counts_what_is_in_its_span(api: Running) -> None:
    answer = api.get("/v1/analytics/summary?since=1789999999000&until=1790000003000&bucket_s=60", role="analyst")
    assert (answer.json["alerts"], len(answer.json["trend"])) == (4, 1)
    assert api.get("/v1/analytics/summary?since=2&until=1", role="analyst").status == 400


def test_an_alert_that_has_just_come_can_be_worked_on_before_it_is_stored(api: Running) -> None:
    api.produce("alerts", alert("fresh", user_id=MEMBER))
    until(lambda: api.services.feed.get("fresh"))
    assert api.post("/v1/alerts/fresh/acknowledge", role="analyst").status == 200


def test_a_fresh_alert_is_worked_on_once_it_has_come_to_where_cases_are(api: Running) -> None:
    api.produce("alerts", alert("early", user_id=MEMBER, detected_at=rfc3339(api.services.now_ms())))
    until(lambda: api.services.feed.get("early"))
    api.stream.unknowing = 3
    key = {"Idempotency-Key": uuid.uuid4().hex}
    answer = api.post("/v1/alerts/early/acknowledge", {"note": "Mine"}, role="analyst", headers=key)
    assert (answer.status, answer.json["status"]) == (200, "done")
    tried = [command for command in api.stream.commands if command.alert_id == "early"]
    assert len({command.command_id for command in tried}) == len(tried) == 4
    assert {(command.type, command.reason) for command in tried} == {("acknowledge", "Mine")}


def test_an_old_alert_without_a_case_is_refused_at_once(api: Running) -> None:
    api.stream.unknowing = 1
    answer = api.post("/v1/alerts/mine/acknowledge", role="analyst")
    assert (answer.status, answer.json["outcome"]["reason"]) == (409, NO_ALERT)
    assert api.stream.unknowing == 0


def test_a_dispute_of_an_alert_about_many_labels_the_members_own_events(api: Running) -> None:
    """By the source, where such an alert is worked on, nobody knows whose event is whose."""
    own, kept, theirs = (f"{name}-{uuid.uuid4().hex}" for name in ("own", "kept", "theirs"))
    for user, event_id in ((MEMBER, own), ("bob", theirs)):
        event = {"event_id": event_id, "type": "login", "user_id": user, "time": api.services.now_ms()}
        assert api.post("/v1/events", event, role="service").status == 202
    source = source_alert(
        own, Source("ip", "192.0.2.8"), [MEMBER, "bob"], event_id=theirs, event_ids=[theirs, own, kept]
    )
    api.write([*rows("alerts", [source]), *rows("decisions", [decision(kept, user_id=MEMBER, decision="block")])])
    assert api.post(f"/v1/alerts/{own}/dispute", role="member").status == 200
    until(lambda: len(api.stream.feedback) == 2, what="the labels")
    told = [(one.user_id, one.event_id, one.label, one.source) for one in api.stream.feedback]
    assert told == [(MEMBER, own, "fraud", "dispute"), (MEMBER, kept, "fraud", "dispute")]
