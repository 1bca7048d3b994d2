"""The models that learn from labels: online ones take rows as they come, grown ones are fitted anew.

Rows are bytes (`models.kept`). Scores grow with the odds of fraud and have no common scale; calibration brings one.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, Self

import numpy as np
import numpy.typing as npt
from river.forest import ARFClassifier
from river.linear_model import LogisticRegression
from river.optim import Adam
from river.utils import VectorDict

from models.flat_forest import FlatForest
from models.kept import STEPS
from models.protocol import State, Vector

LEARNING_RATE: Final = 0.03
L2: Final = 1e-5
ADAPTIVE_TREES: Final = 10
# A share of fraud becomes log-odds with so much added to both sides: a forest's 0 and 1 are not certain.
PRIOR: Final = 0.001

Bytes = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]


class Online(Protocol):
    """A model that learns row by row."""

    def score_rows(self, rows: Bytes) -> Vector: ...
    def learn_rows(self, rows: Bytes, frauds: Bools, weights: Vector) -> None:
        """In order of the rows. weights: for how many each counts."""


class Logistic:
    """River's logistic regression. A batch is scored at once, by its weights in numpy: River's own numbers."""

    name: Final = "logistic_regression"

    def __init__(self, features: Sequence[str], _seed: int = 0) -> None:
        self._features = tuple(features)
        self.model = LogisticRegression(optimizer=Adam(LEARNING_RATE), l2=L2, intercept_lr=LEARNING_RATE)
        self._read()

    def _read(self) -> None:
        known = self.model.weights
        self._weights = np.array([known.get(name, 0.0) for name in self._features]) / STEPS
        self._intercept = float(self.model.intercept)

    def score_rows(self, rows: Bytes) -> Vector:
        """Log-odds."""
        scores: Vector = rows @ self._weights + self._intercept
        return scores

    def learn_rows(self, rows: Bytes, frauds: Bools, weights: Vector) -> None:
        model, features = self.model, self._features
        for row, fraud, weight in zip((rows / STEPS).tolist(), frauds.tolist(), weights.tolist(), strict=True):
            model.learn_one(dict(zip(features, row, strict=True)), fraud, w=weight)
        self._read()

    def state(self) -> State:
        """The weights with what Adam remembers of their gradients, in the order of the features."""
        model, names = self.model, self._features
        moments = [getattr(model.optimizer, name) or {} for name in ("m", "v")]
        return {
            "weights": np.array([model.weights.get(name, 0.0) for name in names]),
            "moments": np.array([[moment.get(name, 0.0) for name in names] for moment in moments]),
            "counts": np.array([float(model.intercept), float(model.optimizer.n_iterations)]),
        }

    @classmethod
    def restore(cls, state: State, features: Sequence[str]) -> Self:
        """It learns on as the other would have. Errors: KeyError or ValueError where that was no such model."""
        made, width = cls(features), len(features)
        if state["weights"].shape != (width,) or state["moments"].shape != (2, width):
            raise ValueError("a regression of other features")
        model = made.model
        model._weights = VectorDict(dict(zip(features, state["weights"].tolist(), strict=True)))  # noqa: SLF001
        moments = (dict(zip(features, row, strict=True)) for row in state["moments"].tolist())
        model.optimizer.m, model.optimizer.v = (VectorDict(moment) for moment in moments)
        model.intercept, model.optimizer.n_iterations = float(state["counts"][0]), int(state["counts"][1])
        made._read()
        return made


class AdaptiveForest:
    """River's adaptive random forest: its trees notice drift and begin anew. About 70 us a row to score, 400 to
    learn (measured), so that it is off unless asked for."""

    name: Final = "adaptive_random_forest"

    def __init__(self, features: Sequence[str], seed: int = 0) -> None:
        self._features = tuple(features)
        self.model = ARFClassifier(n_models=ADAPTIVE_TREES, seed=seed)

    def score_rows(self, rows: Bytes) -> Vector:
        features, odds = self._features, self.model.predict_proba_one
        told = [odds(dict(zip(features, row, strict=True))).get(True, 0.0) for row in (rows / STEPS).tolist()]
        return log_odds(np.array(told))

    def learn_rows(self, rows: Bytes, frauds: Bools, weights: Vector) -> None:
        model, features = self.model, self._features
        for row, fraud, weight in zip((rows / STEPS).tolist(), frauds.tolist(), weights.tolist(), strict=True):
            model.learn_one(dict(zip(features, row, strict=True)), fraud, w=weight)


class Grown:
    """A forest that was fitted elsewhere. shares: whether its sums are shares of fraud, and not log-odds."""

    def __init__(self, state: State, width: int, *, shares: bool) -> None:
        """Errors: KeyError or ValueError where that was no forest over `width` features."""
        self._forest = FlatForest.restore(state, width)
        self._shares = shares

    def score_rows(self, rows: Bytes) -> Vector:
        sums = self._forest.sums(rows)
        return log_odds(sums) if self._shares else sums

    def state(self) -> State:
        return self._forest.state()


def log_odds(shares: Vector) -> Vector:
    """Of shares 0..1, with `PRIOR` added to both sides."""
    odds: Vector = np.log((shares + PRIOR) / (1.0 - shares + PRIOR))
    return odds


ONLINE: Final[Mapping[str, Any]] = {Logistic.name: Logistic, AdaptiveForest.name: AdaptiveForest}
# The fits of `models.fitting`, and whether they answer shares.
GROWN: Final[Mapping[str, bool]] = {"random_forest": True, "gradient_boosting": False}
LEARNT_NAMES: Final = (*ONLINE, *GROWN)
