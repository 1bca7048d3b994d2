"""Signed webhooks: the message as JSON, so that a program may act on it and know that it is from Argus.

The header `X-Argus-Signature` is `sha256=` and the HMAC-SHA256 of the body, exactly as sent, in hex. `sent_at` is in
the body and so is signed too: a receiver refuses what is old, and knows a repeat by `notice_id`.
"""

import hmac
from collections.abc import Callable
from hashlib import sha256
from typing import Final

import aiohttp
import msgspec

from argus.notify.sending import Failed
from core.clock import rfc3339
from core.notices import Message

SIGNATURE: Final = "X-Argus-Signature"
TIMESTAMP: Final = "X-Argus-Timestamp"
TIMEOUT_S: Final = 10.0
# Answers by which a receiver says that it may work later.
PASSING: Final = (408, 425, 429)


def signature(secret: str, body: bytes) -> str:
    """The header's value."""
    return f"sha256={hmac.new(secret.encode(), body, sha256).hexdigest()}"


def body_of(message: Message, now_ms: int) -> bytes:
    """The JSON of a message."""
    return msgspec.json.encode(
        {
            "notice_id": message.notice_id,
            "channel": message.channel,
            "severity": message.severity,
            "title": message.title,
            "text": message.text,
            "user_id": message.user_id,
            "created_at": rfc3339(message.created_ms),
            "sent_at": rfc3339(now_ms),
            **message.facts,
        }
    )


class Webhook:
    """Posts to one URL. Redirects are not followed: the signature is for this receiver."""

    at_once = 4

    def __init__(
        self, session: Callable[[], aiohttp.ClientSession], url: str, secret: str, now_ms: Callable[[], int]
    ) -> None:
        self._session = session
        self._url = url
        self._secret = secret
        self._now_ms = now_ms

    async def send(self, message: Message) -> None:
        now_ms = self._now_ms()
        body = body_of(message, now_ms)
        headers = {
            "Content-Type": "application/json",
            SIGNATURE: signature(self._secret, body),
            TIMESTAMP: str(now_ms // 1_000),
        }
        try:
            async with self._session().post(
                self._url,
                data=body,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
            ) as answer:
                status = answer.status
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise Failed(f"webhook: {type(error).__name__}") from None
        if status >= 300:
            raise Failed(f"webhook answered {status}", final=300 <= status < 500 and status not in PASSING)
