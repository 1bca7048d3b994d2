import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from aiokafka.errors import KafkaError

from agents.placing import Placing
from agents.shard import Output
from argus.measure import Metrics
from argus.notify.canary import SEEN_WITHIN_S, Canaries
from argus.notify.meter import NotifyMeter
from core.canary import is_canary
from core.clock import rfc3339
from core.notices import CanarySeen
from tests.argus.notify.desk import Desk

NOW_MS = 1_772_452_800_000
LAST_SEEN = "argus_canary_last_seen_timestamp_seconds"


class Nest:
    """Two partitions' canaries; what they send, and a clock."""

    def __init__(self, *, fails: bool = False, interval_s: float = 0.001) -> None:
        self.metrics = Metrics({"watched": ["0", "1"]}, "notify")
        self.sent: list[Output] = []
        self.now_ms = NOW_MS
        self.tries = 0
        self._fails = fails
        meter = NotifyMeter(self.metrics, "log")
        self.canaries = Canaries(self._send, "argus.events", 2, interval_s, meter, lambda: self.now_ms)

    async def _send(self, outputs: Sequence[Output]) -> None:
        self.tries += 1
        if self._fails:
            raise KafkaError("away")
        self.sent += outputs

    def value(self, name: str, *labels: str) -> float:
        return self.metrics.number(name, *labels).value

    async def until_tried(self, times: int) -> None:
        async with asyncio.timeout(240):
            running = asyncio.create_task(self.canaries.run())
            while self.tries < times:  # noqa: ASYNC110 - the interval is a millisecond
                await asyncio.sleep(0.001)
            self.began_at = self.value(LAST_SEEN, "1")
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_an_event_goes_to_every_partition_again_and_again() -> None:
    nest = Nest()
    await nest.until_tried(2)
    assert [output.partition for output in nest.sent[:4]] == [0, 1, 0, 1]
    events = [msgspec.json.decode(output.value or b"") for output in nest.sent]
    assert all(is_canary(output.headers, event["user_id"]) for output, event in zip(nest.sent, events, strict=True))
    assert [Placing(2)(event["user_id"]) for event in events[:2]] == [0, 1]
    assert {event["time"] for event in events} == {rfc3339(NOW_MS)}
    assert nest.value("argus_canary_sent_total") == len(nest.sent)


async def test_a_broker_that_is_away_is_tried_again_and_nothing_counts_as_sent() -> None:
    nest = Nest(fails=True)
    await nest.until_tried(3)
    assert nest.value("argus_canary_sent_total") == 0


async def test_a_partition_that_never_answers_shows_since_when() -> None:
    nest = Nest()
    await nest.until_tried(1)
    assert nest.began_at == NOW_MS / 1_000
    # Whoever has the notices next tells of it from then on.
    text = [family.samples for family in nest.metrics.collect() if family.name == LAST_SEEN]
    assert text == [[]]


@pytest.mark.parametrize(("late_s", "seen"), [(0.25, 1), (SEEN_WITHIN_S + 1, 0)])
def test_one_that_comes_back_is_seen_unless_it_is_of_another_time(late_s: float, seen: int) -> None:
    nest = Nest()
    nest.now_ms += int(late_s * 1_000)
    nest.canaries.seen(CanarySeen(1, "c", NOW_MS))
    assert nest.value("argus_canary_seen_total") == seen
    if seen:
        assert nest.value(LAST_SEEN, "1") == nest.now_ms / 1_000
        assert nest.metrics.spread("argus_canary_latency_seconds").sum == late_s


async def test_notices_of_canaries_tell_nobody_anything(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [], {})
    work = await desk.open()
    await desk.tell(work, CanarySeen(0, "c", NOW_MS))
    await work.stop(gracefully=True)
    assert desk.wire == []
