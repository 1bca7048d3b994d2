import random

import pytest

from argus.measure import Metrics
from argus.model_sampler import DRIFT_SCORES, ModelSampler, RulesetSampler, stability_index
from core.rules.book import RuleBook


def test_alike_is_0_and_a_shift_is_told_by_its_size() -> None:
    assert stability_index([10, 20, 30], [100, 200, 300]) == pytest.approx(0)
    small, large = stability_index([50, 50], [45, 55]), stability_index([50, 50], [10, 90])
    assert 0 < small < 0.1 < 0.25 < large
    assert stability_index([50, 50], [90, 10]) == pytest.approx(large)


def test_an_empty_bucket_is_no_infinity_and_nothing_says_nothing() -> None:
    assert 0 < stability_index([50, 50], [0, 100]) < 10
    assert stability_index([0, 0], [1, 2]) == 0
    assert stability_index([1, 2], [0, 0]) == 0


def test_drift_is_of_the_newest_scores_against_those_before_the_first_ones_left_out() -> None:
    metrics, source = Metrics(process="worker"), random.Random(3)
    sampler = ModelSampler(metrics, 0.99)
    drift = metrics.number("argus_model_drift", "gaussian")

    def scores(low: float, high: float) -> None:
        values = [source.uniform(low, high) for _ in range(DRIFT_SCORES)]
        metrics.spread("argus_model_score", "gaussian").observe_many(values)
        sampler.sample()

    scores(0.0, 0.01)  # of models that know nothing yet
    for _ in range(3):
        scores(0.0, 1.0)
    assert 0 < drift.value < 0.1
    scores(0.6, 1.0)
    assert drift.value > 0.25
    assert metrics.number("argus_model_threshold", "gaussian").value == 0.99
    told = {
        tuple(sample.labels.values())
        for family in metrics.collect()
        if family.name == "argus_model_drift"
        for sample in family.samples
    }
    assert told == {("gaussian",)}


def test_the_rule_set_has_another_version_when_a_rule_or_a_threshold_changes() -> None:
    versions = set()
    own: dict[str, str] = {}
    for book, definitions in (
        (RuleBook(), own),
        (RuleBook(modes={RuleBook().rules[0].rule.id: "off"}), own),
        (RuleBook(), {"rule:own": "1f"}),
    ):
        metrics = Metrics(process="worker")
        sampler = RulesetSampler(metrics, book, lambda definitions=definitions: definitions)  # type: ignore[misc]
        sampler.sample()
        sampler.sample()
        (version,) = [s.labels["version"] for f in metrics.collect() if f.name == "argus_ruleset" for s in f.samples]
        versions.add(version)
    assert len(versions) == 3
