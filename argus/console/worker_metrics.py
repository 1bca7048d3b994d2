"""What running workers say of their models and of what those see: the gauges and counters of these names at their
/metrics addresses."""

import asyncio
from collections.abc import Sequence
from typing import Final

import aiohttp
from msgspec import Struct
from prometheus_client.parser import text_string_to_metric_families

PREFIXES: Final = ("argus_model_", "argus_feature_")
# Histograms are for Grafana.
LEFT_OUT: Final = ("_bucket", "_sum", "_count", "_created")
WITHIN_S: Final = 2.0
BYTES_MAX: Final = 4 * 1024 * 1024
WORKERS_MOST: Final = 32


class Said(Struct, frozen=True):
    """One figure. about: its labels but the model's, in words."""

    model: str
    figure: str
    about: str
    value: float


class Worker(Struct, frozen=True):
    """said: empty where it does not answer, and `trouble` says why."""

    address: str
    said: list[Said]
    trouble: str = ""


async def workers(addresses: Sequence[str]) -> list[Worker]:
    """Asked all at once; one that does not answer costs the others nothing."""
    if not addresses:
        return []
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=WITHIN_S)) as session:
        return list(await asyncio.gather(*(_asked(session, one) for one in addresses[:WORKERS_MOST])))


async def _asked(session: aiohttp.ClientSession, address: str) -> Worker:
    try:
        async with session.get(address, headers={"Accept": "text/plain"}, allow_redirects=False) as answer:
            if answer.status != 200:
                return Worker(address, [], f"answers {answer.status}")
            raw = await answer.content.read(BYTES_MAX)
            while len(raw) < BYTES_MAX and (more := await answer.content.read(BYTES_MAX - len(raw))):
                raw += more
        return Worker(address, _read(raw.decode("utf-8", "replace")))
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        return Worker(address, [], f"does not answer: {type(error).__name__}")


def _read(text: str) -> list[Said]:
    # Only what is asked for is parsed: a worker has thousands of series.
    kept = "\n".join(
        line
        for line in text.splitlines()
        if line.removeprefix("# ").split(" ", 2)[-1] and any(prefix in line for prefix in PREFIXES)
    )
    found = []
    for family in text_string_to_metric_families(kept + "\n"):
        for sample in family.samples:
            if not sample.name.startswith(PREFIXES) or sample.name.endswith(LEFT_OUT):
                continue
            labels = dict(sample.labels)
            model = labels.pop("model", "all")
            about = ", ".join(f"{name} {value}" for name, value in sorted(labels.items()))
            figure = sample.name.removeprefix("argus_").removeprefix("model_").removesuffix("_total")
            found.append(Said(model, figure, about, sample.value))
    return sorted(found, key=lambda one: (one.model, one.figure, one.about))
