"""How much a model that learns from labels has earned: what it said of events before their labels were known.

Of the last frauds, the share that it had in its tail; less where undisputed events are there more often than a
hundredth. So a model that has proved nothing yet moves no risk, and one that labels were poisoned for moves little.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from models.protocol import Matrix

TAIL: Final = 0.99
# Frauds that are taken to have been missed before the first; how many frauds, and undisputed events, are remembered.
PRIOR_FRAUDS: Final = 10.0
FRAUDS_KEPT: Final = 200.0
SILENT_KEPT: Final = 20_000.0
# The share of undisputed events in the tail that costs nothing: twice what calibration means.
FALSE_FREE: Final = 0.02

Bits = npt.NDArray[Any]


class Trust:
    """Of a fixed list of models, at most eight: their bits fit into a byte of a row."""

    def __init__(self, names: Sequence[str]) -> None:
        if len(names) > 8:
            raise ValueError(f"{len(names)} models do not fit into a byte")
        self._names = tuple(names)
        # frauds seen, frauds raised, silent seen, silent raised.
        self.counts = np.zeros((len(names), 4))

    def bits(self, names: Sequence[str], shares: Matrix) -> Bits:
        """(n, names) to (n,): for each row a byte of the models whose share is in the tail."""
        weights = np.array([1 << self._names.index(name) for name in names])
        return ((shares > TAIL) @ weights).astype(np.uint8)

    def fraud(self, scored: int, raised: int) -> None:
        """A fraud has become known. scored, raised: its row's bits."""
        for index, counts in enumerate(self.counts):
            if scored >> index & 1:
                if counts[0] >= FRAUDS_KEPT:
                    counts[:2] *= 1.0 - 1.0 / FRAUDS_KEPT
                counts[:2] += (1.0, raised >> index & 1)

    def missed(self, scored: int, raised: int) -> Mapping[str, bool]:
        """By model that had scored a row, whether it was out of its tail. scored, raised: the row's bits."""
        models = enumerate(self._names)
        return {name: not raised >> index & 1 for index, name in models if scored >> index & 1}

    def silence(self, scored: Bits, raised: Bits) -> None:
        """Events were not disputed."""
        for index, counts in enumerate(self.counts):
            seen = (scored >> index & 1) > 0
            counts[2:] += (np.count_nonzero(seen), np.count_nonzero(raised[seen] >> index & 1))
            if counts[2] > SILENT_KEPT:
                counts[2:] *= SILENT_KEPT / counts[2]

    def of(self, name: str) -> float:
        """0..1."""
        frauds, caught, silent, false = self.counts[self._names.index(name)].tolist()
        recall = caught / (frauds + PRIOR_FRAUDS)
        often = false / silent if silent else 0.0
        return float(recall * min(1.0, FALSE_FREE / often) if often else recall)

    def counts_of(self, name: str) -> tuple[float, float, float, float]:
        """Frauds that it had scored, caught of them, undisputed events that it had scored, raised of them."""
        frauds, caught, silent, raised = self.counts[self._names.index(name)].tolist()
        return frauds, caught, silent, raised

    def all(self) -> Mapping[str, float]:
        """By model."""
        return {name: self.of(name) for name in self._names}
