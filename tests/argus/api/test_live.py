"""Live alerts over WebSocket."""

import asyncio
import itertools
import socket
import time
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from argus.api.feed import QUEUED_MAX, Client, Feed
from argus.api.live import EXPIRED, MISSED_AT_ONCE, TOO_SLOW, UNKNOWN, LiveQuery, ended
from argus.api.route import Call, Caller
from core.records import encode
from tests.argus.api.running import MEMBER, Running
from tests.argus.store.records import Raw, alert, raw, rows

pytestmark = pytest.mark.broker

# A bound for what hangs, not for what is slow on a busy machine.
WITHIN_S = 240.0
numbers = itertools.count()


def live(api: Running, story: Callable[[aiohttp.ClientSession, str], Awaitable[None]], token: str = "") -> None:
    async def run() -> None:
        headers = {"Authorization": f"Bearer {token or api.token('analyst')}"}
        async with asyncio.timeout(WITHIN_S), aiohttp.ClientSession(headers=headers) as session:
            await story(session, f"{api.url}/ws/alerts")

    asyncio.run(run())


async def listening(api: Running, count: int) -> None:
    """Until so many listen: a client that has gone may be counted a little longer than it is there."""
    while api.services.feed.clients != count:  # noqa: ASYNC110 - it is another thread's
        await asyncio.sleep(0.01)


async def produced(api: Running, *alerts: Any) -> None:
    await asyncio.to_thread(api.produce, "alerts", *alerts)


def fresh(**changed: Any) -> Any:
    return alert(f"live-{next(numbers)}", **changed)


def test_an_alert_comes_as_it_is_to_all_who_want_it(api: Running) -> None:
    async def story(session: aiohttp.ClientSession, url: str) -> None:
        async with session.ws_connect(url) as every, session.ws_connect(f"{url}?severity=CRITICAL&user=zoe") as few:
            sent = [fresh(severity="LOW"), fresh(severity="CRITICAL"), fresh(severity="CRITICAL", user_id="zoe")]
            await produced(api, *sent)
            assert [(await every.receive()).data for _ in sent] == [encode(one).decode() for one in sent]
            assert (await few.receive_json())["alert_id"] == sent[2].alert_id

    live(api, story)


@pytest.mark.parametrize(("shadow", "mode"), [(True, "shadow"), (False, "live")])
def test_shadow_asks_for_what_it_asks_the_list_for(shadow: bool, mode: str) -> None:
    query = LiveQuery(shadow=shadow)
    assert [one for one in ("live", "shadow") if query.wants(alert(mode=one))] == [mode]


def test_after_a_break_what_was_missed_comes_first(api: Running) -> None:
    async def story(session: aiohttp.ClientSession, url: str) -> None:
        first, missed, later = fresh(), fresh(), fresh()
        async with session.ws_connect(url) as before:
            await produced(api, first)
            seen = (await before.receive_json())["alert_id"]
        await produced(api, missed)
        async with session.ws_connect(f"{url}?after={seen}") as after:
            assert (await after.receive_json())["alert_id"] == missed.alert_id
            await produced(api, later)
            assert (await after.receive_json())["alert_id"] == later.alert_id

    live(api, story)


def test_after_an_update_only_what_came_since_is_told(api: Running) -> None:
    """And not again all that came since the alert was first raised."""
    first, told = fresh(), fresh()
    update, missed = alert(first.alert_id, count=2), fresh()

    async def story(session: aiohttp.ClientSession, url: str) -> None:
        async with session.ws_connect(url) as before:
            await produced(api, first, told, update, missed)
            assert [(await before.receive_json())["count"] for _ in range(4)] == [1, 1, 2, 1]
        for seen, comes in (("count=2", [missed]), ("count=1", [told, update, missed]), ("", [told, update, missed])):
            async with session.ws_connect(f"{url}?after={first.alert_id}&{seen}") as after:
                assert [(await after.receive()).data for _ in comes] == [encode(one).decode() for one in comes]

    live(api, story)


def test_what_is_remembered_no_more_comes_from_the_database(api: Running) -> None:
    old, missed = fresh(), fresh()
    api.write(rows("alerts", [Raw(encode(old), 1_000), Raw(encode(missed), 2_000)]))

    async def story(session: aiohttp.ClientSession, url: str) -> None:
        async with session.ws_connect(f"{url}?after={old.alert_id}") as socket_:
            assert (await socket_.receive_json())["alert_id"] == missed.alert_id

    live(api, story)


def test_however_much_was_missed_all_of_it_comes(api: Running) -> None:
    missed = [fresh() for _ in range(2 * MISSED_AT_ONCE + 1)]
    # Three of each millisecond: the database is asked for the next ones from the middle of one.
    api.write(rows("alerts", [Raw(encode(one), 10_000_000 + at // 3) for at, one in enumerate(missed)]))

    async def story(session: aiohttp.ClientSession, url: str) -> None:
        async with session.ws_connect(f"{url}?after={missed[0].alert_id}") as socket_:
            came = [(await socket_.receive_json())["alert_id"] for _ in missed[1:]]
        assert sorted(came) == sorted(one.alert_id for one in missed[1:])

    live(api, story)


def test_who_saw_only_the_begin_of_an_alert_is_told_what_came_since_then(api: Running) -> None:
    first, missed = fresh(), fresh()
    update = alert(first.alert_id, count=3)
    for at_ms, one in ((20_000_000, first), (20_000_001, missed), (20_000_002, update)):
        api.write(rows("alerts", [Raw(encode(one), at_ms)]))

    async def story(session: aiohttp.ClientSession, url: str) -> None:
        for seen, comes in (("", [missed, update]), ("count=1", [missed, update]), ("count=3", [])):
            last = fresh()
            async with session.ws_connect(f"{url}?after={first.alert_id}&{seen}") as socket_:
                await produced(api, last)
                came: list[dict[str, Any]] = []
                while not came or came[-1]["alert_id"] != last.alert_id:
                    came.append(await socket_.receive_json())
            ours = {first.alert_id, missed.alert_id}
            told = [(one["alert_id"], one["count"]) for one in came if one["alert_id"] in ours]
            assert told == [(one.alert_id, one.count) for one in comes]

    live(api, story)


def test_an_alert_that_never_was_is_nothing_to_go_on_from(api: Running) -> None:
    async def story(session: aiohttp.ClientSession, url: str) -> None:
        async with session.ws_connect(f"{url}?after=nonsense") as socket_:
            assert (await socket_.receive()).type == aiohttp.WSMsgType.CLOSE
            assert socket_.close_code == UNKNOWN

    live(api, story)


def test_a_feed_gives_up_a_client_that_does_not_keep_up_and_keeps_the_others() -> None:
    async def story() -> None:
        feed, slow, quick = Feed(), Client(lambda _: True), Client(lambda _: True)
        feed.listen(slow)
        feed.listen(quick)
        for number in range(QUEUED_MAX + 1):
            feed.take(raw(alert(f"a{number}")))
            quick.queue.get_nowait()
        assert slow.slow.is_set()
        assert slow.queue.qsize() == QUEUED_MAX
        assert not quick.slow.is_set()

    asyncio.run(story())


def test_a_later_record_of_an_alert_does_not_stand_for_the_one_that_was_seen() -> None:
    """What came between the two is forgotten, and the database knows it."""
    feed = Feed()
    for one in (alert("a", count=5), alert("b")):
        feed.take(raw(one))
    assert feed.since("a", 3) is None
    assert feed.since("a", None) is None
    assert [told.alert.alert_id for told in feed.since("a", 5) or []] == ["b"]


def test_a_client_that_does_not_read_is_dropped(api: Running) -> None:
    dropped = api.services.metrics.number("argus_live_clients_dropped_total")

    async def story(session: aiohttp.ClientSession, url: str) -> None:
        await listening(api, 0)
        narrow = socket.socket()
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        narrow.connect(("127.0.0.1", api.port))
        head = f"GET /ws/alerts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.token('analyst')}\r\n"
        head += "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        narrow.sendall(f"{head}Sec-WebSocket-Key: {'A' * 22}==\r\n\r\n".encode())
        await listening(api, 1)
        # More than the buffers of both ends hold, and than may wait: 500 of them.
        await produced(api, *(fresh(summary="x" * 20_000) for _ in range(1_200)))
        await listening(api, 0)
        narrow.close()

    before = dropped.value
    live(api, story)
    assert dropped.value == before + 1
    assert TOO_SLOW == 4_008


def test_a_session_ends_with_its_token(api: Running) -> None:
    async def story(session: aiohttp.ClientSession, url: str) -> None:
        async with session.ws_connect(f"{url}?user=nobody") as socket_:
            assert (await socket_.receive()).type == aiohttp.WSMsgType.CLOSE
            assert socket_.close_code == EXPIRED

    # Clocks may differ by half a minute, so a token is taken for as long after its end.
    live(api, story, api.tokens.create("analyst", "ann", 1))


def test_a_login_that_is_ended_before_its_time_is_heard_of_and_a_database_that_is_away_ends_none() -> None:
    ann = Caller(role="analyst", user="ann", key="analyst:ann", expires_s=time.time() + 3_600, csrf="x")
    answers: list[Any] = [ann, OSError("away"), ann, None]

    class Logins:
        async def caller(self, _request: Any) -> Caller | None:
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

    call = Call(request=None, services=SimpleNamespace(sessions=Logins()), caller=ann, path={})  # type: ignore[arg-type]
    asyncio.run(ended(call, every_s=0))
    assert answers == []


def test_another_sites_page_hears_nothing(api: Running) -> None:
    token = api.token("analyst")
    upgrade = {
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "A" * 22 + "==", "Origin": "https://evil.example",
    }  # fmt: skip
    assert api.get("/ws/alerts", token=token, headers=upgrade).status == 403
    assert api.get("/ws/alerts", token=token).status == 426
    assert api.get("/ws/alerts", token=api.token("member", MEMBER)).status == 403


def test_many_clients_hear_the_same_alert(api: Running) -> None:
    async def story(session: aiohttp.ClientSession, url: str) -> None:
        sockets = await asyncio.gather(*(session.ws_connect(url) for _ in range(90)))
        one = fresh()
        await produced(api, one)
        heard = await asyncio.gather(*(each.receive_json() for each in sockets))
        assert {each["alert_id"] for each in heard} == {one.alert_id}
        await asyncio.gather(*(each.close() for each in sockets))

    live(api, story)
