"""`engine`: where an event's processor time goes, part by part, in batches as a worker takes them."""

import time
from collections.abc import Mapping, Sequence
from typing import Final

import re2

from argus.geo import make_locate
from argus.rule_files import read_rules
from argus.settings import Settings
from benchmarks.events import Events
from benchmarks.figures import Result, figure
from core.detect import judge
from core.events import decode_action
from core.features import FEATURES
from core.judged import Swap
from core.records import encode
from core.rules.book import RuleBook
from core.rules.custom import CustomRules
from models.ensemble import Ensemble
from tables.users import decode_user, encode_user

EVENTS: Final = 50_000
BATCH: Final = 500
RUNS: Final = 3
PARTS: Final = (
    "decode events",
    "decode user states",
    "judge, without models",
    "models",
    "encode user states",
    "encode answers",
)


class Timed:
    """An ensemble that keeps count of the processor time it takes."""

    def __init__(self, scorer: Ensemble) -> None:
        self._scorer = scorer
        self.used_s = 0.0

    @property
    def names(self) -> tuple[str, ...]:
        return self._scorer.names

    @property
    def warm(self) -> bool:
        return self._scorer.warm

    def score(self, rows: Sequence[Sequence[float]]) -> list[dict[str, float]]:
        begin = time.process_time()
        scores = self._scorer.score(rows)
        self.used_s += time.process_time() - begin
        return scores

    def learn(self, rows: Sequence[Sequence[float]], mask: Sequence[bool]) -> None:
        begin = time.process_time()
        self._scorer.learn(rows, mask)
        self.used_s += time.process_time() - begin

    def explain(self, rows: Sequence[Sequence[float]], places: Sequence[int]) -> list[dict[str, float]]:
        begin = time.process_time()
        shares = self._scorer.explain(rows, places)
        self.used_s += time.process_time() - begin
        return shares

    def instead(self, row: Sequence[float], at: int = 0) -> Sequence[Swap]:
        begin = time.process_time()
        swaps = self._scorer.instead(row, at)
        self.used_s += time.process_time() - begin
        return swaps


def run(settings: Settings, events: Events, count: int) -> Result:
    lines = list(events.lines(count))
    runs = [once(settings, lines) for _ in range(RUNS)]
    figures = [figure(part, "us/event", [one[part] for one in runs]) for part in PARTS]
    figures.append(figure("all of it", "us/event", [sum(one.values()) for one in runs]))
    return Result(
        "engine",
        tuple(figures),
        (
            f"{len(lines):,} events in batches of {BATCH}, processor time",
            "every user of a batch is read from bytes and packed again, as with nothing kept in memory",
        ),
    )


def once(settings: Settings, lines: list[bytes]) -> Mapping[str, float]:
    """Microseconds for each event, by part."""
    locate = make_locate(settings.geo_city_file)
    book = RuleBook(settings.thresholds, settings.modes)
    custom = CustomRules.compile(read_rules(settings.rules_file).values(), regex=re2.compile)
    scorer = Timed(Ensemble(FEATURES, seed=settings.seed))
    stored: dict[str, bytes] = {}
    used_s = dict.fromkeys(PARTS, 0.0)
    clock = time.process_time
    for start in range(0, len(lines), BATCH):
        t0 = clock()
        actions = [decode_action(line, now_ms=None, locate=locate) for line in lines[start : start + BATCH]]
        t1 = clock()
        users = {
            action.user_id: decode_user(stored[action.user_id]) for action in actions if action.user_id in stored
        }
        t2, in_models_s = clock(), scorer.used_s
        judged = judge(actions, users, book=book, policy=settings.policy, custom=custom, scorer=scorer)
        t3, in_models_s = clock(), scorer.used_s - in_models_s
        for user_id, state in users.items():
            stored[user_id] = encode_user(state)
        t4 = clock()
        for records in (judged.decisions, judged.alerts, judged.locks):
            for record in records:
                encode(record)
        for part, part_s in zip(
            PARTS, (t1 - t0, t2 - t1, t3 - t2 - in_models_s, in_models_s, t4 - t3, clock() - t4), strict=True
        ):
            used_s[part] += part_s
    return {part: part_s / len(lines) * 1e6 for part, part_s in used_s.items()}
