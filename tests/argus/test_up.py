"""`argus up` from outside, as a process, with stand-ins for its workers and its traffic."""

import asyncio
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from argus.ports import LOOPBACK, pick
from argus.store.store import Store
from tests.argus.store import records as make
from tests.argus.store.records import rows
from tests.kafka.certificates import certificates
from tests.kafka.until import until

pytestmark = pytest.mark.broker

FAKE = Path(__file__).with_name("fake_argus.py")
DRIVER = """
import asyncio, logging, os, sys
from argus import up
from argus.lease import InUse, held
from argus.settings import load_settings
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
options = eval(sys.argv[1])
settings = load_settings(os.environ, overrides=dict(options.pop("settings")))
plan = up.Plan(settings=settings, argus=(sys.executable, sys.argv[2]), **options)
try:
    with held(settings.data_dir) as run_dir:
        sys.exit(asyncio.run(up.Up(plan, run_dir).run()))
except InUse as error:
    print(error.format_message(), file=sys.stderr)
    sys.exit(error.exit_code)
"""


class Running:
    """A supervisor, and the lines that it wrote."""

    def __init__(self, data_dir: Path, env: dict[str, str], settings: dict[str, Any], **options: Any) -> None:
        self.data_dir = data_dir
        values = {"data_dir": str(data_dir), "metrics_port": 0, "api_port": 0, "partitions": 2, **settings}
        options = {"as_json": True, "broker_port": 0, **options, "settings": values}
        self.process = subprocess.Popen(
            [sys.executable, "-c", DRIVER, repr(options), str(FAKE)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **env, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        self._out: queue.Queue[str] = queue.Queue()
        self.errors: list[str] = []
        assert self.process.stdout
        assert self.process.stderr
        for stream, put in ((self.process.stdout, self._out.put), (self.process.stderr, self.errors.append)):
            threading.Thread(target=_drain, args=(stream, put), daemon=True).start()

    def line(self) -> str:
        return self._out.get(timeout=240).rstrip("\n")

    def record(self) -> Any:
        return json.loads(self.line())

    def pid(self, name: str) -> int:
        file = self.data_dir / "run" / f"{name}.pid"
        until(lambda: file.exists() and file.read_text().strip(), what=str(file))
        return int(file.read_text())

    def said(self, words: str) -> bool:
        return any(words in line for line in self.errors)

    def ended(self) -> int:
        return self.process.wait(40)


def _drain(stream: Any, put: Callable[[str], object]) -> None:
    for line in stream:
        put(line)


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Starts one; whatever still runs when the test is over is ended."""
    started: list[Running] = []

    def begin(
        data_dir: Path = tmp_path / "data",
        env: dict[str, str] | None = None,
        settings: dict[str, Any] | None = None,
        **options: Any,
    ) -> Running:
        started.append(Running(data_dir, env or {}, settings or {}, **options))
        return started[-1]

    yield begin
    for running in started:
        running.process.kill()
        running.process.wait()


def test_it_is_ready_then_alerts_come_and_after_its_duration_nothing_is_left(start: Callable[..., Running]) -> None:
    up = start(workers=2, duration_s=6.0)
    ready = up.record()["ready"]
    assert ready["broker"].startswith(LOOPBACK)
    assert len(ready["metrics"]) == 2
    assert {up.record()["title"], up.record()["title"]} == {"Made up"}
    pids = [up.pid(name) for name in ("broker", "worker-0", "worker-1", "simulator")]
    assert up.ended() == 0
    assert all(gone(pid) for pid in pids)
    assert not list((up.data_dir / "run").glob("*.pid"))
    assert up.data_dir.stat().st_mode & 0o077 == 0


def test_an_api_with_a_certificate_of_its_own_is_found_ready(start: Callable[..., Running], tmp_path: Path) -> None:
    up = start(simulate=False, duration_s=30.0, settings={"api_cert_file": str(certificates(tmp_path).broker)})
    assert up.record()["ready"]["api"].startswith("https://")


def test_without_simulation_there_is_no_simulator(start: Callable[..., Running]) -> None:
    up = start(simulate=False)
    up.record()
    up.record()
    assert not (up.data_dir / "run" / "simulator.pid").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_all_of_it(start: Callable[..., Running], number: signal.Signals) -> None:
    up = start()
    up.record()
    pids = [up.pid(name) for name in ("broker", "worker-0", "simulator")]
    up.process.send_signal(number)
    assert up.ended() == 0
    assert all(gone(pid) for pid in pids)


def test_a_second_signal_does_not_wait_for_a_child_that_will_not_end(start: Callable[..., Running]) -> None:
    up = start(env={"FAKE": "stubborn"})
    up.record()
    up.record()
    pids = [up.pid(name) for name in ("broker", "worker-0", "simulator")]
    up.process.send_signal(signal.SIGINT)
    up.process.send_signal(signal.SIGTERM)  # two of the same could arrive as one
    assert up.ended() == 0
    assert all(gone(pid) for pid in pids)


def test_when_the_supervisor_is_killed_its_children_go_too(start: Callable[..., Running]) -> None:
    up = start(env={"FAKE": "stubborn"})
    up.record()
    pids = [up.pid(name) for name in ("broker", "worker-0", "simulator")]
    up.process.kill()
    until(lambda: all(gone(pid) for pid in pids))


@pytest.mark.parametrize("name", ["worker-0", "sink", "notify", "simulator"])
def test_a_child_that_dies_is_started_again_and_that_is_said(start: Callable[..., Running], name: str) -> None:
    up = start()
    up.record()
    first = up.pid(name)
    os.kill(first, signal.SIGKILL)
    until(lambda: up.said(f"{name} ended (killed by SIGKILL)") and up.said(f"{name} runs again"))
    assert up.pid(name) != first
    assert (up.data_dir / "worker-0" / "starts").exists()


def test_a_broker_that_dies_takes_the_workers_tables_with_it(start: Callable[..., Running]) -> None:
    up = start(simulate=False)
    address = up.record()["ready"]["broker"]
    before = up.record()["alert_id"]
    first = up.pid("broker"), up.pid("worker-0")
    os.kill(first[0], signal.SIGKILL)
    after = up.record()["alert_id"]
    assert before != after
    assert up.said("the embedded broker ended (killed by SIGKILL) and is started anew")
    assert all(gone(pid) for pid in first)
    assert (up.data_dir / "worker-0" / "starts").read_text().split() == [after]
    until(lambda: up.said(f"running again on {address}"))


def test_a_new_start_with_an_empty_broker_wipes_the_tables_of_the_last(start: Callable[..., Running]) -> None:
    for _ in range(2):
        up = start()
        up.record()
        alert_id = up.record()["alert_id"]
        up.process.terminate()
        assert up.ended() == 0
        assert (up.data_dir / "worker-0" / "starts").read_text().split() == [alert_id]


def test_on_an_existing_kafka_tables_are_kept_and_only_new_alerts_shown(
    start: Callable[..., Running], bootstrap: str
) -> None:
    prefix = f"t{uuid.uuid4().hex}."
    seen = []
    for _ in range(2):
        up = start(broker=bootstrap, settings={"topic_prefix": prefix})
        assert up.record()["ready"]["broker"] == bootstrap
        seen.append(up.record()["alert_id"])
        assert not (up.data_dir / "run" / "broker.pid").exists()
        up.process.terminate()
        assert up.ended() == 0
    assert (up.data_dir / "worker-0" / "starts").read_text().split() == seen


def test_what_the_database_has_is_put_back_into_an_empty_broker_and_that_is_said(
    start: Callable[..., Running], tmp_path: Path
) -> None:
    database = f"sqlite:///{tmp_path / 'argus.db'}"

    async def fill() -> None:
        store = Store(database)
        await store.migrate()
        await store.write(rows("locks", [make.lock(until=None)]))
        await store.close()

    asyncio.run(fill())
    up = start(settings={"database_url": database})
    up.record()
    assert up.said(f"restored from {database}: 1 lock, 0 rules, 0 open cases")


def test_a_database_that_is_away_holds_up_no_start(start: Callable[..., Running]) -> None:
    up = start(settings={"database_url": f"postgresql://argus:hidden@{LOOPBACK}:{pick()}/argus"})
    up.record()
    assert up.said("no locks, rules and cases were restored: ")
    assert not up.said("hidden")


def test_a_second_one_on_the_same_directory_is_refused_in_one_line(start: Callable[..., Running]) -> None:
    up = start()
    up.record()
    second = start()
    assert second.ended() == 2
    until(lambda: second.errors)
    assert len(second.errors) == 1
    assert f"pid {up.process.pid}" in second.errors[0]


def test_a_broker_port_in_use_is_replaced_and_said(start: Callable[..., Running], tansu: str) -> None:
    taken = int(tansu.rpartition(":")[2])
    up = start(broker_port=taken)
    assert up.record()["ready"]["broker"] != tansu
    assert up.said(f"broker port {taken} is taken; using ")


def test_a_kafka_that_is_not_there_ends_it_with_an_error(start: Callable[..., Running]) -> None:
    address = f"{LOOPBACK}:{pick()}"
    up = start(broker=address)
    assert up.ended() == 1
    until(lambda: up.said(f"BrokerError: no broker answers on {address}"))


def test_as_text_it_says_where_to_look_and_one_line_for_each_alert(start: Callable[..., Running]) -> None:
    up = start(as_json=False)
    lines = list(iter(up.line, "Alerts:"))
    assert lines[0] == "Argus is running. Ctrl-C stops it."
    assert any("/metrics" in line for line in lines)
    assert any("argus user create NAME --role analyst --data-dir" in line for line in lines)
    while "Made up" not in (line := up.line()):
        pass
    assert line.startswith("12:00:00 HIGH     u1: Made up")
