from pathlib import Path

from argus.settings import Settings
from benchmarks import costs
from benchmarks.events import simulated
from core.rules.book import RULES
from models.bank import MODELS


def test_every_rule_and_every_model_has_a_cost(tmp_path: Path) -> None:
    events = simulated(tmp_path / "events.jsonl", 2_000, 50)
    result = costs.run(Settings(), events, 2_000)
    found = {figure.name: figure for figure in result.figures}
    assert {f"rule {rule.id}" for rule in RULES} <= set(found)
    # Of one check, less than a clock's reading may be left on a busy machine.
    assert 0 <= found["rule impossible_travel"].value < found["all rules"].value
    assert all(found[f"score, {name}"].value > 0 for name in MODELS)
