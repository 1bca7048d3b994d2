"""Children, one at a time."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from argus.supervisor import Backoff, Child, Spec, keep, stop_all
from tests.kafka.until import until_async

PAUSE = "import signal; print('up', flush=True); signal.pause()"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()"


def child(tmp_path: Path, code: str, name: str = "child") -> Child:
    return Child(Spec(name, [sys.executable, "-c", code], dict(os.environ)), tmp_path)


async def until_it_is_up(running: Child) -> None:
    await until_async(lambda: running.log.exists() and "up" in running.log.read_text())


def test_a_first_death_is_answered_at_once_and_later_ones_ever_more_slowly_up_to_a_bound() -> None:
    backoff, waits = Backoff(first_s=0.5, most_s=4.0, steady_s=20.0), [0.0]
    for _ in range(6):
        waits.append(backoff.next_s(waits[-1], ran_s=1.0))
    assert waits == [0.0, 0.5, 1.0, 2.0, 4.0, 4.0, 4.0]
    assert backoff.next_s(4.0, ran_s=30.0) == 0.0


def test_the_pid_file_is_there_while_it_runs(tmp_path: Path) -> None:
    async def scenario() -> None:
        one = child(tmp_path, PAUSE)
        await one.start()
        await until_it_is_up(one)
        assert int((tmp_path / "child.pid").read_text()) == one.pid
        await stop_all([one], 10)
        assert not one.running
        assert not (tmp_path / "child.pid").exists()

    asyncio.run(scenario())


def test_one_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    async def scenario() -> str:
        one = child(tmp_path, STUBBORN)
        await one.start()
        await until_it_is_up(one)
        await stop_all([one], 0.1)
        return await one.wait()

    assert asyncio.run(scenario()) == "killed by SIGKILL"


def test_one_that_ends_is_started_again_with_what_it_said_last(tmp_path: Path) -> None:
    said: list[str] = []
    code = "import sys; print('first'); print('no such table'); sys.exit(3)"

    async def scenario() -> None:
        one = child(tmp_path, code)
        keeping = asyncio.create_task(keep(one, said.append, Backoff(first_s=0.01, most_s=0.02)))
        await until_async(lambda: len(said) >= 4)
        keeping.cancel()
        await stop_all([one], 10)

    asyncio.run(scenario())
    assert said[0] == "child ended (status 3) and is started again: no such table"
    assert said[1].startswith("child runs again, pid ")


def test_a_killed_one_gets_a_new_process(tmp_path: Path) -> None:
    said: list[str] = []

    async def scenario() -> tuple[int, int]:
        one = child(tmp_path, PAUSE)
        keeping = asyncio.create_task(keep(one, said.append))
        await until_it_is_up(one)
        first = one.pid
        assert first
        os.kill(first, signal.SIGKILL)
        await until_async(lambda: one.pid != first and one.running)
        second = one.pid
        assert second
        keeping.cancel()
        await stop_all([one], 10)
        return first, second

    first, second = asyncio.run(scenario())
    assert first != second
    assert "killed by SIGKILL" in said[0]


def test_a_large_log_is_set_aside_at_a_start(tmp_path: Path) -> None:
    (tmp_path / "child.log").write_bytes(b"x" * (5 << 20))

    async def scenario() -> None:
        one = child(tmp_path, "print('new')")
        await one.start()
        await one.wait()

    asyncio.run(scenario())
    assert (tmp_path / "child.log").read_text() == "new\n"
    assert (tmp_path / "child.log.1").stat().st_size == 5 << 20


def test_one_that_fails_says_why_and_not_where(tmp_path: Path) -> None:
    said: list[str] = []
    told = "argus: no broker answers on 127.0.0.1:1"
    lines = ["an old line", "Traceback (most recent call last):", '  File "x.py", line 1', told, "going down"]
    code = f"import sys; print({chr(10).join(lines)!r}); sys.exit(1)"

    async def scenario() -> None:
        one = child(tmp_path, code)
        keeping = asyncio.create_task(keep(one, said.append, Backoff(first_s=0.01, most_s=0.02)))
        await until_async(lambda: said)
        keeping.cancel()
        await stop_all([one], 10)

    asyncio.run(scenario())
    assert said[0] == f"child ended (status 1) and is started again: {told}"


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["2026-03-01T12:00:00.000Z critical argus.process: it stops: X", "Traceback", "X: y"], "critical argus"),
        (['{"time":"t","level":"error","logger":"l","message":"m"}', "closing"], '"level":"error"'),
        (["argus worker: no such option --x (see `argus worker --help`)"], "no such option"),
        (["2026-03-01T12:00:00.000Z info a: no error here", "last"], "last"),
        ([], ""),
    ],
)
def test_what_a_log_says_of_the_end_is_its_last_error(tmp_path: Path, lines: list[str], words: str) -> None:
    (tmp_path / "child.log").write_text("2026-03-01T12:00:00.000Z error a: of an earlier run\n")

    async def scenario() -> str:
        one = child(tmp_path, f"import sys; sys.stdout.write({''.join(line + chr(10) for line in lines)!r})")
        await one.start()
        await one.wait()
        return one.last_words()

    found = asyncio.run(scenario())
    assert words in found
    assert "earlier" not in found
