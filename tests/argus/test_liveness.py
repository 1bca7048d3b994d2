import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from agents.lanes import Lanes
from argus.cli import run
from argus.liveness import health_of
from argus.measure import Metrics
from argus.metrics_server import MetricsServer
from argus.ports import LOOPBACK, pick
from tests.kafka.until import until_async


class Task:
    """Work whose batches wait until they are told to go on."""

    def __init__(self, takeover: asyncio.Event) -> None:
        self._takeover = takeover
        self.go_on = threading.Event()
        self.begun = asyncio.Event()

    async def start(self) -> None:
        await self._takeover.wait()

    async def apply(self, _topic: str, _records: list[Any]) -> None:
        self.begun.set()
        await asyncio.to_thread(self.go_on.wait, 10)

    async def tick(self) -> None: ...

    async def stop(self, *, gracefully: bool) -> None: ...


class Event:
    """As much of a Faust event as a lane looks at."""

    class message:  # noqa: N801
        topic, partition, offset, value, tp = "events", 0, 7, (), ("events", 0)

    def ack(self) -> None: ...


class Flow:
    def only_here(self, _topic: str) -> bool:
        return True

    def hold(self, tp: Any) -> None: ...
    def resume(self, tp: Any) -> None: ...


def test_a_batch_that_hangs_is_told_of_and_one_that_ends_is_forgotten() -> None:
    async def scenario() -> None:
        takeover, failures = asyncio.Event(), list[BaseException]()
        work = Task(takeover)
        lanes = Lanes(lambda _: work, Flow(), failures.append, 5.0)
        named = {"users": lanes}
        assert health_of(named, 1.5)[0] is False  # nothing assigned yet
        lanes.assign([0])
        healthy, facts = health_of(named, 0.0)
        assert (healthy, facts["live"]) == (False, True), "a takeover may last, and is no reason to begin it anew"
        takeover.set()
        await until_async(lambda: lanes.ready)
        assert health_of(named, 5.0) == (True, {"users": [0], "live": True, "stalled_s": pytest.approx(0, abs=5)})
        await lanes.submit(Event())
        await work.begun.wait()
        await until_async(lambda: not health_of(named, 1.5)[1]["live"])
        assert health_of(named, 1.5)[0] is False
        assert health_of(named, 1.5, waits=True)[0] is True
        work.go_on.set()
        await until_async(lambda: health_of(named, 1.5)[0])
        await lanes.revoke()
        assert failures == []

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("good", "live", "statuses"), [(True, True, (0, 200)), (False, True, (1, 200)), (False, False, (1, 503))]
)
def test_a_health_check_asks_by_the_command_line(
    good: bool, live: bool, statuses: tuple[int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    server = MetricsServer(Metrics(), LOOPBACK, 0, lambda: (good, {"live": live}))
    try:
        assert run(["health", "--port", str(server.port)]) == statuses[0]
        assert json.loads(capsys.readouterr().out)["live"] is live
        from argus.asking import ask

        assert ask("0.0.0.0", server.port, "/live")[0] is (statuses[1] == 200)
    finally:
        server.close()


def test_where_nothing_listens_the_check_fails_and_says_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    port = pick()
    assert run(["health", "--api", "--port", str(port)]) == 1
    assert f"nothing answers at {LOOPBACK}:{port}" in capsys.readouterr().out
