"""Several `argus serve` on one Kafka and one database: each answers alike."""

import asyncio
import uuid
from collections.abc import Iterator

import aiohttp
import pytest

from argus.api.serve import Serving
from tests.argus.api.asking import Asking
from tests.argus.api.running import PASSWORD, Running
from tests.argus.api.whole import event
from tests.argus.store.records import alert
from tests.kafka.until import until

pytestmark = pytest.mark.broker


class Second(Asking):
    """Another server of the same settings, in the first one's loop."""

    def __init__(self, api: Running) -> None:
        self._api = api
        self._serving = Serving(api.settings)

    def start(self) -> None:
        self._api.call(self._serving.__aenter__)
        self.url = self._serving.url
        self.port = int(self.url.rpartition(":")[2])
        until(lambda: self.get("/ready").status == 200, 240, "/ready")

    def stop(self) -> None:
        self._api.call(self._serving.__aexit__)

    def token(self, role: str, user: str | None = None) -> str:
        return self._api.token(role, user)


@pytest.fixture(scope="module")
def second(api: Running) -> Iterator[Second]:
    running = Second(api)
    running.start()
    yield running
    running.stop()


def test_an_event_that_one_has_scored_the_other_answers_alike(api: Running, second: Second) -> None:
    sent = event("ada", "transaction", amount=3.0)
    first = api.post("/v1/score", sent, role="service")
    assert first.status == 200
    assert second.post("/v1/score", sent, role="service").json == first.json
    assert len([one for one in api.stream.events if sent["event_id"].encode() in one[2]]) == 1


def test_a_key_is_the_same_command_at_both(api: Running, second: Second) -> None:
    key = {"Idempotency-Key": uuid.uuid4().hex}
    ids = [one.post("/v1/users/bob/lock", role="admin", headers=key).json["command_id"] for one in (api, second, api)]
    assert len(set(ids)) == 1


def test_what_one_was_asked_the_other_can_tell_of(api: Running, second: Second) -> None:
    told = api.post("/v1/users/bob/unlock", role="admin").json
    until(lambda: second.get(f"/v1/commands/{told['command_id']}", role="admin").status == 200)
    assert second.get(f"/v1/commands/{told['command_id']}", role="admin").json == told


def test_who_has_logged_in_at_one_is_logged_in_at_both_and_out_of_both(api: Running, second: Second) -> None:
    login = api.post("/v1/session", {"name": "ann", "password": PASSWORD})
    session = {"Cookie": login.headers["set-cookie"].partition(";")[0]}
    assert second.get("/v1/session", headers=session).json["user"] == "ann"
    csrf = {"X-CSRF-Token": login.json["csrf_token"]}
    assert second.post("/v1/alerts/mine/acknowledge", headers=session | csrf).status == 200
    assert second.request("DELETE", "/v1/session", headers=session | csrf).status == 204
    assert api.get("/v1/session", headers=session).status == 401


def test_live_alerts_go_on_at_the_other_where_they_broke_off_at_one(api: Running, second: Second) -> None:
    names = [f"side-{uuid.uuid4().hex}" for _ in range(3)]
    headers = {"Authorization": f"Bearer {api.token('analyst')}"}

    async def story() -> list[str]:
        async with asyncio.timeout(240), aiohttp.ClientSession(headers=headers) as session:
            async with session.ws_connect(f"{api.url}/ws/alerts") as live:
                await asyncio.to_thread(api.produce, "alerts", alert(names[0]))
                seen = (await live.receive_json())["alert_id"]
            await asyncio.to_thread(api.produce, "alerts", alert(names[1]))
            await asyncio.to_thread(until, lambda: second.get(f"/v1/alerts/{seen}", role="analyst").status == 200)
            async with session.ws_connect(f"{second.url}/ws/alerts?after={seen}") as live:
                await asyncio.to_thread(api.produce, "alerts", alert(names[2]))
                return [seen, *[(await live.receive_json())["alert_id"] for _ in range(2)]]

    assert asyncio.run(story()) == names
