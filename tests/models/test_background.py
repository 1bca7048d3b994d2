import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from models.background import Background
from models.fitting import Awaited, Fitting, Job, Outcome
from models.protocol import State
from tests.models.fits import FITS

ROWS = np.arange(12.0).reshape(4, 3)
WITHIN_S = 240.0


@pytest.fixture(scope="module")
def shared() -> Iterator[Background]:
    background = Background(FITS)
    yield background
    background.close()


def until(found: Callable[[], object]) -> None:
    end = time.monotonic() + WITHIN_S
    while not found():
        assert time.monotonic() < end
        time.sleep(0.01)


def told(fitting: Fitting, name: str) -> tuple[Outcome, State]:
    answers: list[tuple[Outcome, State]] = []

    def asked() -> bool:
        answer = fitting.poll(name)
        answers.extend([answer] if answer is not None else [])
        return bool(answers)

    until(asked)
    return answers[0]


def ended(process_id: int) -> bool:
    """Nothing is left of it but its status; the last of its threads can outlive the first."""
    try:
        if len(list(Path(f"/proc/{process_id}/task").iterdir())) > 1:
            return False
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


def test_a_fit_is_told_once_with_its_version(shared: Background) -> None:
    shared.submit(Job("a/0", "mean", version=7), {"rows": ROWS})
    outcome, arrays = told(shared, "a/0")
    assert (outcome.job.version, outcome.error) == (7, "")
    assert outcome.seconds > 0
    assert arrays["mean"].tolist() == [4.5, 5.5, 6.5]
    assert shared.poll("a/0") is None


def test_arrays_of_any_shape_and_layout_arrive(shared: Background) -> None:
    for rows in (np.asfortranarray(ROWS), ROWS[::2], ROWS.astype(np.float32), np.zeros((1, 0))):
        shared.submit(Job("a/0", "mean"), {"rows": rows})
        outcome, arrays = told(shared, "a/0")
        assert outcome.error == ""
        assert arrays["mean"].tolist() == rows.mean(axis=0).tolist()


def test_the_same_seed_gives_the_same_arrays_here_and_there(shared: Background) -> None:
    for seed in (1, 2):
        awaited = Awaited(FITS)
        for fitting in (shared, awaited):
            fitting.submit(Job("a/0", "noise", seed=seed), {})
        here, there = told(awaited, "a/0"), told(shared, "a/0")
        assert here[1]["noise"].tolist() == there[1]["noise"].tolist()


@pytest.mark.parametrize(("fit", "detail"), [("broken", "ValueError: rows of no use"), ("missing", "ModuleNotFound")])
def test_a_fit_that_raises_is_told_and_the_next_is_fitted(shared: Background, fit: str, detail: str) -> None:
    for fitting in (shared, Awaited(FITS)):
        fitting.submit(Job("a/0", fit), {})
        outcome, arrays = told(fitting, "a/0")
        assert (outcome.error, arrays) == ("raised", {})
        assert outcome.detail.startswith(detail)
        fitting.submit(Job("a/0", "mean"), {"rows": ROWS})
        assert told(fitting, "a/0")[0].error == ""
    assert shared.restarts == 0


def test_a_fit_that_is_not_on_the_list_is_refused_at_once(shared: Background) -> None:
    for fitting in (shared, Awaited(FITS)):
        with pytest.raises(KeyError):
            fitting.submit(Job("a/0", "os.system"), {})


def test_what_a_library_prints_is_no_answer(shared: Background) -> None:
    shared.submit(Job("a/0", "chatty"), {})
    assert told(shared, "a/0")[1]["ok"].tolist() == [1.0]


def test_it_is_another_process_and_a_nice_one(shared: Background) -> None:
    shared.submit(Job("a/0", "process"), {})
    arrays = told(shared, "a/0")[1]
    assert arrays["pid"].tolist() == [shared.process_id]
    assert shared.process_id != os.getpid()
    assert arrays["nice"].tolist() == [19]


@pytest.fixture
def own() -> Iterator[Background]:
    background = Background(FITS, limit_s=WITHIN_S)
    yield background
    background.close()


def begun(fitting: Fitting, name: str, folder: Path) -> None:
    """A fit that does not end, and has begun."""
    mark = folder / "begun"
    fitting.submit(Job(name, "endless"), {"begun": np.frombuffer(bytes(mark), np.uint8)})
    until(mark.exists)


def test_of_the_jobs_of_a_name_that_wait_the_newest_is_done(own: Background, tmp_path: Path) -> None:
    begun(own, "z/0", tmp_path)
    for version in (1, 2, 3):
        own.submit(Job("a/0", "mean", version=version), {"rows": ROWS})
    own.submit(Job("b/0", "mean", version=9), {"rows": ROWS})
    own.forget("b/0")
    assert own.waiting == 1
    os.kill(own.process_id or 0, signal.SIGKILL)
    assert told(own, "z/0")[0].error == "died"
    assert told(own, "a/0")[0].job.version == 3
    assert own.poll("b/0") is None
    assert own.restarts == 1


def test_what_is_forgotten_while_it_is_fitted_is_not_told(own: Background, tmp_path: Path) -> None:
    begun(own, "z/0", tmp_path)
    own.forget("z/0")
    os.kill(own.process_id or 0, signal.SIGKILL)
    own.submit(Job("a/0", "mean"), {"rows": ROWS})
    assert told(own, "a/0")[0].error == ""
    assert own.poll("z/0") is None


def test_a_process_that_is_killed_between_jobs_costs_nothing(own: Background) -> None:
    own.submit(Job("a/0", "mean"), {"rows": ROWS})
    assert told(own, "a/0")[0].error == ""
    process_id = own.process_id or 0
    os.kill(process_id, signal.SIGKILL)
    until(lambda: ended(process_id))
    own.submit(Job("a/0", "mean"), {"rows": ROWS})
    assert told(own, "a/0")[0].error == ""
    assert (own.restarts, own.process_id != process_id) == (1, True)


def test_a_fit_that_never_ends_is_ended_and_the_next_is_fitted() -> None:
    background = Background(FITS, limit_s=4.0)
    try:
        background.submit(Job("z/0", "endless"), {})
        background.submit(Job("a/0", "chatty"), {})
        assert told(background, "z/0")[0].error == "too_long"
        assert told(background, "a/0")[0].error in {"", "too_long"}  # on a machine that is very slow to start it
    finally:
        background.close()


def test_closing_ends_the_process_in_the_midst_of_a_fit(own: Background, tmp_path: Path) -> None:
    begun(own, "z/0", tmp_path)
    process_id = own.process_id or 0
    own.close()
    until(lambda: ended(process_id))
    own.submit(Job("a/0", "mean"), {"rows": ROWS})
    assert own.poll("a/0") is None
    assert own.waiting == 0


PARENT = """
import sys, time
import numpy as np
from models.background import Background
from models.fitting import Job
from tests.models.fits import FITS
background = Background(FITS)
background.submit(Job("z/0", "endless"), {"begun": np.frombuffer(sys.argv[1].encode(), np.uint8)})
while background.process_id is None:
    time.sleep(0.01)
print(background.process_id, flush=True)
time.sleep(3600)
"""


def test_the_process_dies_with_a_parent_that_is_killed_in_the_midst_of_a_fit(tmp_path: Path) -> None:
    mark = tmp_path / "begun"
    with subprocess.Popen((sys.executable, "-c", PARENT, str(mark)), stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        process_id = int(parent.stdout.readline())
        until(mark.exists)
        parent.kill()
        until(lambda: ended(process_id))
