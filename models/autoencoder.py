"""An autoencoder: strange is what a small network can't repeat that was taught to (Hawkins et al. 2002)."""

from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt

from models.fitted import Fitted
from models.protocol import Matrix, State, Vector

NARROWEST: Final = 2
"""A wider middle repeats strange rows as well as normal ones, along the lines that it has learnt."""
EPOCHS: Final = 30
SPREAD_LEAST: Final = 0.02
"""Of a feature's standard deviation: one that hardly ever moves would outweigh all others."""


class Autoencoder(Fitted):
    """scikit-learn's `MLPRegressor` from rows to the same rows through a narrow layer. The score is the mean squared
    error, each feature's in its own variance. Columns are added up one by one: a matrix product's last bits hang on
    how many rows stand in it."""

    name: ClassVar[str] = "autoencoder"

    def _prepare(self, parts: State) -> None:
        layers: list[tuple[Matrix, Vector]] = []
        width = self.width
        while f"weights{len(layers)}" in parts:
            weights, bias = parts[f"weights{len(layers)}"], parts[f"bias{len(layers)}"]
            if weights.shape != (width, len(bias)):
                raise ValueError("layers of another size")
            width = len(bias)
            layers.append((weights, bias))
        if not layers or width != self.width or parts["spread"].shape != (width,):
            raise ValueError("layers of another size")
        self._layers, self._spread = layers, parts["spread"]

    def _scores(self, rows: Matrix) -> Vector:
        given = np.ascontiguousarray(rows.T)
        values = given
        for number, (weights, bias) in enumerate(self._layers):
            total = np.repeat(bias[:, None], len(rows), axis=1)
            for column, weight in zip(values, weights, strict=True):
                total += weight[:, None] * column
            values = np.maximum(total, 0.0) if number < len(self._layers) - 1 else total
        error = np.zeros(len(rows))
        for was, is_, spread in zip(given, values, self._spread.tolist(), strict=True):
            error += ((was - is_) / spread) ** 2
        return error / self.width


def fit(arrays: State, seed: int) -> State:
    """See `models.fitting`."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    def learn(rows: Matrix) -> dict[str, npt.NDArray[np.float64]]:
        hidden = (max(NARROWEST, rows.shape[1] // 2), NARROWEST, max(NARROWEST, rows.shape[1] // 2))
        spread = np.maximum(rows.std(axis=0), SPREAD_LEAST)
        network = MLPRegressor(
            hidden_layer_sizes=hidden, random_state=seed, max_iter=EPOCHS, batch_size=128, learning_rate_init=0.005
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a fixed number of epochs is what was meant
            network.fit(rows, rows / spread)
        # The last layer speaks in spreads: back to the rows' own scale.
        weights = [*network.coefs_[:-1], network.coefs_[-1] * spread]
        biases = [*network.intercepts_[:-1], network.intercepts_[-1] * spread]
        parts = {"spread": spread}
        for number, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            parts |= {f"weights{number}": weight, f"bias{number}": bias}
        return parts

    return Autoencoder.fit(arrays, seed, learn)
