"""Reading a batch of records: what can't be read goes to the rejected topic, value untouched; the rest goes on."""

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

from agents.shard import Output
from core.events import Rejected

logger = logging.getLogger(__name__)

LOG_EVERY_MS = 60_000
# What the rejected topic and an outbox can carry. Only a compressed record can be larger, in the broker's eyes.
CARRIED_BYTES = 3 * 1024 * 1024


class Rejections:
    """Turns records that can't be read into outputs; says so in the log once a minute, not once a record."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._logged_ms: dict[str, int] = {}
        self._unlogged: Counter[str] = Counter()

    def output(self, record: Any, rejected: Rejected, now_ms: int) -> Output:
        """The rejected topic's record for one that can't be read, in the partition of the same number. One that is
        too large to be carried leaves its value behind; the headers say where that is."""
        self._log(record, rejected, now_ms)
        size = len(record.key or b"") + len(record.value or b"")
        carried = size <= CARRIED_BYTES
        headers = {
            "error": rejected.error,
            "reason": rejected.reason if carried else f"{rejected.reason}; too large to be kept here",
            "topic": record.topic,
            "partition": str(record.partition),
            "offset": str(record.offset),
        }
        return Output(
            self._topic,
            record.partition,
            record.key if carried else None,
            record.value if carried else None,
            tuple((name, text.encode("utf-8", "replace")) for name, text in headers.items()),
        )

    def _log(self, record: Any, rejected: Rejected, now_ms: int) -> None:
        self._unlogged[rejected.error] += 1
        if now_ms - self._logged_ms.get(rejected.error, -LOG_EVERY_MS) >= LOG_EVERY_MS:
            self._logged_ms[rejected.error] = now_ms
            logger.warning(
                "rejected %d records as %s, the newest %s[%d]@%d",
                self._unlogged.pop(rejected.error),
                rejected.error,
                record.topic,
                record.partition,
                record.offset,
            )


def unseen(records: Sequence[Any], applied: int | None) -> Sequence[Any]:
    """The records that no step has taken yet; a redelivery brings some again."""
    if applied is None or not records or records[0].offset >= applied:
        return records
    return [record for record in records if record.offset >= applied]
