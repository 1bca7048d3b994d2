"""An issuer's public keys, read from its JWKS and kept; read again when a token names another key."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import aiohttp
import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from argus.log import Seldom

logger = logging.getLogger(__name__)

KEPT_S: Final = 600.0
# Whoever makes up key ids must not have us ask the issuer all the time.
AT_MOST_EVERY_S: Final = 10.0
WITHIN_S: Final = 5.0

Fetch = Callable[[], Awaitable[bytes]]


class NoKeys(Exception):
    """The issuer's keys have never been read."""


class Jwks:
    """fetch: reads the document; clock: seconds, monotonic."""

    def __init__(self, fetch: Fetch, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: KeySet | None = None
        self._kids: frozenset[str] = frozenset()
        self._read_s = self._tried_s = float("-inf")
        self._reading = asyncio.Lock()
        self._seldom = Seldom()

    async def keys(self, kid: str | None) -> KeySet:
        """Raises `NoKeys`. A document that cannot be read leaves the keys as they were."""
        if self._wants(kid):
            async with self._reading:
                if self._wants(kid):
                    await self._read()
        if self._keys is None:
            raise NoKeys("the issuer's keys cannot be read")
        return self._keys

    def _wants(self, kid: str | None) -> bool:
        now = self._clock()
        if now - self._tried_s < AT_MOST_EVERY_S:
            return False
        return self._keys is None or now - self._read_s > KEPT_S or (kid is not None and kid not in self._kids)

    async def _read(self) -> None:
        self._tried_s = self._clock()
        try:
            document = msgspec.json.decode(await self._fetch())
            # A symmetric key in a public document would let anybody sign.
            keys: list[Any] = [key for key in document["keys"] if key.get("kty") in ("RSA", "EC", "OKP")]
            self._keys = KeySet.import_key_set({"keys": keys})
            self._kids = frozenset(str(key.get("kid")) for key in keys)
            self._read_s = self._tried_s
        except (OSError, TimeoutError, aiohttp.ClientError, msgspec.MsgspecError, JoseError) as error:
            self._said(error)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            self._said(error)

    def _said(self, error: Exception) -> None:
        if self._seldom("jwks") is not None:
            logger.warning("the issuer's keys cannot be read: %s: %s", type(error).__name__, error)


def from_url(url: str) -> Fetch:
    """Reads the document over HTTP; redirects are not followed."""

    async def fetch() -> bytes:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=WITHIN_S)) as session,
            session.get(url, allow_redirects=False) as response,
        ):
            response.raise_for_status()
            return await response.read()

    return fetch
