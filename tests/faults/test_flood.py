"""More requests than the API lets in: it says so, keeps its word about those that it took, and the stream goes on."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from argus.settings import Settings
from tests.argus.api.whole import Whole
from tests.faults import outside
from tests.faults.stage import event_counts, simulated

POSTS = 3_000
AT_ONCE = 60
PER_SECOND = 100
WITHIN_S = 240.0

pytestmark = [pytest.mark.broker, pytest.mark.slow]


def test_a_flood_is_turned_away_and_whatever_was_taken_is_decided_once(tmp_path: Path) -> None:
    # One source at its own pace by Kafka, and one that posts as fast as it can.
    steady = simulated(events=2_000, users=200, seed=61)
    flood = [(f"flood-{number % 50}", number) for number in range(POSTS)]
    taken: set[str] = set()
    statuses: Counter[int] = Counter()

    async def story(whole: Whole) -> None:
        settings = Settings(broker=whole.broker)
        headers = {"Authorization": f"Bearer {whole.token('service')}"}
        turns = asyncio.Semaphore(AT_ONCE)

        async def post(session: aiohttp.ClientSession, user: str, number: int) -> None:
            event = {
                "event_id": f"f{number}",
                "type": "page_view",
                "user_id": user,
                "time": 1_772_452_800_000 + number,
            }
            async with turns, session.post(f"{whole.url}/v1/events", json=event, headers=headers) as answer:
                statuses[answer.status] += 1
                if answer.status == 202:
                    taken.add(event["event_id"])  # type: ignore[arg-type]
                else:
                    assert int(answer.headers["retry-after"]) >= 1

        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            await asyncio.gather(
                outside.send(whole.broker, settings.topic("events"), steady, 500.0),
                *(post(session, user, number) for user, number in flood),
            )
            async with session.get(f"{whole.url}/metrics") as answer:
                metrics = await answer.text()
        assert set(statuses) <= {202, 429, 503}
        assert statuses[429] > POSTS / 10
        refused = [line for line in metrics.splitlines() if line.startswith("argus_http_refused_total{")]
        assert sum(float(line.split()[1]) for line in refused) == statuses[429] + statuses[503], refused

        ours = {msgspec.json.decode(line)["event_id"] for _, line in steady} | taken

        def decided(records: list[Any]) -> set[str]:
            return {msgspec.json.decode(record.value)["event_id"] for record in records}

        records = await outside.read(
            whole.broker,
            settings.topic("decisions"),
            settings.partitions,
            lambda some: decided(some) >= ours,
            WITHIN_S,
        )
        posted = [event_id for event_id in map(_event_id, records) if event_id.startswith("f")]
        assert Counter(posted) == Counter(taken)
        changelog = await outside.read(whole.broker, settings.topic("users-changelog"), settings.partitions)
        counts = {user: state.events for user, state in outside.states(changelog, compacted=False).items()}
        wanted = event_counts(steady)
        assert {user: counts[user] for user in wanted} == wanted

    with Whole(tmp_path, api_service_rate_per_s=str(PER_SECOND)) as whole:
        asyncio.run(story(whole))


def _event_id(record: Any) -> str:
    event_id: str = msgspec.json.decode(record.value)["event_id"]
    return event_id
