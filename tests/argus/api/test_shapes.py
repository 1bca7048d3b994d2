"""Bodies into records, without a server."""

import contextlib
import json
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.api.shapes import NotInShape, records

CLOUD = {"specversion": "1.0", "id": "c1", "source": "s", "type": "org.shop.transaction", "subject": "ada"}


def opened(body: Any, content_type: str = "application/json", **headers: str) -> list[Any]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return [json.loads(record) for record in records(raw, content_type, headers)]


def test_a_record_stays_the_bytes_that_came() -> None:
    raw = b'{"b":1,  "a":1.50, "unknown":"\\u00e9"}'
    assert records(raw, "application/json", {}) == [raw]
    assert records(b"[" + raw + b" , " + raw + b"]", "application/json", {}) == [raw, raw]


def test_a_cloudevent_is_known_by_its_version_whatever_the_content_type() -> None:
    (event,) = opened(CLOUD | {"data": {"amount": 5}, "time": "2026-01-01T00:00:00Z"})
    assert event == {
        "event_id": "c1", "time": "2026-01-01T00:00:00Z", "user_id": "ada", "type": "transaction", "amount": 5,
    }  # fmt: skip


def test_what_the_event_says_wins_over_its_envelope() -> None:
    (event,) = opened(CLOUD | {"data": {"event_id": "e9", "user_id": "bob", "type": "login"}})
    assert (event["event_id"], event["user_id"], event["type"]) == ("e9", "bob", "login")


def test_a_batch_of_cloudevents_is_a_list() -> None:
    batch = [CLOUD | {"id": name, "data": {}} for name in ("a", "b")]
    assert [event["event_id"] for event in opened(batch, "application/cloudevents-batch+json")] == ["a", "b"]


def test_a_cloudevent_in_the_headers_has_the_event_as_its_body() -> None:
    headers = {"ce-specversion": "1.0", "ce-id": "c1", "ce-source": "s", "ce-type": "login", "ce-subject": "ada"}
    (event,) = records(b'{"ip":"192.0.2.1"}', "application/json", headers)
    assert json.loads(event) == {"event_id": "c1", "user_id": "ada", "type": "login", "ip": "192.0.2.1"}


def test_headers_of_a_cloudevent_are_percent_encoded() -> None:
    headers = {"ce-specversion": "1.0", "ce-id": "a%2Fb", "ce-type": "login", "ce-subject": "s%C3%B8ren%20k"}
    (event,) = records(b"{}", "application/json", headers)
    assert json.loads(event) == {"event_id": "a/b", "user_id": "søren k", "type": "login"}
    for no_text in ("%ff", "\udcff", "%41\udcff"):
        with pytest.raises(NotInShape):
            records(b"{}", "application/json", headers | {"ce-subject": no_text})


def test_data_in_base64_is_read() -> None:
    (event,) = opened(CLOUD | {"data_base64": b64encode(b'{"amount":3}').decode()})
    assert event["amount"] == 3


@pytest.mark.parametrize(
    "cloud",
    [
        CLOUD | {"specversion": "0.3", "data": {}},
        CLOUD,
        CLOUD | {"data": "text"},
        CLOUD | {"data": [1]},
        CLOUD | {"data_base64": "!!"},
        CLOUD | {"data_base64": b64encode(b"nonsense").decode()},
    ],
)
def test_a_cloudevent_without_an_event_is_refused(cloud: Any) -> None:
    with pytest.raises(NotInShape):
        opened(cloud, "application/cloudevents+json")


def test_an_event_with_a_word_of_cloudevents_in_a_text_is_just_an_event() -> None:
    event = {"user_agent": 'curl "specversion"', "attributes": {"specversion": "1.0"}}
    assert opened(event) == [event]


@given(
    st.binary(max_size=200), st.sampled_from(["", "application/json", "text/plain", "application/cloudevents+json"])
)
def test_no_body_does_more_than_be_refused(body: bytes, content_type: str) -> None:
    with contextlib.suppress(NotInShape):
        assert records(body, content_type, {}) is not None
