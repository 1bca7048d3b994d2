"""What it is to have a model fitted: the job, its outcome, and who does it now (`Awaited`) or later (`Background`).

The owner of a model submits a job and goes on; at moments of its own choosing it polls for the outcome and swaps the
fitted model in. Fits are functions of a closed list: `FITS` names each, and adding one is a line there.

    fitting.submit(Job("isolation_forest/3", "isolation_forest", seed=7, version=4), {"rows": rows})
    ...
    told = fitting.poll("isolation_forest/3")     # None until there is an outcome; each is told once
    if told is not None and not told[0].error:
        model.restore(told[1])
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from time import perf_counter
from typing import Final, Literal, Protocol

import msgspec
from threadpoolctl import threadpool_limits

from models.protocol import State

Fit = Callable[[State, int], State]
"""Arrays and a seed to arrays. The same arrays and seed give the same arrays. It may raise. A scikit-learn estimator
travels as arrays too: those that it is made of, or its pickle as an array of `uint8`."""

FITS: Final[Mapping[str, str]] = {
    "isolation_forest": "models.isolation_forest:fit",
    "local_outlier_factor": "models.local_outliers:fit",
    "autoencoder": "models.autoencoder:fit",
    "random_forest": "models.grown:random_forest",
    "gradient_boosting": "models.grown:gradient_boosting",
}
"""Name to `module:function`."""

TOLD_CHARS: Final = 300
Error = Literal["", "raised", "died", "too_long"]


class Job(msgspec.Struct, frozen=True):
    """name: who asks: of each name one job waits at most, and the newest takes the place of an older one.
    fit: of `FITS`. version: comes back with the outcome. target: the function; filled in by who takes the job."""

    name: str
    fit: str
    seed: int = 0
    version: int = 0
    target: str = ""


class Outcome(msgspec.Struct, frozen=True):
    """error: "" where the fit is done, otherwise why it is not; detail: the error in words; seconds: of fitting."""

    job: Job
    seconds: float = 0.0
    error: Error = ""
    detail: str = ""


class Fitting(Protocol):
    """Who fits. All calls return at once (of `Awaited`: `submit` when the fit is done)."""

    def submit(self, job: Job, arrays: State) -> None:
        """Have it fitted when its turn comes. The arrays may not change any more. Errors: KeyError for a fit that is
        not on the list."""

    def poll(self, name: str) -> tuple[Outcome, State] | None:
        """The newest outcome of that name, once."""

    def forget(self, name: str) -> None:
        """Neither do nor tell anything more of what was submitted by that name."""

    def close(self) -> None:
        """Fit no more."""


def run(job: Job, arrays: State) -> tuple[Outcome, State]:
    """Fit here and now, with one thread for arithmetic: more would take the stream's cores."""
    begin = perf_counter()
    try:
        module, _, function = job.target.partition(":")
        fit: Fit = getattr(import_module(module), function)
        with threadpool_limits(1):
            fitted = fit(arrays, job.seed)
    except Exception as error:  # noqa: BLE001 - whatever a library raises, the others are fitted all the same
        detail = f"{type(error).__name__}: {error}"[:TOLD_CHARS]
        return Outcome(job, perf_counter() - begin, "raised", detail), {}
    return Outcome(job, perf_counter() - begin), fitted


class Awaited:
    """A `Fitting` in this process, done when `submit` returns: for replay and tests, where two runs give the same
    bytes."""

    def __init__(self, fits: Mapping[str, str] = FITS) -> None:
        self._fits = fits
        self._done: dict[str, tuple[Outcome, State]] = {}

    def submit(self, job: Job, arrays: State) -> None:
        self._done[job.name] = run(msgspec.structs.replace(job, target=self._fits[job.fit]), arrays)

    def poll(self, name: str) -> tuple[Outcome, State] | None:
        return self._done.pop(name, None)

    def forget(self, name: str) -> None:
        self._done.pop(name, None)

    def close(self) -> None:
        self._done.clear()
