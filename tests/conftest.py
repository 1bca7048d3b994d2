"""Fixtures that every test may ask for, and what holds for every run."""

import logging
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.kafka.fixtures"]

# The same examples in every run, and no clock: a busy machine fails nothing.
settings.register_profile("argus", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("argus")

SKIPPED = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SKIPPED] = []


@pytest.fixture(autouse=True, scope="session")
def _no_settings_from_outside() -> Iterator[None]:
    """A developer's own ARGUS_ variables change no test."""
    kept = {
        name: os.environ.pop(name) for name in list(os.environ) if name.startswith("ARGUS_") and name != "ARGUS_CI"
    }
    yield
    os.environ.update(kept)


@pytest.fixture(autouse=True)
def _no_log_left_behind() -> Iterator[None]:
    """A command that a test calls sets up the log on that test's own stderr; later tests have no use for it."""
    root = logging.getLogger()
    handlers, level, disabled = root.handlers[:], root.level, root.manager.disable
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.disable(disabled)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        item.config.stash[SKIPPED].append(f"{item.nodeid}: {reason.removeprefix('Skipped: ')}")
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    report = yield
    if report.skipped:
        collector.config.stash[SKIPPED].append(f"{collector.nodeid}: {report.longrepr}")
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI everything is installed, so a test that is skipped is a failure."""
    if os.environ.get("ARGUS_CI") and session.config.stash[SKIPPED] and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if os.environ.get("ARGUS_CI") and config.stash[SKIPPED]:
        terminalreporter.section("skipped, which CI takes for failed: install what they ask for")
        for line in config.stash[SKIPPED]:
            terminalreporter.write_line(line)
