"""Events over HTTP: every shape, all or none."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from agents.placing import partition_of
from tests.argus.api.running import Running
from tests.kafka.until import until

pytestmark = pytest.mark.broker

TIME = 1_790_000_000_000


def event(**changed: Any) -> dict[str, Any]:
    return {"event_id": uuid.uuid4().hex, "type": "login", "user_id": "ada", "time": TIME, **changed}


def came(api: Running, *ids: str) -> list[tuple[int, bytes, Any]]:
    """The events of those ids, in the order of the ids, once all are there."""

    def found() -> dict[str, tuple[int, bytes, Any]]:
        all_ = [(partition, key, json.loads(value)) for partition, key, value in api.stream.events]
        return {one[2]["event_id"]: one for one in all_ if one[2].get("event_id") in ids}

    until(lambda: len(found()) == len(ids), what="the events")
    return [found()[id_] for id_ in ids]


def test_one_event_is_keyed_by_its_user_and_placed_where_the_user_is(api: Running) -> None:
    for user in ("ada", "bob", "søren", "a/b c"):
        sent = event(user_id=user)
        answer = api.post("/v1/events", sent, role="service")
        assert (answer.status, answer.json) == (202, {"accepted": 1})
        ((partition, key, value),) = came(api, sent["event_id"])
        assert (partition, key, value) == (partition_of(user.encode(), 2), user.encode(), sent)


def test_a_list_is_taken_whole_and_each_event_as_it_came(api: Running) -> None:
    sent = [event(user_id=f"u{number}", extra={"kept": True}) for number in range(100)]
    assert api.post("/v1/events", sent, role="service").json == {"accepted": 100}
    assert [value for _, _, value in came(api, *[one["event_id"] for one in sent])] == sent


@pytest.mark.parametrize("content_type", ["application/x-ndjson", "application/jsonl", "text/plain"])
def test_lines_of_json_are_a_list(api: Running, content_type: str) -> None:
    sent = [event(), event()]
    body = b"\n".join(json.dumps(one).encode() for one in sent) + b"\n\n"
    answer = api.post("/v1/events", body, role="service", headers={"Content-Type": content_type})
    assert answer.json == {"accepted": 2}
    came(api, *[one["event_id"] for one in sent])


def test_a_cloudevent_is_opened_and_gives_what_its_event_leaves_out(api: Running) -> None:
    id_ = uuid.uuid4().hex
    cloud = {
        "specversion": "1.0", "id": id_, "source": "/shop", "type": "com.example.login", "subject": "ada",
        "time": "2026-09-21T12:00:00Z", "data": {"ip": "192.0.2.1"},
    }  # fmt: skip
    answer = api.post("/v1/events", cloud, role="service", headers={"Content-Type": "application/cloudevents+json"})
    assert answer.status == 202
    ((_, _, value),) = came(api, id_)
    assert value == {
        "event_id": id_, "type": "login", "user_id": "ada", "time": "2026-09-21T12:00:00Z", "ip": "192.0.2.1",
    }  # fmt: skip


def test_cloudevents_come_as_a_batch_and_in_headers_too(api: Running) -> None:
    ids = [uuid.uuid4().hex for _ in range(3)]
    cloud = {"specversion": "1.0", "source": "/shop", "type": "org.shop.login", "time": "2026-09-21T12:00:00Z"}
    batch = [cloud | {"id": id_, "subject": "ada", "data": {}} for id_ in ids[:2]]
    headers = {"Content-Type": "application/cloudevents-batch+json; charset=utf-8"}
    assert api.post("/v1/events", batch, role="service", headers=headers).json == {"accepted": 2}
    headers = {f"ce-{name}": text for name, text in (cloud | {"id": ids[2], "subject": "s%C3%B8ren"}).items()}
    assert api.post("/v1/events", {"ip": "192.0.2.1"}, role="service", headers=headers).json == {"accepted": 1}
    told = [(value["event_id"], value["user_id"], value["type"]) for _, _, value in came(api, *ids)]
    assert told == [(ids[0], "ada", "login"), (ids[1], "ada", "login"), (ids[2], "søren", "login")]


def test_of_several_posts_at_once_with_one_key_one_is_sent_and_all_have_its_answer(api: Running) -> None:
    sent, headers = event(), {"Idempotency-Key": uuid.uuid4().hex}
    with ThreadPoolExecutor(8) as pool:
        posts = [pool.submit(api.post, "/v1/events", sent, role="service", headers=headers) for _ in range(8)]
    assert {(post.result().status, post.result().body) for post in posts} == {(202, b'{"accepted":1}')}
    last = event()
    api.post("/v1/events", last, role="service")
    came(api, last["event_id"])
    assert len([one for one in api.stream.events if sent["event_id"].encode() in one[2]]) == 1


def test_what_is_rejected_is_told_by_its_place_and_nothing_is_sent(api: Running) -> None:
    good, bad = event(), [event(type="jump"), {"event_id": "x"}, event(ip="300.1.2.3"), event(time=10), 7]
    answer = api.post("/v1/events", [good, *bad], role="service")
    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json["errors"]
    assert [fault["index"] for fault in told] == [1, 2, 3, 4, 5]
    assert told[1]["error"] == "missing_field"
    assert told[1]["event_id"] == "x"
    after = event()
    api.post("/v1/events", after, role="service")
    came(api, after["event_id"])
    assert not [one for one in api.stream.events if good["event_id"].encode() in one[2]]


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"{", b"[", b"[]", b"null", b"\xff", b"[1,2", b'{"a":NaN}', b"\xef\xbb\xbf{}", b"[" * 5_000, b'"x"'],
)
def test_what_is_no_event_is_a_bad_request(api: Running, body: bytes) -> None:
    assert api.post("/v1/events", body, role="service").status == 400


def test_too_many_events_and_too_many_bytes_are_refused(api: Running) -> None:
    assert api.post("/v1/events", [event()] * 1_001, role="service").status == 413
    answer = api.post("/v1/events", b" " * (api.settings.api_body_max_bytes + 1), role="service")
    assert (answer.status, answer.json["type"]) == (413, "urn:argus:problem:too-large")


def test_a_repeated_idempotency_key_sends_nothing_again(api: Running) -> None:
    sent, headers = event(), {"Idempotency-Key": uuid.uuid4().hex}
    for _ in range(2):
        assert api.post("/v1/events", sent, role="service", headers=headers).json == {"accepted": 1}
    other = api.post("/v1/events", event(), role="service", headers=headers)
    assert (other.status, other.json["type"]) == (422, "urn:argus:problem:idempotency-key")
    last = event()
    api.post("/v1/events", last, role="service")
    came(api, last["event_id"])
    assert len([one for one in api.stream.events if sent["event_id"].encode() in one[2]]) == 1


def test_an_event_is_scored_once_and_answered_alike_ever_after(api: Running) -> None:
    sent = event()
    first = api.post("/v1/score", sent, role="service")
    assert (first.status, first.json["event_id"]) == (200, sent["event_id"])
    assert api.post("/v1/score", {**sent, "type": "logout"}, role="service").body == first.body
    assert len([one for one in api.stream.events if sent["event_id"].encode() in one[2]]) == 1


def test_a_decision_that_was_asked_for_is_in_the_database(api: Running) -> None:
    sent = event()
    first = api.post("/v1/score", sent, role="service")
    api.call(api.services.decided.flush)
    api.call(lambda: forgotten(api))
    assert api.post("/v1/score", sent, role="service").json == first.json


async def forgotten(api: Running) -> None:
    """As after a restart that is long after."""
    api.services.decided._recent = api.services.decided._empty(10)
    await api.services.decided.begin()


def test_no_worker_is_a_503_that_says_when_to_come_back(api: Running) -> None:
    api.stream.mute = True
    try:
        answer = api.post("/v1/score", event(), role="service")
    finally:
        api.stream.mute = False
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")


def test_only_one_event_is_scored_at_a_time(api: Running) -> None:
    assert api.post("/v1/score", [event(), event()], role="service").status == 400


def test_a_form_is_scored_by_itself(api: Running) -> None:
    calm = {"transaction_amount": 25.0, "login_attempts": 1, "failed_transactions": 0, "account_age": 700}
    wild = {"transaction_amount": 5_000, "login_attempts": 10, "failed_transactions": 5, "account_age": 1}
    before = len(api.stream.events)
    answers = [api.post("/risk_score", form, role="service").json for form in (calm, wild)]
    assert [answer["suspicious_activity"] for answer in answers] == [False, True]
    assert 0 <= answers[0]["risk_score"] < answers[1]["risk_score"] <= 100
    assert len(api.stream.events) == before
    assert api.post("/risk_score", {**calm, "login_attempts": -1}, role="service").status == 400
    assert api.post("/risk_score", {"transaction_amount": 1}, role="service").status == 400
