"""Whether there is a broker."""

import asyncio
import logging

import pytest

from argus.ports import pick
from argus.reach import NoBroker, reach
from argus.settings import Settings


def test_no_broker_is_an_error_that_names_where_it_was_looked_for(caplog: pytest.LogCaptureFixture) -> None:
    address = f"127.0.0.1:{pick()}"
    with pytest.raises(NoBroker, match=address):
        reach(Settings(broker=address), within_s=0.0)
    assert "Traceback" not in caplog.text


def test_one_that_may_come_yet_is_waited_for_and_said_so_once(caplog: pytest.LogCaptureFixture) -> None:
    address = f"127.0.0.1:{pick()}"
    with caplog.at_level(logging.WARNING), pytest.raises(NoBroker):
        reach(Settings(broker=address), within_s=2.5)
    assert [record.getMessage() for record in caplog.records] == [
        f"no broker answers on {address}, waiting up to 2 s"
    ]


@pytest.mark.broker
def test_one_that_answers_is_enough_and_the_threads_own_loop_is_left_alone(tansu: str) -> None:
    mine = asyncio.new_event_loop()
    asyncio.set_event_loop(mine)
    try:
        reach(Settings(broker=f"127.0.0.1:{pick()},{tansu}"))
        assert asyncio.get_event_loop_policy().get_event_loop() is mine
    finally:
        asyncio.set_event_loop(None)
        mine.close()
