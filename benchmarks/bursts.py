"""Simulated life with payment bursts of fresh users among it, so that a short run has alerts enough to time."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from benchmarks.events import Events
from core.clock import to_ms
from core.records import Event, encode

# Six payments within 15 s: the velocity rule tells of it at the third, and again at the sixth.
PAYMENTS: Final = 6
PAYMENT_GAP_MS: Final = 3_000
EVENTS_PER_BURST: Final = 100
EVENTS_PER_PAYMENT: Final = 10

_decode = msgspec.json.Decoder(Event).decode


class _Burst(Struct):
    number: int
    start_ms: int
    paid: int = 0

    def payment(self) -> bytes:
        at = self.paid
        self.paid += 1
        return encode(
            {
                "event_id": f"burst-{self.number}-{at}",
                "type": "transaction",
                "user_id": f"burst-{self.number}",
                "time": self.start_ms + at * PAYMENT_GAP_MS,
                "amount": 20.0 + at,
                "currency": "EUR",
                "merchant_id": f"shop-{self.number % 50}",
            }
        )


def with_bursts(source: Events, path: Path, count: int) -> Events:
    """Write `count` lines to `path`: those of `source` with a burst for each hundred of them. A burst's payments are
    no neighbours: others come in between, as they would."""
    with path.open("wb") as out:
        out.writelines(line + b"\n" for line in islice(_mixed(source), count))
    return Events(path)


def _mixed(source: Events) -> Iterator[bytes]:
    burst: _Burst | None = None
    for number, line in enumerate(source.lines()):
        yield line
        if number % EVENTS_PER_BURST == 0:
            time = _decode(line).time
            burst = _Burst(number, time if isinstance(time, int) else to_ms(time))
        if burst is not None and burst.paid < PAYMENTS and number % EVENTS_PER_PAYMENT == 0:
            yield burst.payment()
