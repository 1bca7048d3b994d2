"""What a worker asks of its topics before it begins."""

import asyncio
import logging
import uuid

import pytest

from argus.commands import Shell
from argus.declared import WrongTopics, await_topics, partitions_found
from argus.ports import pick
from argus.settings import Settings
from argus.topics import TOPICS, ensure_topics

pytestmark = pytest.mark.broker


def names(settings: Settings) -> list[str]:
    return [settings.topic(topic.name) for topic in TOPICS]


@pytest.fixture
def settings(tansu: str) -> Settings:
    return Settings(broker=tansu, topic_prefix=f"t{uuid.uuid4().hex[:8]}.", partitions=2)


def test_topics_that_are_there_in_their_shape_are_enough(settings: Settings) -> None:
    asyncio.run(ensure_topics(settings.broker, settings))
    await_topics(settings, names(settings), within_s=0.0)


def test_missing_ones_are_waited_for_said_so_once_and_named_in_the_end(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(WrongTopics, match=r"events.*`argus topics create`"):
        await_topics(settings, [settings.topic("events")], within_s=2.5)
    lines = [record.getMessage() for record in caplog.records if record.name == "argus.declared"]
    assert len(lines) == 1
    with pytest.raises(WrongTopics, match="events"):
        await_topics(settings, [settings.topic("events")], within_s=0.0)


def test_another_number_of_partitions_is_an_error_that_says_what_to_do(settings: Settings) -> None:
    asyncio.run(ensure_topics(settings.broker, settings))
    four = Settings(broker=settings.broker, topic_prefix=settings.topic_prefix, partitions=4)
    with pytest.raises(WrongTopics, match="has 2 partitions, the settings say 4: set ARGUS_PARTITIONS"):
        await_topics(four, names(four), within_s=0.0)


def test_a_broker_that_does_not_tell_stops_nobody_here(caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings(broker=f"127.0.0.1:{pick()}")
    with caplog.at_level(logging.WARNING, "argus.declared"):
        await_topics(settings, names(settings), within_s=0.0)
    assert "could not be looked at" in caplog.text


def test_who_joins_counts_with_as_many_partitions_as_there_are_unless_it_is_told(settings: Settings) -> None:
    asyncio.run(ensure_topics(settings.broker, settings))
    environ = {"ARGUS_TOPIC_PREFIX": settings.topic_prefix}
    assert Shell(environ=environ).joining(broker=settings.broker).partitions == 2
    up = Shell(environ=environ).joining(profile={"console_simulator": True}, broker=settings.broker)
    assert (up.partitions, up.console_simulator) == (2, True)
    told = Shell(environ={**environ, "ARGUS_PARTITIONS": "3"}).joining(broker=settings.broker)
    assert (told.partitions, told.broker, told.topic_prefix) == (3, settings.broker, settings.topic_prefix)
    of_four = Shell(environ={**environ, "ARGUS_PARTITIONS": "4"}).joining(broker=settings.broker)
    assert of_four.partitions == 4, "the default's number may be meant"


def test_where_there_is_no_topic_yet_it_counts_with_the_settings_and_makes_none(settings: Settings) -> None:
    assert partitions_found(settings) is None
    assert partitions_found(settings) is None, "to ask has made it"
    joining = Shell(environ={"ARGUS_TOPIC_PREFIX": settings.topic_prefix}).joining(broker=settings.broker)
    assert joining.partitions == Settings().partitions


def test_a_broker_that_is_away_is_not_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings(broker=f"127.0.0.1:{pick()}")
    assert partitions_found(settings) is None
    assert caplog.text == ""
