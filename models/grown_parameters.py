"""How forests are grown from labelled rows. Apart from `models.grown`, so that telling needs no scikit-learn."""

from collections.abc import Mapping
from typing import Final

FOREST_TREES: Final = 50
FOREST_DEPTH: Final = 8
FOREST_LEAF_ROWS: Final = 3
BOOSTED_TREES: Final = 60
BOOSTED_LEAVES: Final = 15
BOOSTED_LEAF_ROWS: Final = 10
BOOSTED_RATE: Final = 0.1
BOOSTED_L2: Final = 1.0

GROWN_PARAMETERS: Final[Mapping[str, Mapping[str, float]]] = {
    "random_forest": {"n_trees": FOREST_TREES, "depth": FOREST_DEPTH, "leaf_rows": FOREST_LEAF_ROWS},
    "gradient_boosting": {
        "n_trees": BOOSTED_TREES,
        "leaves": BOOSTED_LEAVES,
        "leaf_rows": BOOSTED_LEAF_ROWS,
        "learning_rate": BOOSTED_RATE,
        "l2": BOOSTED_L2,
    },
}
