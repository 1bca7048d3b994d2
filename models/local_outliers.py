"""Local outliers: strange is what lies where rows are thinner than around its neighbours (Breunig et al. 2000)."""

from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt

from models.fitted import Fitted
from models.protocol import Matrix, State, Vector

NEIGHBOURS: Final = 20
MOST_ROWS: Final = 1_024
STEPS: Final = 255
"""Rows are cut to so many steps a feature: sums of their products are whole numbers that single precision holds
exactly for up to 64 features, so that a matrix product, in whatever order it adds, gives the same numbers."""
MOST_FEATURES: Final = 64
TINY: Final = 1e-10  # scikit-learn's, so that nothing is divided by 0


class LocalOutliers(Fitted):
    """scikit-learn's `LocalOutlierFactor(novelty=True)` on distinct rows: of equal ones, which are many in sign-in
    life, each stands once, as they would lie infinitely dense. The score is the local outlier factor: about 1 within
    a cloud of rows, more outside."""

    name: ClassVar[str] = "local_outlier_factor"

    def _prepare(self, parts: State) -> None:
        steps, far, density = parts["steps"], parts["far"], parts["density"]
        if steps.shape != (len(far), self.width) or density.shape != far.shape or len(far) <= NEIGHBOURS:
            raise ValueError("neighbours of another size")
        known = steps.astype(np.float32)
        self._known = np.ascontiguousarray(known.T)
        self._squares = (known * known).sum(axis=1)
        self._far, self._density = far, density

    def _scores(self, rows: Matrix) -> Vector:
        steps = np.rint(rows * STEPS).astype(np.float32)
        squares = (self._squares - 2.0 * (steps @ self._known)) + (steps * steps).sum(axis=1)[:, None]
        near = np.argpartition(squares, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
        distance = np.sqrt(np.take_along_axis(squares, near, axis=1).astype(np.float64)) / STEPS
        reach = np.maximum(distance, self._far[near]).sum(axis=1) / NEIGHBOURS
        factor: Vector = self._density[near].sum(axis=1) / NEIGHBOURS * (reach + TINY)
        return factor


def fit(arrays: State, seed: int) -> State:
    """See `models.fitting`."""
    from sklearn.neighbors import LocalOutlierFactor

    def learn(rows: Matrix) -> dict[str, npt.NDArray[np.float64] | npt.NDArray[np.uint16]]:
        if rows.shape[1] > MOST_FEATURES:
            raise ValueError(f"more than {MOST_FEATURES} features")
        distinct = np.unique(np.rint(rows * STEPS).astype(np.uint16), axis=0)
        chosen = np.random.default_rng(seed).permutation(len(distinct))[:MOST_ROWS]
        steps = distinct[np.sort(chosen)]
        factor = LocalOutlierFactor(n_neighbors=NEIGHBOURS, novelty=True, n_jobs=1).fit(steps / STEPS)
        distances, neighbours = factor.kneighbors()
        far = distances[:, -1]
        reach = np.maximum(distances, far[neighbours]).mean(axis=1)
        return {"steps": steps, "far": far, "density": 1.0 / (reach + TINY)}

    return LocalOutliers.fit(arrays, seed, learn)
