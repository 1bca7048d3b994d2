"""`argus bench` from outside: names, JSON, table. The benchmarks that need a broker are not run here."""

import asyncio
from io import StringIO
from itertools import pairwise
from pathlib import Path

import click
import msgspec
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from rich.console import Console

from argus.settings import Settings
from benchmarks.bursts import with_bursts
from benchmarks.drain import rate_of
from benchmarks.events import simulated
from benchmarks.figures import Result, Target, figure
from benchmarks.house import TOPIC, guest
from benchmarks.machine import describe
from benchmarks.main import Report, run, show
from benchmarks.memory import everybody, full_records
from tests.kafka.until import until


def test_a_small_run_reports_every_part_as_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    assert run(settings, settings, names=("replay", "engine"), as_json=True, events=1_000) == 0
    report = msgspec.json.decode(capsys.readouterr().out, type=Report)
    assert [result.benchmark for result in report.results] == ["replay", "engine"]
    assert all(one.runs and one.value >= 0 for result in report.results for one in result.figures)
    assert report.machine.cores >= 1
    assert all("million additions" in result.notes[-1] for result in report.results)


def test_a_name_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(click.UsageError, match=r"no benchmark 'repaly'.*replay"):
        run(Settings(), Settings(), names=("repaly",), as_json=True, events=1_000)


def test_what_needs_a_broker_of_its_own_is_not_run_on_another() -> None:
    with pytest.raises(click.UsageError, match=r"--broker is for latency"):
        run(Settings(), Settings(), names=("latency", "stream"), as_json=True, events=1_000, at="127.0.0.1:1")


@pytest.mark.broker
def test_a_guest_takes_its_topics_with_it(kafka: str) -> None:
    async def topics() -> set[str]:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
        await admin.start()
        try:
            return set(await admin.list_topics())
        finally:
            await admin.close()

    async def story() -> tuple[set[str], set[str], str]:
        async with guest(Settings(partitions=2), kafka) as home:
            return await topics(), set(TOPIC), home.settings.topic_prefix

    before = asyncio.run(topics())
    during, names, prefix = asyncio.run(story())
    assert {prefix + name for name in names} <= during
    until(lambda: asyncio.run(topics()) == before, what="the topics' end")


def test_the_table_says_whether_a_target_was_met() -> None:
    out = StringIO()
    figures = (
        figure("events", "/s", [9.0], Target(10, "higher")),
        figure("latency", "ms", [9.0], Target(10, "lower")),
    )
    show(Report(describe(), (Result("stream", figures, ("a note",)),)), Console(file=out, width=200))
    assert "≥ 10 missed" in out.getvalue()
    assert "≤ 10 met" in out.getvalue()
    assert "a note" in out.getvalue()


def test_events_are_the_same_for_everybody_who_is_measured(tmp_path: Path) -> None:
    first = simulated(tmp_path / "first.jsonl", 1_000, 50)
    second = simulated(tmp_path / "second.jsonl", 1_000, 50)
    assert list(first.lines()) == list(second.lines())
    assert len(first.ids()) <= 1_000
    assert len(list(first.heads(10))) == 10


def test_bursts_are_spread_among_other_events(tmp_path: Path) -> None:
    life = simulated(tmp_path / "life.jsonl", 1_000, 50)
    users = [head.user_id for head in with_bursts(life, tmp_path / "mixed.jsonl", 1_000).heads()]
    assert len(users) == 1_000
    assert users.count("burst-100") == 6
    assert all(not a.startswith("burst") or a != b for a, b in pairwise(users))


class Sent(msgspec.Struct):
    timestamp: int


def test_a_rate_leaves_out_what_was_ready_at_the_first_moment() -> None:
    assert rate_of([Sent(1_000)] * 500 + [Sent(1_500)] * 100 + [Sent(3_000)] * 100) == 100.0


def test_a_busy_users_record_stays_small(tmp_path: Path) -> None:
    sizes = list(full_records(Settings(data_dir=tmp_path), simulated(tmp_path / "e.jsonl", 2_000, 20).lines()))
    assert sizes
    assert max(sizes) <= 8 * 1_024


def test_every_user_comes_who_is_to_be_held_in_memory(tmp_path: Path) -> None:
    life = simulated(tmp_path / "life.jsonl", 100, 50)
    came = everybody(life, tmp_path / "everybody.jsonl", 50)
    assert len({head.user_id for head in came.heads()}) == 50
    assert len(came.ids()) == len(list(came.lines())) or len(life.ids()) < 100
