"""The names of the unsupervised models, and what they may be told to do. Imports nothing: settings read it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

ModelMode = Literal["decide", "shadow", "off"]
Unsupervised = Literal[
    "half_space_trees",
    "one_class_svm",
    "gaussian",
    "isolation_forest",
    "local_outlier_factor",
    "autoencoder",
    "loda",
]
Signal = Literal["scores", "misses"]
"""What is watched for drift: what a model says of events; of frauds, whether it had them out of its tail."""
MODES: Final[Mapping[Unsupervised, ModelMode]] = MappingProxyType(
    {
        "half_space_trees": "decide",
        "one_class_svm": "decide",
        "gaussian": "decide",
        "isolation_forest": "off",
        "local_outlier_factor": "off",
        "autoencoder": "off",
        "loda": "off",
    }
)
"""Of a model that nobody says anything of."""


def running(modes: Mapping[Unsupervised, ModelMode]) -> tuple[str, ...]:
    """The models that aren't off, in the order of `MODES`. Errors: ValueError if there is none."""
    names = tuple(name for name, mode in MODES.items() if modes.get(name, mode) != "off")
    if not names:
        raise ValueError("all models are off: at least one has to run, as a shadow perhaps")
    return names
