"""Five hundred clients of live alerts at once, on a whole `argus up`."""

import asyncio
import uuid
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from tests.argus.api.whole import Whole
from tests.argus.store.records import alert
from tests.kafka.until import until_async

pytestmark = [pytest.mark.broker, pytest.mark.slow]

CLIENTS = 500
# As many as one subject may begin with at once.
GROUP = 250
ALERTS = 40
WITHIN_S = 240.0
# For each client some tens of kilobytes of sockets, and of alerts that all of them share.
GROWTH_MAX_BYTES = 128 << 20


def resident_bytes(pid: int) -> int:
    (line,) = (one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith("VmRSS"))
    return int(line.split()[1]) * 1_024


async def produced(whole: Whole, alerts: list[Any]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=whole.broker)
    await producer.start()
    for one in alerts:
        await producer.send("argus.alerts", msgspec.json.encode(one), partition=0)
    await producer.stop()


async def heard(live: aiohttp.ClientWebSocketResponse) -> list[str]:
    return [(await live.receive_json())["alert_id"] for _ in range(ALERTS)]


def clients_of(whole: Whole) -> int:
    lines = whole.get("/metrics").body.decode().splitlines()
    (line,) = (line for line in lines if line.startswith("argus_live_clients "))
    return int(float(line.split()[1]))


def test_each_of_500_clients_hears_every_alert_in_order_and_none_leaves_anything_behind(whole: Whole) -> None:
    pid = int((whole.data_dir / "run" / "api.pid").read_text())
    user = f"many-{uuid.uuid4().hex}"
    sent = [alert(f"{user}-{number}", user_id=user, summary="x" * 1_000) for number in range(ALERTS)]

    async def story() -> int:
        connector = aiohttp.TCPConnector(limit=0)
        async with asyncio.timeout(WITHIN_S), aiohttp.ClientSession(connector=connector) as session:
            sockets: list[aiohttp.ClientWebSocketResponse] = []
            for name in ("ann", "bea"):
                headers = {"Authorization": f"Bearer {whole.token('analyst', name)}"}
                url = f"{whole.url}/ws/alerts?user={user}"
                sockets += await asyncio.gather(*(session.ws_connect(url, headers=headers) for _ in range(GROUP)))
            _, *all_ = await asyncio.gather(produced(whole, sent), *(heard(live) for live in sockets))
            assert all_ == [[one.alert_id for one in sent]] * CLIENTS
            full = resident_bytes(pid)
            await asyncio.gather(*(live.close() for live in sockets))
            await until_async(lambda: clients_of(whole) == 0, 240)
            return full

    before = resident_bytes(pid)
    assert asyncio.run(story()) - before < GROWTH_MAX_BYTES
