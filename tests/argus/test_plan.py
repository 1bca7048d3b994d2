import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from argus import capacity, cli
from argus.capacity import ASSUMED, CONSTANTS, ON_TOPICS, Constant
from argus.plan import PARTITIONS, PARTITIONS_MAX, Plan, plan
from argus.plan_view import size, span
from argus.settings import LABEL_MODELS, Settings
from argus.topics import TOPICS
from benchmarks.main import BENCHMARKS, MORE
from core.detect import LABEL_FEATURES
from models.kept import FACTS, FATES, Chunk
from models.remembered import pack_chunk

SETTINGS = Settings()
UNLABELLED = replace(SETTINGS, label_models=dict.fromkeys(LABEL_MODELS, "off"))
DOCS = Path(__file__).parents[2] / "docs"
PERFORMANCE = (DOCS / "performance.md").read_text("utf-8")


def planned(users: int = 1_000_000, rate: float = 10_000.0, **more: Any) -> Plan:
    return plan(SETTINGS, users=users, rate=rate, **more)


@pytest.mark.parametrize("one", CONSTANTS, ids=lambda one: one.name)
def test_every_constant_is_in_the_documentation_with_its_value_machine_and_command(one: Constant) -> None:
    command = f"`{one.command}`" if one.command.startswith("argus") else one.command
    value = f"{one.value:,} {one.unit}".replace(" /", "/")
    assert f"| {one.name} | {value} | {one.where} | {command} |" in PERFORMANCE


@pytest.mark.parametrize("on", ON_TOPICS, ids=lambda on: on.topic)
def test_every_topic_that_is_sized_is_declared_loses_old_records_and_is_documented(on: capacity.OnTopic) -> None:
    (declared,) = [topic for topic in TOPICS if topic.name == on.topic]
    assert declared.retention_days is not None
    assert f"`{on.topic}` {on.bytes:g}" in PERFORMANCE


def test_commands_name_benchmarks_that_are_there() -> None:
    for one in CONSTANTS:
        if one.command.startswith("argus bench "):
            assert one.command.split()[2] in BENCHMARKS | MORE


@pytest.mark.parametrize("rate", [0.1, 1_000, 5_270, 5_271, 100_000, 1e6, 1e8])
def test_workers_have_headroom_and_partitions_to_grow_into(rate: float) -> None:
    found = planned(rate=rate)
    assert found.worker.events_per_s <= capacity.WORKER_RATE.value * ASSUMED.headroom
    assert found.workers <= found.partitions <= PARTITIONS_MAX
    assert found.partitions in PARTITIONS
    assert found.cells * found.workers * found.worker.events_per_s == pytest.approx(rate)


def test_what_goes_beyond_the_partitions_of_one_argus_is_cells_and_says_what_they_do_not_see() -> None:
    assert planned(rate=1e6).cells == 1
    found = planned(rate=1e7)
    assert found.cells > 1
    assert "none sees what a source does in another" in " ".join(found.limits)


def test_a_small_one_needs_one_worker_and_warns_of_nothing_but_what_is_never_sized() -> None:
    found = planned(users=10_000, rate=100)
    assert (found.workers, found.partitions, found.sinks, found.cells) == (1, 12, 1, 1)
    assert len(found.limits) == 1


def test_internet_scale_names_what_breaks_first() -> None:
    limits = " ".join(planned(users=10**9, rate=1e6).limits)
    for word in ("database", "without its disk", "audit", "Notices", "Several workers"):
        assert word in limits


def test_the_page_that_works_it_through_has_the_figures_of_the_plan() -> None:
    page = (DOCS / "capacity.md").read_text("utf-8")
    found = planned(users=10**9, rate=1e6, alert_share=0.001)
    worker = found.worker
    beside = planned(users=10**9, rate=1e6, alert_share=0.001, standbys=1).worker
    disk = {topic.topic: size(topic.disk_bytes).split()[0] for topic in found.topics}
    for row in (
        f"| workers, partitions | {found.workers}, {found.partitions} |",
        (
            f"| a worker | {worker.events_per_s:,.0f} events/s, {worker.users / 1e6:.1f} million users, half a core, "
            f"{worker.memory_mib / 1_024:.1f} GiB, {worker.disk_bytes / 2**30:.0f} GiB of disk |"
        ),
        (
            f"| a worker without its disk | away for {worker.recovery_s / 60:.0f} minutes, and behind for another "
            f"{worker.caught_up_s / 60:.0f} |"
        ),
        (
            f"| with `--standbys 1` | {beside.cores:.1f} cores, {beside.memory_mib / 1_024:.1f} GiB, "
            f"{beside.disk_bytes / 2**30:.0f} GiB of disk; taken over {beside.takeover_s:g} s after the handover; "
            f"{size(beside.copied_bytes_per_s * found.workers)}/s more read from Kafka |"
        ),
        f"| written to Kafka | {size(found.kafka_bytes_per_s)}/s before compression and copies |",
        (
            f"| Kafka's disk | {size(found.kafka_disk_bytes)}: {disk['audit']} TiB audit, {disk['events']} events, "
            f"{disk['decisions']} decisions, {float(disk['users-changelog']):.0f} the users' changelog |"
        ),
        f"| sinks, rows into the database | {found.sinks}, {found.database_rows_per_s:,.0f} rows/s |",
    ):
        assert row in page


def test_retention_is_of_events_and_decisions_and_the_share_of_alerts_of_what_they_cause() -> None:
    usual, longer, quieter = planned(), planned(retention_days=14.0), planned(alert_share=0.00209)
    for before, after, less in zip(usual.topics, longer.topics, quieter.topics, strict=True):
        twice = before.topic in ("events", "decisions")
        assert after.disk_bytes == pytest.approx(before.disk_bytes * (2 if twice else 1))
        tenth = before.topic in ("alerts", "audit", "feedback")
        assert less.disk_bytes == pytest.approx(before.disk_bytes / (10 if tenth else 1))


def test_copies_are_those_of_the_setting_where_it_has_more_than_one() -> None:
    five = plan(replace(SETTINGS, replication=5), users=1_000_000, rate=10_000)
    assert five.kafka_disk_bytes == pytest.approx(planned().kafka_disk_bytes * 5 / ASSUMED.replication)


def test_recovery_grows_with_users_and_memory_only_as_far_as_the_cache() -> None:
    few, many = (plan(UNLABELLED, users=users, rate=5_000) for users in (100_000, 1_000_000))
    assert many.worker.recovery_s == pytest.approx(10 * few.worker.recovery_s)
    assert many.worker.memory_mib == few.worker.memory_mib


def test_a_standby_takes_as_much_disk_again_and_more_memory_processor_and_network() -> None:
    none, one, two = (planned(rate=50_000.0, standbys=count).worker for count in range(3))
    assert (none.copies, none.copied_bytes_per_s, none.takeover_s) == (0, 0, None)
    assert one.takeover_s is not None
    assert one.takeover_s < one.recovery_s == none.recovery_s
    assert (one.disk_bytes, two.disk_bytes) == (
        pytest.approx(2 * none.disk_bytes),
        pytest.approx(3 * none.disk_bytes),
    )
    assert none.cores < one.cores < two.cores
    assert none.memory_mib < one.memory_mib < two.memory_mib
    assert two.copied_bytes_per_s == 2 * one.copied_bytes_per_s > 0


def test_standbys_are_those_of_the_setting_and_never_more_than_other_workers() -> None:
    asked = plan(replace(SETTINGS, standby_replicas=2), users=1_000_000, rate=50_000)
    assert asked.worker.copies == 2
    alone = planned(rate=100.0, standbys=1)
    assert alone.worker == planned(rate=100.0).worker
    assert "There are too few workers for so many standbys: at most 0 of each partition" in alone.limits


def test_a_long_recovery_is_no_limit_where_a_standby_takes_over() -> None:
    assert "without its disk" in " ".join(planned(users=10**9, rate=1e6).limits)
    assert "without its disk" not in " ".join(planned(users=10**9, rate=1e6, standbys=1).limits)


def test_events_that_are_kept_for_their_label_take_memory_disk_and_recovery_up_to_their_bound() -> None:
    few, many = replace(SETTINGS, label_rows=1_000), replace(SETTINGS, label_rows=100_000)
    least, less, more = (plan(one, users=1_000_000, rate=5_000).worker for one in (UNLABELLED, few, many))
    rows = 99_000 * PARTITIONS[0]
    assert more.memory_mib - less.memory_mib == pytest.approx(rows * 87 / 2**20 * ASSUMED.memory)
    assert more.disk_bytes - less.disk_bytes == pytest.approx(rows * 526 * ASSUMED.compaction)
    assert least.recovery_s < less.recovery_s < more.recovery_s
    quiet = plan(replace(SETTINGS, label_window_days=1), users=1_000_000, rate=1.0).worker
    assert quiet.disk_bytes - plan(UNLABELLED, users=1_000_000, rate=1.0).worker.disk_bytes == pytest.approx(
        86_400 * 526 * ASSUMED.compaction
    )


def test_a_kept_event_is_as_large_as_the_plan_counts() -> None:
    width = len(LABEL_FEATURES)
    facts = {name: np.zeros(1, dtype) for name, dtype in FACTS.items()}
    packed = pack_chunk(Chunk(facts, np.zeros((1, width), np.uint8)), LABEL_FEATURES)
    assert len(packed) == capacity.LABEL_ROW.value
    columns = sum(np.dtype(dtype).itemsize for dtype in (FACTS | FATES).values())
    assert columns + width == capacity.LABEL_ROW_MEMORY.value


def test_it_is_told_as_a_table_and_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    args = ["plan", "--users", "1000000000", "--rate", "1000000", "--retention-days", "3"]
    assert cli.run(args) == 0
    said = capsys.readouterr().out
    assert "workers\t190" in said
    assert "users-changelog\t384\tcompacted" in said
    assert "taken over" not in said
    assert cli.run([*args, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["workers"] == 190
    assert told["topics"][0]["retention_days"] == 3
    assert cli.run([*args, "--standbys", "1"]) == 0
    assert "a worker: taken over by a standby within\t1.2 s" in capsys.readouterr().out


@pytest.mark.parametrize("wrong", [["--rate", "0"], ["--users", "-1"], ["--retention-days", "0"], ["--rate", "nan"]])
def test_what_makes_no_plan_is_refused(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["plan", "--users", "1", "--rate", "1", *wrong]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_sizes_and_spans_are_told_in_units_that_people_read() -> None:
    assert (size(12), size(1_536), size(200 * 2**20), size(5 * 2**70)) == ("12 B", "1.5 KiB", "200 MiB", "5120 EiB")
    assert (span(1.25), span(600)) == ("1.2 s", "10 min")
