"""The database, waited for when the process starts."""

import asyncio
import logging
from typing import Final

from argus.log import Seldom
from argus.store.engine import words
from argus.store.store import Store

logger = logging.getLogger(__name__)

AGAIN_S: Final = 2.0


async def migrated(store: Store) -> None:
    """Returns when the tables are there, in the shape that this version knows."""
    seldom = Seldom()
    while True:
        try:
            await store.migrate()
        except Exception as error:  # noqa: BLE001 - see below
            # Whatever it is, somebody has to put it right meanwhile; /ready and the log say so.
            if seldom("away") is not None:
                logger.warning("the database cannot be used, trying again: %s", words(error))
            await asyncio.sleep(AGAIN_S)
        else:
            return
