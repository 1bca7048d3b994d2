"""What each model's algorithm is set to, for whoever asks what was fitted how."""

from collections.abc import Mapping
from typing import Final

from models import autoencoder, gaussian, half_space, isolation_forest, learnt, local_outliers, loda, one_class
from models.grown_parameters import GROWN_PARAMETERS

PARAMETERS: Final[Mapping[str, Mapping[str, float]]] = {
    half_space.HalfSpaceTrees.name: {
        "n_trees": half_space.N_TREES,
        "height": half_space.HEIGHT,
        "window_rows": half_space.WINDOW_ROWS,
    },
    one_class.OneClassSVM.name: {
        "bins": one_class.BINS,
        "nu": one_class.NU,
        "learning_rate": one_class.LEARNING_RATE,
    },
    gaussian.Gaussian.name: {"grace_rows": gaussian.GRACE_ROWS},
    isolation_forest.IsolationForest.name: {
        "n_trees": isolation_forest.N_TREES,
        "tree_rows": isolation_forest.TREE_ROWS,
    },
    local_outliers.LocalOutliers.name: {
        "neighbours": local_outliers.NEIGHBOURS,
        "most_rows": local_outliers.MOST_ROWS,
        "steps": local_outliers.STEPS,
    },
    autoencoder.Autoencoder.name: {"narrowest": autoencoder.NARROWEST, "epochs": autoencoder.EPOCHS},
    learnt.Logistic.name: {"learning_rate": learnt.LEARNING_RATE, "l2": learnt.L2},
    learnt.AdaptiveForest.name: {"n_trees": learnt.ADAPTIVE_TREES},
    **GROWN_PARAMETERS,
    loda.Loda.name: {"n_cuts": loda.N_CUTS, "bins": loda.BINS, "half_life_rows": loda.HALF_LIFE_ROWS},
}
