"""What the copies of other workers' partitions tell Prometheus."""

import asyncio
from pathlib import Path

from agents.standby import Place
from argus.measure import Metrics
from argus.standby_sampler import StandbySampler
from tests.agents.fakes import ManualClock
from tests.agents.standing import ONE, OTHER, Keeper
from tests.kafka.until import until_async


def test_copies_their_lag_their_size_and_those_set_aside_are_told_by_table(tmp_path: Path) -> None:
    metrics, clock = Metrics(process="worker"), ManualClock()
    metrics.own_partitions([0])

    def told(name: str) -> dict[str, float]:
        return {place.table: metrics.number(f"argus_standby_{name}", place.table).value for place in (ONE, OTHER)}

    async def story() -> None:
        keeper = Keeper(tmp_path, ONE, OTHER, Place("sources", 3))
        sampler = StandbySampler(metrics, keeper.standbys, clock)
        await keeper.standbys.follow(keeper.logs)
        keeper.write(ONE, "a", "b")
        await keeper.fresh(*keeper.logs)
        sampler.sample()
        assert told("partitions") == {"users": 1, "sources": 2}
        assert told("lag_records") == {"users": 0, "sources": 0}
        assert told("bytes")["users"] > 0
        keeper.free = 0.0
        keeper.write(ONE, "c")
        await until_async(lambda: ONE not in keeper.standbys.lags())
        clock.now_s += 60
        sampler.sample()
        assert told("partitions") == {"users": 0, "sources": 2}
        assert (told("set_aside_total"), told("bytes")["users"]) == ({"users": 1, "sources": 0}, 0)
        await keeper.standbys.stop()

    asyncio.run(story())


def test_a_copy_that_lacks_records_says_how_many(tmp_path: Path) -> None:
    metrics = Metrics(process="worker")

    async def story() -> None:
        keeper = Keeper(tmp_path, ONE)
        sampler = StandbySampler(metrics, keeper.standbys)
        await keeper.standbys.follow([ONE])
        await keeper.fresh(ONE)
        keeper.tails.held.clear()
        keeper.write(ONE, "a", "b", "c")
        await until_async(lambda: keeper.standbys.lags() == {ONE: 3})
        sampler.sample()
        assert metrics.number("argus_standby_lag_records", "users").value == 3
        keeper.tails.held.set()
        await keeper.fresh(ONE)
        await keeper.standbys.stop()

    asyncio.run(story())
