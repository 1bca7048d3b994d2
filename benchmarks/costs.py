"""`costs`: what each rule and each model takes of an event's time.

A rule's time is that of its check alone, in a replay: what it reads is kept for all rules together (`engine` has that
as a part of its own). A clock around each call costs more than most checks, so what it costs around a check that does
nothing is taken off.
"""

import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from msgspec.structs import replace

from argus import collector
from argus.geo import make_locate
from argus.model_plan import model_plan, policy_of
from argus.replay import BLOCK_LINES, Engine
from argus.settings import Settings
from benchmarks.events import Events
from benchmarks.figures import Result, figure
from benchmarks.fitting import BATCH
from core.features import FEATURES
from core.rules.book import RULES, RuleBook
from core.rules.custom import CustomRules
from models.bank import ASIDE, MODELS
from models.fitted import Fitted
from models.fitting import Awaited, Job
from models.reservoir import CAPACITY

EVENTS: Final = 50_000
RUNS: Final = 3
NOTHING: Final = 200_000


class Watched:
    """A rule's check, with its calls and nanoseconds counted."""

    def __init__(self, check: Callable[..., Any]) -> None:
        self._check = check
        self.calls = self.used_ns = 0

    def __call__(self, *args: Any) -> Any:
        begin = time.perf_counter_ns()
        answer = self._check(*args)
        self.used_ns += time.perf_counter_ns() - begin
        self.calls += 1
        return answer

    def own_ns(self, empty_ns: float) -> float:
        """Without the clock's part of it."""
        return max(0.0, self.used_ns - self.calls * empty_ns)


def run(settings: Settings, events: Events, count: int) -> Result:
    lines = list(events.lines(count))
    collector.spare()
    rules = [rules_us(settings, lines) for _ in range(RUNS)]
    scores, lessons = zip(*(models_us() for _ in range(RUNS)), strict=True)
    dearest = sorted((rule.id for rule in RULES), key=lambda rule_id: -sum(one[rule_id] for one in rules))
    return Result(
        "costs",
        (
            figure("all rules", "us/event", [sum(one.values()) for one in rules]),
            *(figure(f"rule {rule_id}", "us/event", [one[rule_id] for one in rules]) for rule_id in dearest),
            *(figure(f"score, {name}", "us/row", [one[name] for one in scores]) for name in MODELS),
            *(figure(f"learn, {name}", "us/row", [one[name] for one in lessons]) for name in lessons[0]),
        ),
        (
            f"rules: wall clock of {len(lines):,} events, of all types, so that a rule about few types is cheap",
            f"models: processor time of random rows, in batches of {BATCH}; some are fitted elsewhere",
        ),
    )


def rules_us(settings: Settings, lines: list[bytes]) -> dict[str, float]:
    """Microseconds for an event, by rule."""
    watched = {rule.id: Watched(rule.check) for rule in RULES}
    rules = [replace(rule, check=watched[rule.id]) for rule in RULES]
    engine = Engine(
        book=RuleBook(settings.thresholds, settings.modes, rules),
        policy=policy_of(settings),
        custom=CustomRules(),
        locate=make_locate(settings.geo_city_file),
        partitions=settings.partitions,
        seed=settings.seed,
        models=model_plan(settings),
    )
    for start in range(0, len(lines), BLOCK_LINES):
        engine.block(lines[start : start + BLOCK_LINES])
    empty = Watched(lambda *_: None)
    for _ in range(NOTHING):
        empty(1, 2, 3, 4)
    empty_ns = empty.used_ns / empty.calls
    return {rule_id: one.own_ns(empty_ns) / len(lines) / 1_000 for rule_id, one in watched.items()}


def models_us() -> tuple[dict[str, float], dict[str, float]]:
    """Microseconds of processor time for a row to be scored, and to be learnt by those that learn in the step; each
    model learnt from as many rows as a full sample holds."""
    rng = np.random.default_rng(2)
    rows = rng.random((CAPACITY, len(FEATURES)))
    scores, lessons = dict[str, float](), dict[str, float]()
    for name, make in MODELS.items():
        model = make(FEATURES, 1)
        if isinstance(model, Fitted):
            fitting = Awaited()
            fitting.submit(Job(name, name), {"rows": rows})
            told = fitting.poll(name)
            if told is None or told[0].error:
                raise ValueError(f"{name} could not be fitted")
            model.adopt({part: array for part, array in told[1].items() if part not in ASIDE}, 1)
        else:
            begin = time.process_time()
            model.learn_rows(rows)
            lessons[name] = (time.process_time() - begin) / len(rows) * 1e6
        begin = time.process_time()
        for first in range(0, len(rows), BATCH):
            model.score_rows(rows[first : first + BATCH])
        scores[name] = (time.process_time() - begin) / len(rows) * 1e6
    return scores, lessons
