"""The Quix Streams peer is a fair one: it decides what Argus's core decides, and nothing else."""

import asyncio
from collections import defaultdict
from pathlib import Path

import msgspec
import pytest

from agents.placing import Placing
from argus.geo import make_locate
from argus.settings import Settings
from benchmarks.events import Events, simulated
from benchmarks.house import house
from core.detect import judge
from core.events import decode_action
from core.features import FEATURES
from core.records import Decision
from core.rules.book import RuleBook
from core.state import UserState
from models.ensemble import Ensemble

COUNT = 1_000
Told = tuple[float, str, tuple[str, ...]]


def _told(decision: Decision) -> Told:
    return decision.risk_score, decision.decision, tuple(decision.rules)


def _by_core(settings: Settings, events: Events) -> dict[str, Told]:
    """One event at a time, in the order of each partition, with one set of models for each."""
    book, locate = RuleBook(settings.thresholds, settings.modes), make_locate(settings.geo_city_file)
    place, told = Placing(settings.partitions), dict[str, Told]()
    scorers = defaultdict[int, Ensemble](lambda: Ensemble(FEATURES, seed=settings.seed))
    states: dict[str, UserState] = {}
    for line in events.lines():
        action = decode_action(line, now_ms=2**42, locate=locate)
        scorer = scorers[place(action.user_id)]
        judged = judge([action], states, book=book, policy=settings.policy, scorer=scorer, now_ms=0)
        told |= {decision.event_id: _told(decision) for decision in judged.decisions}
    return told


async def _by_quix(settings: Settings, events: Events, wanted: int) -> list[Decision]:
    async with house(settings) as home:
        home.fill(events, COUNT)
        with home.quix() as process:
            async with home.reader("decisions") as reader:
                found = await reader.all_of(wanted, process)
                found += await reader.rest()
    return [msgspec.json.decode(record.value, type=Decision) for record in found]


@pytest.mark.broker
@pytest.mark.slow
def test_it_decides_each_event_once_and_as_the_core_does(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, partitions=2)
    events = simulated(tmp_path / "events.jsonl", COUNT, 50)
    expected = _by_core(settings, events)
    found = asyncio.run(_by_quix(settings, events, len(expected)))
    assert len(found) == len(expected)
    assert {decision.event_id: _told(decision) for decision in found} == expected
    assert len(set(expected.values())) > COUNT / 10, "the events tell nothing"
