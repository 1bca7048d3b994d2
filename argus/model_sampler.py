"""Facts about the models and the rules at work, and whether the models' scores drift."""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from math import log
from typing import Final

from argus.measure import Metrics, Spread
from argus.rules_view import fact
from core.rules.book import RuleBook
from models.background import Background
from models.labelled import Plan
from models.plan import ModelPlan
from models.snapshot import FORMAT_VERSION

# So many scores are compared with all before them; the first so many, of models that know nothing yet, with none.
DRIFT_SCORES: Final = 2_000
LEAST_SHARE: Final = 1e-4
ALGORITHMS: Final[Mapping[str, str]] = {
    "half_space_trees": "streaming half-space trees",
    "one_class_svm": "online one-class SVM",
    "gaussian": "Gaussian",
    "isolation_forest": "isolation forest, refitted",
    "local_outlier_factor": "local outlier factor, refitted",
    "autoencoder": "autoencoder, refitted",
    "loda": "LODA",
    "logistic_regression": "online logistic regression",
    "adaptive_random_forest": "adaptive random forest",
    "random_forest": "random forest, grown anew",
    "gradient_boosting": "gradient boosting, grown anew",
}
VERSION_CHARS: Final = 12
ALL_DEFAULTS: Final = ModelPlan()
NO_LABELS: Final = Plan(modes={})


def stability_index(expected: Sequence[int], found: Sequence[int]) -> float:
    """Population stability index of two histograms with the same bounds: 0 where they are alike; by the usual reading
    a small shift from 0.1 and a large one from 0.25. 0 where one is empty."""
    before, now = sum(expected), sum(found)
    if not before or not now:
        return 0.0
    index = 0.0
    for was, is_ in zip(expected, found, strict=True):
        p, q = max(was / before, LEAST_SHARE), max(is_ / now, LEAST_SHARE)
        index += (q - p) * log(q / p)
    return index


class Drift:
    """One model's. Nothing is told before there is something to compare: a model that warms up has no drift of 0."""

    def __init__(self) -> None:
        self._begin: list[int] | None = None
        self._last: list[int] | None = None

    def after(self, counts: Sequence[int]) -> float | None:
        """counts: by bucket, since the process began. None where nothing new can be said."""
        counts = list(counts)
        if self._last is None or self._begin is None:
            if sum(counts) >= DRIFT_SCORES:
                self._begin = self._last = counts
            return None
        fresh = _less(counts, self._last)
        if sum(fresh) < DRIFT_SCORES:
            return None
        known, self._last = _less(self._last, self._begin), counts
        return stability_index(known, fresh) if any(known) else None


class ModelSampler:
    """Of the models of a worker."""

    def __init__(
        self,
        metrics: Metrics,
        threshold: float,
        plan: ModelPlan = ALL_DEFAULTS,
        fitting: Background | None = None,
        labels: Plan = NO_LABELS,
    ) -> None:
        """threshold: the calibrated score from which a model's tail begins; labels: models that learn from them."""
        self._fitting = fitting
        metrics.allow("version", [str(FORMAT_VERSION)])
        self._drifts: list[tuple[str, Spread, Drift]] = []
        self._metrics = metrics
        modes: dict[str, str] = {name: plan.mode(name) for name in plan.names}
        modes |= {name: labels.modes[name] for name in labels.names}
        for model, mode in modes.items():
            metrics.info("argus_model_mode_info", model, mode)
            metrics.info("argus_model_info", model, str(FORMAT_VERSION), ALGORITHMS[model])
            metrics.number("argus_model_threshold", model).set(threshold)
            self._drifts.append((model, metrics.spread("argus_model_score", model), Drift()))

    def sample(self) -> None:
        for model, spread, drift in self._drifts:
            index = drift.after(spread.counts)
            if index is not None:
                self._metrics.number("argus_model_drift", model).set(index)
        if self._fitting is not None:
            self._metrics.number("argus_model_fitting_restarts_total").set(self._fitting.restarts)
            self._metrics.number("argus_model_fits_waiting").set(self._fitting.waiting)


class RulesetSampler:
    """Which rules are in force: a hash of the book with its thresholds and modes, and of what users defined."""

    def __init__(self, metrics: Metrics, book: RuleBook, definitions: Callable[[], Mapping[str, str]]) -> None:
        """definitions: of user-defined rules, each as one text; the same object until they change."""
        self._metrics = metrics
        self._book = sha256(repr([fact(bound) for bound in book.rules]).encode()).hexdigest()
        self._definitions = definitions
        self._seen: Mapping[str, str] | None = None

    def sample(self) -> None:
        definitions = self._definitions()
        if definitions is not self._seen:
            self._seen = definitions
            told = repr((self._book, sorted(definitions.items())))
            self._metrics.info("argus_ruleset_info", sha256(told.encode()).hexdigest()[:VERSION_CHARS])


def _less(one: Sequence[int], other: Sequence[int]) -> list[int]:
    return [a - b for a, b in zip(one, other, strict=True)]
