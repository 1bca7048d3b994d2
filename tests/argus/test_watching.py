"""`argus tail`."""

import asyncio
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from argus.broker import BrokerError
from argus.settings import Settings
from argus.topics import ensure_topics
from argus.watching import Chosen, Wanted, line, run
from core.records import Counterfactual, Source, encode
from tests.argus.store.records import alert, source_alert


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        ({}, ["a", "b", "c"]),
        ({"severity": "HIGH"}, ["b", "c"]),
        ({"kinds": ("TRANSACTION",)}, ["a"]),
        ({"rules": ("spray",)}, ["c"]),
        ({"user": "bob"}, ["b", "c"]),
    ],
)
def test_only_what_is_wanted_is_shown(wanted: dict[str, Any], shown: list[str]) -> None:
    chosen = Chosen(Wanted(**wanted))
    spray = source_alert("c", Source("ip", "192.0.2.1"), ["bob"], rule_id="spray")
    records = [alert("a", severity="LOW", kind="TRANSACTION"), alert("b", user_id="bob"), spray]
    assert [one.alert_id for one in map(chosen.alert, map(encode, records)) if one] == shown


def test_an_update_is_shown_where_the_severity_rises_or_when_asked() -> None:
    updates = [encode(alert("a", severity=severity, count=count)) for severity, count in
               (("LOW", 1), ("LOW", 2), ("HIGH", 3), ("HIGH", 3))]  # fmt: skip
    assert [bool(chosen.alert(one)) for chosen in [Chosen(Wanted())] for one in updates] == [True, False, True, False]
    every = Chosen(Wanted(updates=True))
    assert [bool(every.alert(one)) for one in updates] == [True, True, True, False]


@pytest.mark.parametrize("record", [b"", b"no", b"{}", b"[]", encode(alert()).replace(b"HIGH", b"LOUD")])
def test_what_is_no_alert_is_not_shown(record: bytes) -> None:
    assert Chosen(Wanted()).alert(record) is None


def test_an_alert_about_a_source_names_it_with_how_often() -> None:
    spray = source_alert("a", Source("ip", "192.0.2.1"), ["bob"], time="2026-03-01T12:34:56.789Z", count=40)
    assert line(spray, color=False).startswith("12:34:56 HIGH     ip 192.0.2.1: Impossible travel (x40). ")


def test_a_line_ends_with_what_would_have_kept_the_alert_from_firing() -> None:
    told = alert("a", summary="User ada: 5 codes.", counterfactual=Counterfactual("Would not have fired with fewer"))
    assert line(told, color=False).endswith(" User ada: 5 codes. Would not have fired with fewer.")


def test_a_line_has_a_colour_and_nothing_that_steers_the_terminal() -> None:
    nasty = alert("a", user_id="\x1b[2J\n\x9bu", title="\x07Bell", summary="\x1b[2J\nx\x9b")
    assert line(nasty, color=False).isprintable()
    assert line(nasty, color=True).startswith(line(nasty, color=False)[:9] + "\x1b[31mHIGH")
    assert "\n" not in line(nasty, color=True)


def settings_of(broker: str, tmp_path: Path, partitions: int) -> Settings:
    return Settings(broker=broker, topic_prefix=f"t{uuid.uuid4().hex[:8]}.", partitions=partitions, data_dir=tmp_path)


def topic_of_three(settings: Settings) -> None:
    async def produce() -> None:
        await ensure_topics(settings.broker, settings)
        producer = AIOKafkaProducer(bootstrap_servers=settings.broker)
        await producer.start()
        for name in ("a", "b", "c"):
            await producer.send_and_wait(settings.topic("alerts"), encode(alert(name)), partition=0)
        await producer.stop()

    asyncio.run(produce())


def follow(settings: Settings, count: int, echo: Callable[..., object]) -> int:
    return run(settings, Wanted(), from_start=True, count=count, as_json=True, color=None, echo=echo)


@pytest.mark.broker
@pytest.mark.parametrize("believed", [2, 8, 1])
def test_it_follows_the_topic_and_ends_after_so_many(tansu: str, tmp_path: Path, believed: int) -> None:
    """However many partitions its own settings speak of."""
    settings = settings_of(tansu, tmp_path, 2)
    topic_of_three(settings)
    lines: list[str] = []
    status = follow(msgspec.structs.replace(settings, partitions=believed), 2, lambda text, **_: lines.append(text))
    assert (status, lines) == (0, [encode(alert(name)).decode() for name in ("a", "b")])


@pytest.mark.broker
def test_what_is_no_fault_of_the_broker_is_not_blamed_on_it(tansu: str, tmp_path: Path) -> None:
    settings = settings_of(tansu, tmp_path, 1)
    with pytest.raises(BrokerError, match=r"there is no topic t.*\.alerts"):
        follow(settings, 1, print)
    topic_of_three(settings)

    def closed(text: str, **_: object) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    with pytest.raises(BrokenPipeError):
        follow(settings, 1, closed)
