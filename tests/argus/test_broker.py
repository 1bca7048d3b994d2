"""The embedded broker as a process."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from argus import broker, ports
from tests.kafka.until import until

pytestmark = pytest.mark.broker


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except FileNotFoundError:
        return True


def test_it_answers_when_start_returns_and_is_gone_after_stop(tmp_path: Path) -> None:
    running = asyncio.run(broker.start(tmp_path))
    try:
        assert asyncio.run(broker.answers(running.bootstrap, 5))
        assert not gone(running.pid)
    finally:
        running.stop()
    assert gone(running.pid)
    assert not asyncio.run(broker.answers(running.bootstrap, 0.1))


def test_it_listens_on_the_port_that_was_given(tmp_path: Path) -> None:
    port = ports.pick()
    running = asyncio.run(broker.start(tmp_path, port))
    running.stop()
    assert running.bootstrap == f"127.0.0.1:{port}"


def test_each_start_is_another_incarnation(tmp_path: Path) -> None:
    first = asyncio.run(broker.start(tmp_path))
    first.stop()
    second = asyncio.run(broker.start(tmp_path))
    second.stop()
    assert first.incarnation != second.incarnation


def test_a_port_in_use_is_an_error_that_names_it(tmp_path: Path) -> None:
    first = asyncio.run(broker.start(tmp_path / "a"))
    port = int(first.bootstrap.rpartition(":")[2])
    try:
        with pytest.raises(broker.BrokerError, match=str(port)):
            asyncio.run(broker.start(tmp_path / "b", port))
    finally:
        first.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's signal on a parent's death is Linux's")
def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from argus import broker\n"
        f"b = broker.spawn(Path({str(tmp_path)!r})); print(b.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    until(lambda: gone(pid))


def test_its_log_holds_its_start(tmp_path: Path) -> None:
    running = asyncio.run(broker.start(tmp_path))
    running.stop()
    assert "listening" in running.log.read_text()
    assert running.log.stat().st_mode & 0o077 == 0
