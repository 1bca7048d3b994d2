"""What is forwarded to the notices table."""

from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace
from typing import Any

from agents.shard import Output
from argus.notify.intake import READERS, IntakeWork, decode_seen
from core.clock import rfc3339
from core.notices import CaseSeen, OtpDue
from core.records import Case, Counterfactual, Delivery, Source, encode
from tests.argus.store.records import alert

NOW = 1_770_000_000_000
CASE = Case(
    case_id="c1", user_id=None, alert_ids=["a1", "a2"], severity="HIGH", priority=60, status="open", resolution=None,
    assignee=None, notes=[], opened=rfc3339(NOW), acknowledge_by=rfc3339(NOW), resolve_by=rfc3339(NOW),
    acknowledged=None, resolved=None, version=3, rules=["spray", "stuffing"], source=Source("ip", "1.2.3.4"),
)  # fmt: skip


def record(offset: int, value: bytes | None, *, restored: bool = False) -> Any:
    headers = (("restored", b"1"),) if restored else ()
    return SimpleNamespace(partition=1, offset=offset, key=b"k", value=value, timestamp=NOW, headers=headers)


class Wire:
    def __init__(self, missing: Sequence[Any] = ()) -> None:
        self.sent: list[Output] = []
        self.asked: list[tuple[int, int]] = []
        self._missing = missing

    async def send(self, outputs: Sequence[Output]) -> None:
        self.sent += outputs

    async def missed(self, _topic: str, _partition: int, start: int, end: int) -> AsyncIterator[Sequence[Any]]:
        self.asked.append((start, end))
        yield self._missing

    def work(self, positions: dict[tuple[str, int], int] | None = None) -> IntakeWork:
        return IntakeWork(READERS, "notices", lambda: self, self.missed, {} if positions is None else positions)

    @property
    def seen(self) -> list[Any]:
        assert {(output.topic, output.partition) for output in self.sent} <= {("notices", 0)}
        return [decode_seen(output.value or b"") for output in self.sent]


async def test_a_case_is_told_by_its_first_rule_and_by_what_it_is_about() -> None:
    wire = Wire()
    await wire.work().apply("cases", [record(0, encode(CASE))])
    assert wire.seen == [
        CaseSeen("c1", 3, None, "ip 1.2.3.4", 2, "HIGH", "open", None, NOW, NOW, "", "", "spray", ())
    ]


async def test_an_alert_is_told_with_what_would_have_kept_it_from_firing() -> None:
    wire = Wire()
    told = [alert("a"), alert("b", counterfactual=Counterfactual("Would not have fired below 412.00 EUR"))]
    await wire.work().apply("alerts", [record(offset, encode(one)) for offset, one in enumerate(told)])
    assert [seen.unless for seen in wire.seen] == ["", "Would not have fired below 412.00 EUR"]


async def test_what_was_put_back_into_a_new_broker_is_no_news() -> None:
    wire = Wire()
    await wire.work().apply("cases", [record(0, encode(CASE), restored=True)])
    assert wire.seen[0].at_ms == 0


async def test_deletes_and_foreign_records_are_skipped() -> None:
    wire = Wire()
    bad = encode(Delivery(command_id="o", user_id="u", expires="tomorrow"))
    good = encode(Delivery(command_id="o", user_id="u", expires=rfc3339(NOW)))
    values = [None, b"\xff", b"{}", bad, good]
    await wire.work().apply("deliveries", [record(offset, value) for offset, value in enumerate(values)])
    assert wire.seen == [OtpDue("o", "u", NOW, NOW)]


async def test_what_delivery_skipped_is_read_also_by_the_next_lane() -> None:
    wire = Wire([record(1, encode(CASE))])
    positions: dict[tuple[str, int], int] = {}
    await wire.work(positions).apply("cases", [record(0, encode(CASE))])
    await wire.work(positions).apply("cases", [record(2, encode(CASE))])
    assert wire.asked == [(1, 2)]
    assert len(wire.sent) == 3
