"""`argus tail`."""

import asyncio
import uuid
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

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
    assert every.alert(b"nonsense") is None


def test_a_line_ends_with_what_would_have_kept_the_alert_from_firing() -> None:
    told = alert("a", summary="User ada: 5 codes.", counterfactual=Counterfactual("Would not have fired with fewer"))
    assert line(told, color=False).endswith(" User ada: 5 codes. Would not have fired with fewer.")


def test_a_line_has_a_colour_and_nothing_that_steers_the_terminal() -> None:
    nasty = alert("a", summary="\x1b[2J\nx\x9b")
    assert line(nasty, color=False).count("\x1b") == 0
    assert line(nasty, color=True).startswith(line(nasty, color=False)[:9] + "\x1b[31mHIGH")
    assert "\n" not in line(nasty, color=True)


@pytest.mark.broker
def test_it_follows_the_topic_and_ends_after_so_many(tansu: str, tmp_path: Path) -> None:
    settings = Settings(broker=tansu, topic_prefix=f"t{uuid.uuid4().hex[:8]}.", partitions=2, data_dir=tmp_path)

    async def produce() -> None:
        await ensure_topics(tansu, settings)
        producer = AIOKafkaProducer(bootstrap_servers=tansu)
        await producer.start()
        for name in ("a", "b", "c"):
            await producer.send_and_wait(settings.topic("alerts"), encode(alert(name)), partition=0)
        await producer.stop()

    asyncio.run(produce())
    lines: list[str] = []
    status = run(
        settings,
        Wanted(),
        from_start=True,
        count=2,
        as_json=True,
        color=None,
        echo=lambda text, **_: lines.append(text),
    )
    assert (status, lines) == (0, [encode(alert(name)).decode() for name in ("a", "b")])
