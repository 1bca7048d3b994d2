"""All standbys of a worker: which there are, and the one task that keeps them fresh.

They come last. While a partition of this worker's own is being taken over nothing is read for them; what is read is
stored in small portions with rests in between; and whatever goes wrong with a copy sets that copy aside until the
next rebalance, so that the partition is recovered as without it. Nothing here ends the worker.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import aclosing, suppress
from itertools import islice
from pathlib import Path
from typing import Final

from aiokafka.errors import KafkaError

from agents.standby import Place, Standby, free_share
from agents.stores import Stores
from agents.tails import OutOfRange, Tails

logger = logging.getLogger(__name__)

BLOCK_CACHE_BYTES: Final = 1024 * 1024
# Read side by side: as many fetches wait in memory at most.
AT_ONCE: Final = 4
EVERY_S: Final = 0.5
# Asking for ends may cost the embedded broker much; it is left alone ten times as long.
ASKING_SHARE: Final = 10
# Times that storing took, which is two fifths of what a record costs: about a fifth of the event loop is theirs.
RESTS: Final = 10
RETRY_S: Final = 5.0
READY_EVERY_S: Final = 0.25


class Standbys:
    """Follows a rebalance: `leave` what is to be worked on here, then `follow` what is to be kept."""

    def __init__(
        self,
        tails: Tails,
        path_of: Callable[[str, int], Path],
        free: Callable[[Path], float] = free_share,
        retry_s: float = RETRY_S,
    ) -> None:
        """path_of: the files of a table's partition; free: the free share of the disk; retry_s: between two tries
        where the broker does not answer."""
        self.stores = Stores(BLOCK_CACHE_BYTES)
        # How many copies could not be kept, by table.
        self.set_aside: Counter[str] = Counter()
        self._tails = tails
        self._path_of = path_of
        self._free = free
        self._retry_s = retry_s
        self._wanted: set[Place] = set()
        self._open: dict[Place, Standby] = {}
        self._ready: Callable[[], bool] = lambda: True
        self._troubled = False
        self._task: asyncio.Task[None] | None = None

    def lags(self) -> Mapping[Place, int]:
        """Records that each copy lacks, of those of which that is known."""
        lags = {place: standby.lag_records for place, standby in self._open.items()}
        return {place: lag for place, lag in lags.items() if lag is not None}

    async def leave(self, places: Collection[Place]) -> None:
        """Close these, for who opens them now. Nothing is read until `follow`."""
        await self._rest()
        for place in self._open.keys() & set(places):
            self._close(place)

    async def follow(self, places: Collection[Place], ready: Callable[[], bool] = lambda: True) -> None:
        """Keep these fresh from now on, and no others. Those that were set aside are tried again. ready: whether
        everything that is worked on here has been taken over."""
        await self._rest()
        self._wanted, self._ready = set(places), ready
        for place in self._open.keys() - self._wanted:
            self._close(place)
        if self._wanted:
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Close them all."""
        await self.follow(())

    async def _rest(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            while self._wanted:
                try:
                    await self._follow()
                except OutOfRange as error:
                    for place in error.places:
                        self._put_aside(place, error)
                except (KafkaError, OSError) as error:
                    if not self._troubled:
                        logger.warning("standbys cannot read changelogs, and try again: %r", error)
                    self._troubled = True
                    await asyncio.sleep(self._retry_s)
        except Exception as error:  # noqa: BLE001 - what is worked on here does not depend on it
            for place in sorted(self._wanted):
                self._put_aside(place, error)
        finally:
            with suppress(Exception):
                await self._tails.close()

    async def _follow(self) -> None:
        """Until a copy is set aside."""
        await self._until_ready()
        for place in sorted(self._wanted - self._open.keys()):
            self._open_copy(place)
            await asyncio.sleep(0)
        if not self._open:
            return
        await self._tails.open({place: standby.next_offset for place, standby in self._open.items()})
        now = asyncio.get_running_loop().time
        while True:
            await self._until_ready()
            begin = now()
            ends = await self._tails.ends()
            rest_s = max(EVERY_S, ASKING_SHARE * (now() - begin))
            for place, end in ends.items():
                self._open[place].end = end
            behind = iter([place for place, standby in self._open.items() if standby.lag_records])
            while some := list(islice(behind, AT_ONCE)):
                if not await self._bring_on({place: ends[place] for place in some}):
                    return
            self._troubled = False
            await asyncio.sleep(rest_s)

    async def _bring_on(self, ends: Mapping[Place, int]) -> bool:
        """Whether all of these are still followed."""
        now = asyncio.get_running_loop().time
        async with aclosing(self._tails.read(ends)) as portions:
            async for place, entries in portions:
                begin = now()
                try:
                    self._open[place].take(entries)
                except OSError as error:
                    self._put_aside(place, error, unusable=True)
                    return False
                await asyncio.sleep(RESTS * (now() - begin))
                await self._until_ready()
        return True

    async def _until_ready(self) -> None:
        while not self._ready():  # noqa: ASYNC110 - lanes tell nobody
            await asyncio.sleep(READY_EVERY_S)

    def _open_copy(self, place: Place) -> None:
        try:
            self._open[place] = Standby.open(self.stores, place, self._path_of(*place), self._free)
        except OSError as error:
            self._put_aside(place, error)

    def _put_aside(self, place: Place, error: Exception, *, unusable: bool = False) -> None:
        """unusable: it can't be written, and is deleted. Where the broker has less than it holds it stays, for the
        takeover to judge, and so it does where nobody knows what happened."""
        logger.warning("the standby of %s[%d] is set aside until the next rebalance: %r", *place, error)
        self.set_aside[place.table] += 1
        self._wanted.discard(place)
        if unusable:
            standby = self._open.pop(place, None)
            with suppress(OSError):
                if standby is not None:
                    standby.drop()
        else:
            self._close(place)

    def _close(self, place: Place) -> None:
        standby = self._open.pop(place, None)
        if standby is not None:
            try:
                standby.close()
            except OSError as error:
                logger.warning("the standby of %s[%d]: %s", *place, error)
