"""Signed webhooks, checked by a receiver."""

import hmac
from hashlib import sha256

import aiohttp
import pytest

from argus.notify.sending import Failed
from argus.notify.webhook import Webhook
from argus.ports import LOOPBACK, pick
from core.notices import Message
from tests.argus.notify.receivers import Receiver

SECRET = "the receiver has it too"
NOW = 1_770_000_000_000
MESSAGE = Message("n1", "soc", "HIGH", "Title", "Text", "u1", NOW, NOW, {"type": "alert", "alert_id": "a1"})


async def send(url: str, secret: str = SECRET) -> None:
    async with aiohttp.ClientSession() as session:
        await Webhook(lambda: session, url, secret, lambda: NOW + 5_000).send(MESSAGE)


async def test_a_receiver_can_check_who_sent_it_and_when(inbox: Receiver) -> None:
    await send(f"{inbox.url}/hook")
    [request] = inbox.at("/hook")
    wanted = "sha256=" + hmac.new(SECRET.encode(), request.body, sha256).hexdigest()
    assert hmac.compare_digest(request.headers["X-Argus-Signature"], wanted)
    assert request.headers["X-Argus-Timestamp"] == "1770000005"
    assert request.json == {
        "notice_id": "n1",
        "channel": "soc",
        "severity": "HIGH",
        "title": "Title",
        "text": "Text",
        "user_id": "u1",
        "created_at": "2026-02-02T02:40:00.000Z",
        "sent_at": "2026-02-02T02:40:05.000Z",
        "type": "alert",
        "alert_id": "a1",
    }


@pytest.mark.parametrize(
    ("status", "final"),
    [(301, True), (400, True), (404, True), (408, False), (429, False), (500, False), (503, False)],
)
async def test_only_a_refusal_that_would_stay_one_is_final(inbox: Receiver, status: int, final: bool) -> None:
    inbox.status = status
    with pytest.raises(Failed) as error:
        await send(f"{inbox.url}/hook")
    assert error.value.final is final
    assert str(error.value) == f"webhook answered {status}"


async def test_a_reason_never_tells_the_url() -> None:
    with pytest.raises(Failed) as error:
        await send(f"http://{LOOPBACK}:{pick()}/token-in-the-path")
    assert "token" not in str(error.value)
    assert not error.value.final
