"""Whether the topics that a worker lives on are there, in the shape that it counts with: asked before it begins.

A worker that counts with four partitions and finds eight would put users where nobody looks for them; one whose
topics are missing would wait in silence.
"""

import asyncio
import logging
import time
from collections.abc import Iterable
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from argus.kafka_access import access_of
from argus.reach import quiet
from argus.settings import Settings
from argus.topics import TOPICS

logger = logging.getLogger(__name__)

# Workers and what declares the topics are often started together.
WITHIN_S: Final = 30.0
AGAIN_S: Final = 1.0
NAMED: Final = 5


LOOK_S: Final = 5.0


class WrongTopics(Exception):
    """Topics are missing, or have another number of partitions; the message says which, and what to do."""


def await_topics(settings: Settings, names: Iterable[str], within_s: float = WITHIN_S) -> None:
    """Returns as soon as all are there. names: in full. Raises `WrongTopics`, for a shape that is wrong at once; a
    broker that does not answer, or does not tell, is no reason to stop here."""
    # A loop of its own, as in `argus.reach`.
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(_await(settings, frozenset(names), within_s))
    except (KafkaError, OSError, TimeoutError) as error:
        logger.warning("the topics could not be looked at: %s", error)
    finally:
        loop.close()


def partitions_found(settings: Settings, within_s: float = LOOK_S) -> int | None:
    """How many partitions the events topic has; None where it is not there, or no broker tells within that time."""
    loop = asyncio.new_event_loop()
    try:
        with quiet():
            return loop.run_until_complete(asyncio.wait_for(_partitions(settings), within_s))
    except (KafkaError, OSError, TimeoutError, ValueError):
        return None
    finally:
        loop.close()


async def _partitions(settings: Settings) -> int | None:
    name = settings.topic("events")
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.broker, **access_of(settings).options())
    try:
        await admin.start()
        if name not in await admin.list_topics():
            return None
        (found,) = await admin.describe_topics([name])
        return len(found["partitions"]) or None
    finally:
        await admin.close()


async def _await(settings: Settings, names: frozenset[str], within_s: float) -> None:
    wanted = {settings.topic(topic.name): topic.partition_count(settings) for topic in TOPICS}
    deadline, said = time.monotonic() + within_s, False
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.broker, **access_of(settings).options())
    try:
        await admin.start()
        # By the list first: to ask for a topic that is missing makes it on the embedded broker.
        while missing := sorted(names - set(await admin.list_topics())):
            text = (
                f"{len(missing)} topics are missing ({', '.join(missing[:NAMED])}{' ...' * (len(missing) > NAMED)})"
            )
            if time.monotonic() + AGAIN_S > deadline:
                raise WrongTopics(f"{text}, for {within_s:.0f} s now: `argus topics create` makes them")
            if not said:
                logger.warning("%s, waiting up to %.0f s for `argus topics create`", text, within_s)
                said = True
            await asyncio.sleep(AGAIN_S)
        for found in await admin.describe_topics(sorted(names)):
            name, count = found["topic"], len(found["partitions"])
            if not found["error_code"] and count != wanted[name]:
                raise WrongTopics(
                    f"{name} has {count} partitions, the settings say {wanted[name]}: set ARGUS_PARTITIONS to what "
                    "it has, the same for every process, or use topics of another ARGUS_TOPIC_PREFIX"
                )
    finally:
        await admin.close()
