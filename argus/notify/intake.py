"""Reads alerts, cases, locks and deliveries in every partition, and forwards what may be told to the one partition of
`notices`: rates, digests and storms are counted over all users.

It keeps nothing: a batch that comes again is forwarded again, and the notices table knows a repeat.
"""

import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

import msgspec
from msgspec import UNSET, UnsetType

from agents.shard import Output
from core.clock import to_ms
from core.notices import AlertSeen, CaseSeen, LockSeen, OtpDue, Seen, masked
from core.records import Alert, Case, Delivery, Lock, Source

logger = logging.getLogger(__name__)

_alert: Final = msgspec.json.Decoder(Alert).decode
_case: Final = msgspec.json.Decoder(Case).decode
_lock: Final = msgspec.json.Decoder(Lock).decode
_delivery: Final = msgspec.json.Decoder(Delivery).decode
encode_seen: Final = msgspec.json.Encoder().encode
decode_seen: Final = msgspec.json.Decoder(Seen).decode


def alert_seen(value: bytes, at_ms: int) -> Seen | None:
    """None in shadow mode, which tells nobody."""
    alert = _alert(value)
    if alert.mode != "live":
        return None
    return AlertSeen(
        alert.alert_id,
        alert.count,
        alert.rule_id,
        alert.kind,
        alert.severity,
        alert.title,
        alert.summary,
        alert.user_id,
        _whom(alert.user_id, alert.source),
        alert.time,
        at_ms,
        "" if alert.counterfactual is UNSET else alert.counterfactual.text,
    )


def case_seen(value: bytes, at_ms: int) -> Seen | None:
    case = _case(value)
    return CaseSeen(
        case.case_id,
        case.version,
        case.user_id,
        _whom(case.user_id, case.source),
        len(case.alert_ids),
        case.severity,
        case.status,
        case.resolution,
        _ms(case.opened),
        at_ms,
        case.title,
        case.attack,
        case.rules[0] if case.rules else "",
        tuple(case.breaches),
    )


def lock_seen(value: bytes, at_ms: int) -> Seen | None:
    lock = _lock(value)
    return LockSeen(lock.user_id, lock.version, lock.state, lock.reason, lock.until, lock.by, at_ms)


def otp_due(value: bytes, at_ms: int) -> Seen | None:
    delivery = _delivery(value)
    return OtpDue(delivery.command_id, delivery.user_id, _ms(delivery.expires), at_ms)


# Reads a topic's partition from an offset up to another.
Missed = Callable[[str, int, int, int], AsyncIterator[Sequence[Any]]]
READERS: Final[Mapping[str, Callable[[bytes, int], Seen | None]]] = {
    "alerts": alert_seen,
    "cases": case_seen,
    "locks": lock_seen,
    "deliveries": otp_due,
}


class Sends(Protocol):
    """Sends records, as `agents.sender.KafkaSender` does."""

    async def send(self, outputs: Sequence[Output]) -> None: ...


class IntakeWork:
    """One partition of the four topics (see `agents.lanes.Work`)."""

    def __init__(
        self,
        readers: Mapping[str, Callable[[bytes, int], Seen | None]],
        notices: str,
        send: Callable[[], Sends],
        missed: Missed,
        positions: dict[tuple[str, int], int],
    ) -> None:
        """readers: by full topic name. positions: the next offset of each topic's partition, of all lanes of this
        process that there ever were: a rebalance at the wrong moment can move a consumer past unread records."""
        self._readers = readers
        self._notices = notices
        self._send = send
        self._missed = missed
        self._positions = positions

    async def start(self) -> None:
        """Nothing to take over."""

    async def apply(self, topic: str, records: list[Any]) -> None:
        target = topic, records[0].partition
        expected = self._positions.get(target, records[0].offset)
        if expected < records[0].offset:
            async for missed in self._missed(*target, expected, records[0].offset):
                await self._forward(topic, missed)
        await self._forward(topic, records)
        self._positions[target] = records[-1].offset + 1

    async def _forward(self, topic: str, records: Sequence[Any]) -> None:
        outputs = []
        for record in records:
            if record.value is None:
                continue
            try:
                seen = self._readers[topic](record.value, 0 if _restored(record) else record.timestamp)
            except (msgspec.DecodeError, ValueError) as error:
                # Argus's own topics: whoever else writes there must not keep the others from being told.
                logger.error("cannot tell of %s[%d]@%d: %s", topic, record.partition, record.offset, error)
                continue
            if seen is not None:
                outputs.append(Output(self._notices, 0, record.key, encode_seen(seen)))
        if outputs:
            await self._send().send(outputs)

    async def tick(self) -> None:
        """Nothing is due."""

    async def stop(self, *, gracefully: bool) -> None:
        """Nothing is held."""


def _restored(record: Any) -> bool:
    """Whether it was told before: the embedded broker began anew, and what stands was put back into it."""
    return any(name == "restored" for name, _ in record.headers)


def _ms(time: str) -> int:
    return to_ms(datetime.fromisoformat(time))


def _whom(user_id: str | None, source: Source | UnsetType) -> str:
    if user_id:
        return f"user {masked(user_id)}"
    return "several users" if isinstance(source, UnsetType) else f"{source.type} {source.id}"
