"""Idempotency keys: a request that comes again with its key gets the answer that it got, and does nothing.

Commands are idempotent in the stream itself, since their ids come from the key; this memory of one process adds that
a key is not used for something else, and that a repeat waits for the first.
"""

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from hashlib import blake2b
from typing import Final, Generic, TypeVar

from msgspec import Struct

from argus.api.problems import Problem, invalid

HEADER: Final = "Idempotency-Key"
KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
KEPT: Final = 10_000
KEPT_S: Final = 24 * 3_600.0

T = TypeVar("T")


class _First(Struct, Generic[T]):
    fingerprint: bytes
    at_s: float
    answer: "asyncio.Future[T]"


class Once(Generic[T]):
    """Answers by the caller, the path and the key. clock: seconds, monotonic."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first: OrderedDict[str, _First[T]] = OrderedDict()

    async def __call__(self, name: str, body: bytes, act: Callable[[], Awaitable[T]]) -> T:
        """The answer to the first request of that name. One that raised is forgotten. Raises a `Problem` for another
        body than the first one's."""
        fingerprint = blake2b(body, digest_size=16).digest()
        first = self._first.get(name)
        if first is not None and self._clock() - first.at_s < KEPT_S:
            if first.fingerprint != fingerprint:
                raise Problem(422, "idempotency-key", "The Idempotency-Key was used for another request")
            return await asyncio.shield(first.answer)
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._first[name] = _First(fingerprint, self._clock(), answer)
        while len(self._first) > KEPT:
            self._first.popitem(last=False)
        try:
            found = await act()
        except BaseException as error:
            if self._first.get(name) is not None and self._first[name].answer is answer:
                del self._first[name]
            answer.set_exception(error if isinstance(error, Exception) else RuntimeError("the first was broken off"))
            answer.exception()  # seen, even if nobody else waits
            raise
        answer.set_result(found)
        return found


def checked(key: str | None) -> str | None:
    """Raises a `Problem` for a key that is none."""
    if key is not None and not KEY.fullmatch(key):
        raise invalid("An Idempotency-Key has 1 to 255 printable ASCII characters", HEADER)
    return key
