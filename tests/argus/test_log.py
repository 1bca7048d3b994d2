import json
import logging
import sys
from collections.abc import Iterator

import pytest

from argus import log
from argus.log import Brake, JsonLine, Seldom, TextLine


@pytest.fixture
def kept_log() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, disabled = root.handlers[:], root.level, root.manager.disable
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.disable(disabled)
    for name in log.QUIET:
        logging.getLogger(name).setLevel(logging.NOTSET)


def record(message: str = "what\nhappened", error: bool = False) -> logging.LogRecord:
    info = None
    if error:
        try:
            raise ValueError("no")
        except ValueError:
            info = sys.exc_info()
    made = logging.LogRecord("argus.x", logging.WARNING, "x.py", 1, message, (), info)
    made.created = 0.5
    return made


def test_a_line_of_text_says_when_how_bad_where_and_what() -> None:
    assert TextLine().format(record("it rains")) == "1970-01-01T00:00:00.500Z warning argus.x: it rains"


def test_json_is_one_object_a_line() -> None:
    line = JsonLine().format(record(error=True))
    assert "\n" not in line
    told = json.loads(line)
    assert (told["time"], told["level"], told["message"]) == ("1970-01-01T00:00:00.500Z", "warning", "what\nhappened")
    assert "ValueError: no" in told["traceback"]


def test_the_log_goes_to_stderr_from_its_level_on(kept_log: None, capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("warning", "text")
    logging.getLogger("argus.y").info("quiet")
    logging.getLogger("argus.y").warning("loud")
    told = capsys.readouterr()
    assert "loud" in told.err
    assert "quiet" not in told.err
    assert not logging.getLogger("aiokafka").isEnabledFor(logging.DEBUG)


def test_what_repeats_itself_is_let_through_once_a_period() -> None:
    now = [0.0]
    seldom = Seldom(60, lambda: now[0])
    assert seldom("schema") == 0
    assert [seldom("schema") for _ in range(5)] == [None] * 5
    assert seldom("other") == 0
    now[0] = 60
    assert seldom("schema") == 5
    assert seldom("schema") is None


def test_a_library_that_repeats_itself_is_held_back_and_counted_and_argus_is_not() -> None:
    now = [0.0]
    brake = Brake(lines=2, period_s=60, clock=lambda: now[0])

    def said(name: str) -> str | None:
        made = logging.LogRecord(name, logging.ERROR, "x.py", 1, "no %s", ("broker",), None)
        return made.getMessage() if brake.filter(made) else None

    assert [said("aiokafka") for _ in range(5)] == ["no broker"] * 2 + [None] * 3
    assert [said("argus.x") for _ in range(5)] == ["no broker"] * 5
    assert said("aiokafka.consumer") == "no broker", "another part of it has lines of its own"
    now[0] = 60.0
    assert said("aiokafka") == "no broker (3 more lines of aiokafka were held back)"
    assert said("aiokafka") == "no broker"
    assert said("aiokafka") is None
