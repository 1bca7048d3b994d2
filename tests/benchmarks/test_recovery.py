"""The arithmetic of `argus bench recovery`, and the changelog that it makes."""

from pathlib import Path

from agents.placing import Placing
from argus.settings import Settings
from benchmarks.changelog import lived, users_of
from benchmarks.events import simulated
from benchmarks.recovery import Start, cpu_us_a_user, recovery_s
from tables.users import decode_user

EXPOSITION = """\
# TYPE argus_recovery_duration_seconds histogram
argus_recovery_duration_seconds_bucket{table="users",le="+Inf"} 4.0
argus_recovery_duration_seconds_count{table="users"} 4.0
argus_recovery_duration_seconds_sum{table="users"} 10.0
argus_recovery_duration_seconds_count{table="cases"} 4.0
argus_recovery_duration_seconds_sum{table="cases"} 1.0
"""


def test_the_time_of_a_recovery_is_that_of_a_partition_of_the_users_table() -> None:
    assert recovery_s(EXPOSITION) == 2.5


def test_a_worker_that_has_not_recovered_tells_no_time() -> None:
    assert recovery_s(EXPOSITION.replace(" 4.0", " 0.0")) is None
    assert recovery_s("") is None


def test_what_a_user_costs_is_what_a_start_with_a_disk_does_not_take() -> None:
    with_disk, without = Start(9.0, 2.0, 0.1), Start(20.0, 3.0, 11.0)
    assert cpu_us_a_user([without], [with_disk], 100_000) == [10.0]
    assert cpu_us_a_user([with_disk], [without], 100_000) == [0.0]


def test_everybody_has_one_partition_and_it_is_that_of_the_stream() -> None:
    place = Placing(3)
    found = users_of(3, 1_000)
    assert sum(map(len, found)) == len({name for names in found for name in names}) == 1_000
    assert all(place(name.decode()) == partition for partition, names in enumerate(found) for name in names)


def test_records_of_the_changelog_are_those_of_users_who_have_lived(tmp_path: Path) -> None:
    events = simulated(tmp_path / "e.jsonl", 1_000, 50)
    records = lived(Settings(data_dir=tmp_path), events)
    assert len(records) == len({head.user_id for head in events.heads()})
    assert all(decode_user(record).ids for record in records)
