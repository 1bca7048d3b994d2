"""`api`: scores by `POST /v1/score`, open loop, and how many events a second `POST /v1/events` takes in lists.

`argus serve` has a broker, one `argus worker` and `argus sink` beside it, on the machine that the clients are on too.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from typing import Final

import aiohttp
import msgspec

from argus import children
from argus.api.tokens import Tokens
from argus.ports import pick
from argus.secret import secret_of
from argus.settings import Settings
from benchmarks.events import Events
from benchmarks.figures import Figure, Result, Target, figure, per_second, quantile
from benchmarks.house import STALL_S, House, house
from benchmarks.process import BenchError, child

RATE: Final = 200
RUN_S: Final = 15
RUNS: Final = 3
WARM_UP: Final = 1_000
LIST: Final = 100
LISTS: Final = 500
# Lists that are on their way at once, as those of so many services.
CALLERS: Final = 8
SHARES: Final = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0))
TOKEN_S: Final = 3_600.0


def run(settings: Settings, events: Events, count: int | None) -> Result:
    """count: of the scores of each run. events: as many again to warm up, and to send in lists."""
    count = count or RATE * RUN_S
    runs = [asyncio.run(_measure(settings, events, count)) for _ in range(RUNS)]
    figures: list[Figure] = []
    for label, share in SHARES:
        values = [quantile(scores, share) for scores, _ in runs]
        figures.append(figure(f"score, {label}", "ms", values, Target(50, "lower") if label == "p99" else None))
    taken = [rate for _, rate in runs]
    figures.append(figure(f"events taken in lists of {LIST}", "/s", taken, Target(5_000, "higher")))
    return Result(
        "api",
        tuple(figures),
        (f"{count:,} scores at {RATE} a second, each from its due moment; {CALLERS} callers send lists at once",),
    )


async def _measure(settings: Settings, events: Events, count: int) -> tuple[list[float], float]:
    """Milliseconds of each score, ascending, and events a second taken in lists."""
    lines = events.lines()
    # The API is asked for nothing more often than it lets one caller ask, so what it lets one ask is set high.
    own = msgspec.structs.replace(settings, api_service_rate_per_s=1e6, api_port=pick())
    async with house(own) as home, _served(home, next(lines)) as session:
        for line in islice(lines, WARM_UP):
            await _ask(session, "/v1/score", line, 200)
        start_s = time.monotonic() + 1.0
        asked = [
            asyncio.create_task(_score(session, line, start_s + number / RATE))
            for number, line in enumerate(islice(lines, count))
        ]
        scores = sorted(await asyncio.gather(*asked))
        rest = list(islice(lines, LISTS * LIST))
        lists = [b"\n".join(rest[at : at + LIST]) for at in range(0, len(rest), LIST)]
        begin_s = time.monotonic()
        await asyncio.gather(*(_send(session, lists[caller::CALLERS]) for caller in range(CALLERS)))
        return scores, per_second(len(rest), time.monotonic() - begin_s)


@asynccontextmanager
async def _served(home: House, first: bytes) -> AsyncIterator[aiohttp.ClientSession]:
    settings = home.settings
    spec = children.api_child(children.ARGUS, settings, home.bootstrap)
    token = Tokens(secret_of(settings)).create("service", "bench", TOKEN_S)
    headers = {"Authorization": f"Bearer {token}"}
    sink = children.sink_child(children.ARGUS, settings, home.bootstrap)
    with (
        home.worker(),
        child("sink", sink.argv, sink.env, home.directory),
        child("serve", spec.argv, spec.env, home.directory) as serve,
    ):
        url = f"http://{settings.api_host}:{settings.api_port}"
        async with aiohttp.ClientSession(url, headers=headers, connector=aiohttp.TCPConnector(limit=0)) as session:
            async with asyncio.timeout(STALL_S):
                while not await _answers(session, first):
                    serve.check()
                    await asyncio.sleep(0.1)
            yield session


async def _answers(session: aiohttp.ClientSession, line: bytes) -> bool:
    """Whether the server and the worker behind it do."""
    try:
        async with session.post("/v1/score", data=line, headers={"Content-Type": "application/json"}) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def _score(session: aiohttp.ClientSession, line: bytes, due_s: float) -> float:
    await asyncio.sleep(max(0.0, due_s - time.monotonic()))
    await _ask(session, "/v1/score", line, 200)
    return (time.monotonic() - due_s) * 1_000


async def _send(session: aiohttp.ClientSession, lists: Sequence[bytes]) -> None:
    for one in lists:
        await _ask(session, "/v1/events", one, 202)


async def _ask(session: aiohttp.ClientSession, path: str, body: bytes, wanted: int) -> None:
    kind = "application/json" if wanted == 200 else "application/x-ndjson"
    async with session.post(path, data=body, headers={"Content-Type": kind}) as answer:
        text = await answer.text()
        if answer.status != wanted:
            raise BenchError(f"{path} answers {answer.status}: {text[:500]}")
