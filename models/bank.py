"""All that is learnt up to one moment: the models, what their scores are measured against, the usual row."""

from collections.abc import Callable, Collection, Mapping, Sequence
from copy import copy
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from models.autoencoder import Autoencoder
from models.calibration import Calibration
from models.fitted import Fitted
from models.gaussian import Gaussian
from models.half_space import HalfSpaceTrees
from models.isolation_forest import IsolationForest
from models.local_outliers import LocalOutliers
from models.loda import Loda
from models.one_class import OneClassSVM
from models.protocol import Matrix, Model, Row, State, Vector
from models.reservoir import Reservoir

WARM_UP_ROWS = 500
LEAST_SCORES = 100
"""Of fewer no quantile of one in a hundred is known."""
MEDIAN_BLOCKS = 8
MEDIAN_ROWS = 32
"""A block with fewer rows says too little of what is usual."""

ASIDE = frozenset({"held_out", "quality"})
"""Parts of a fit that are not the model's own."""

MODELS: Mapping[str, Callable[[Sequence[str], int], Model]] = {
    HalfSpaceTrees.name: HalfSpaceTrees,
    OneClassSVM.name: lambda features, _seed: OneClassSVM(features),
    Gaussian.name: lambda features, _seed: Gaussian(features),
    IsolationForest.name: IsolationForest,
    LocalOutliers.name: LocalOutliers,
    Autoencoder.name: Autoencoder,
    Loda.name: Loda,
}


class Bank:
    """Scores rows by every model, as shares. Learns a block of rows at a time."""

    def __init__(self, features: Sequence[str], seed: int, names: Sequence[str]) -> None:
        self.models: list[Model] = [MODELS[name](features, seed) for name in names]
        self.calibrations = [Calibration() for _ in names]
        self.sample = Reservoir(len(features), seed) if any(self.fitted) else None
        self._medians = np.empty((0, len(features)))
        self._rows = 0
        self._set_usual(len(features))
        self._listen()

    def _listen(self) -> None:
        """Who speaks: whoever has scores to be measured against, once there are rows enough. Nobody waits for others:
        where users have no past yet, a model of their habits may have nothing to say for very long."""
        warm = self._rows >= WARM_UP_ROWS
        self.speaking = [
            at for at, calibration in enumerate(self.calibrations) if warm and calibration.count >= LEAST_SCORES
        ]
        """The places of the models whose scores mean something by now. Replaced, never changed in place."""

    def _set_usual(self, width: int) -> None:
        self.usual: Vector = np.median(self._medians, axis=0) if len(self._medians) else np.full(width, 0.5)
        self._usual_list: list[float] = self.usual.tolist()

    @property
    def rows(self) -> int:
        """That were learnt."""
        return self._rows

    @property
    def fitted(self) -> list[Fitted]:
        """The models that others fit."""
        return [model for model in self.models if isinstance(model, Fitted)]

    @property
    def warm(self) -> bool:
        """Whether any model speaks."""
        return bool(self.speaking)

    def adopt(self, model: Fitted, parts: State, version: int) -> None:
        """Put what was fitted in force. Its scale is another than the last version's: shares are taken from how it
        scores the rows that were held out of the fit. Errors: KeyError or ValueError where it isn't of this model."""
        held_out = parts["held_out"]
        if held_out.ndim != 1 or not len(held_out):
            raise ValueError("no rows were held out")
        model.adopt({name: array for name, array in parts.items() if name not in ASIDE}, version)
        calibration = Calibration()
        calibration.observe(held_out.astype(np.float64))
        self.calibrations[self.models.index(model)] = calibration
        self._listen()

    def filled(self, rows: Matrix) -> Matrix:
        """The rows with what is missing or infinite at its usual value (the running median): that blames nobody."""
        known = np.isfinite(rows)
        return rows if known.all() else np.where(known, rows, self.usual)

    def score_rows(self, rows: Matrix, only: Sequence[int] | None = None) -> Matrix:
        """(n, features) to (n, models): shares of recent rows that were less strange, 0 of a model that doesn't speak
        yet. only: the places of the models that are asked, the others' columns are 0; None for all."""
        shares = np.zeros((len(rows), len(self.models)))
        asked = self.speaking if only is None else [at for at in only if at in self.speaking]
        if asked:
            rows = self.filled(rows)
            for index in asked:
                shares[:, index] = self.calibrations[index].shares(self.models[index].score_rows(rows))
        return shares

    def score_row(self, row: Row) -> list[float]:
        """The same numbers for one row."""
        shares = [0.0] * len(self.models)
        if not self.speaking:
            return shares
        try:
            total = sum(row)
        except TypeError:  # a None among them
            total = np.nan
        if total - total != 0.0:
            row = self.filled(np.array([row], np.float64))[0].tolist()
        for index in self.speaking:
            shares[index] = self.calibrations[index].share(self.models[index].score_row(row))
        return shares

    def learn(self, rows: Matrix, clock_ms: int = 0) -> None:
        """clock_ms: event time.

        Later rows are measured against the score that these had before they were learnt; only a model's very first
        rows, for which it had none, lend the one they have after."""
        if not len(rows):
            return
        rows = np.clip(self.filled(rows), 0.0, 1.0)
        for model, calibration in zip(self.models, self.calibrations, strict=True):
            had_scores = model.ready
            scores = model.learn_rows(rows)
            if model.ready:
                calibration.observe(scores if had_scores else model.score_rows(rows))
        self._rows += len(rows)
        self._listen()
        if self.sample is not None:
            self.sample.add(rows, clock_ms)
        if len(rows) >= MEDIAN_ROWS:
            self._medians = np.concatenate((self._medians, np.median(rows, axis=0)[None, :]))[-MEDIAN_BLOCKS:]
            self._set_usual(rows.shape[1])

    def copy(self) -> Self:
        other = copy(self)
        other.models = [copy(model) for model in self.models]
        other.calibrations = [copy(calibration) for calibration in self.calibrations]
        other.sample = self.sample.copy() if self.sample is not None else None
        return other

    def state(self) -> State:
        arrays: dict[str, npt.NDArray[Any]] = {"medians": self._medians, "rows": np.array([self._rows], np.int64)}
        for model, calibration in zip(self.models, self.calibrations, strict=True):
            for part, state in ((model.name, model.state()), (f"{model.name}.calibration", calibration.state())):
                arrays.update({f"{part}.{name}": array for name, array in state.items()})
        if self.sample is not None:
            arrays.update({f"sample.{name}": array for name, array in self.sample.state().items()})
        return arrays

    def restore(self, state: State, known: Collection[str]) -> None:
        """known: the models that were there when `state` was taken; others stay as they are. Errors: KeyError or
        ValueError."""
        if state["medians"].shape[1:] != self._medians.shape[1:]:
            raise ValueError("medians of other features")
        if self.sample is not None and "sample.count" in state:
            self.sample.restore(_under(state, "sample."))
        for model, calibration in zip(self.models, self.calibrations, strict=True):
            if model.name not in known:
                continue
            calibration.restore(_under(state, f"{model.name}.calibration."))
            model.restore(_under(state, f"{model.name}."))
        self._medians, self._rows = state["medians"], int(state["rows"][0])
        self._set_usual(self._medians.shape[1])
        self._listen()


def _under(state: State, prefix: str) -> State:
    return {name[len(prefix) :]: array for name, array in state.items() if name.startswith(prefix)}
