"""What has happened lately, read from a real broker."""

import uuid

from argus.api.lately import KEPT, KEPT_BYTES, Past, Tail
from tests.argus.api.running import Running

AT = "2026-03-01T12:00:00Z"


def post(api: Running, user_id: str, *event_ids: str) -> None:
    events = [{"event_id": id_, "type": "login", "user_id": user_id, "time": AT} for id_ in event_ids]
    assert api.post("/v1/events", events, role="service").status == 202


def test_a_users_newest_events_come_first_and_nobody_elses(api: Running) -> None:
    user = f"lately-{uuid.uuid4().hex}"
    post(api, user, "one", "two")
    post(api, f"{user}-other", "three")
    post(api, user, "four")
    found = api.call(lambda: api.services.lately.of_user(user))
    assert found is not None
    assert [raw.split(b'"')[3] for _, _, raw in found] == [b"four", b"two", b"one"]
    assert api.call(lambda: api.services.lately.event(user, "two")) == found[1].raw
    assert api.call(lambda: api.services.lately.event(user, "three")) is None
    # What was read is not read again, and what has come since is.
    post(api, user, "five")
    again = api.call(lambda: api.services.lately.of_user(user, 2))
    assert again is not None
    assert [past.raw.split(b'"')[3] for past in again] == [b"five", b"four"]


def test_all_users_events_are_in_order_of_arrival(api: Running) -> None:
    user = f"lately-{uuid.uuid4().hex}"
    for number in range(4):
        post(api, f"{user}-{number}", f"e{number}")
    found = api.call(lambda: api.services.lately.newest(4))
    assert found is not None
    assert [past.user_id.decode() for past in found] == [f"{user}-{number}" for number in range(4)]


def test_what_is_kept_is_bounded_in_events_and_in_bytes() -> None:
    tail = Tail(0)
    for number in range(KEPT + 10):
        tail.add(Past(number, b"u", b"x"))
    assert len(tail.events) == KEPT
    assert tail.events[0].at_ms == 10
    for number in range(200):
        tail.add(Past(number, b"u", b"x" * 65_536))
    assert sum(len(past.raw) for past in tail.events) <= KEPT_BYTES
