"""How models stand now, of what all workers say: whether they are warm, whether they drift, what they see."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from argus.console.model_figures import DRIFT_MUCH, DRIFT_NOTED
from argus.console.worker_metrics import Said, Worker

WARM, DRIFTING, MISSES, DRIFTS = "warm_ratio", "drifting", "misses_drifting", "drifts"


class State(Struct, frozen=True):
    """warm: share of partitions in which it has learnt enough to say anything, of the least warm worker; drifting,
    misses: partitions in which its scores, or the frauds that it misses, drift; drifts: so far. None: nobody says."""

    model: str
    warm: float
    drifting: int | None
    misses: int | None
    drifts: int


class Group(Struct, frozen=True):
    """A group of features. index: the largest of the workers'."""

    name: str
    index: float

    @property
    def state(self) -> str:
        return "block" if self.index >= DRIFT_MUCH else "challenge" if self.index >= DRIFT_NOTED else "approve"


def states(workers: Sequence[Worker]) -> list[State]:
    """Of the models that any worker runs, by name."""
    said = [one for worker in workers for one in worker.said]
    return [
        State(
            model=model,
            warm=min(one.value for one in said if one.model == model and one.figure == WARM),
            drifting=_sum(said, model, DRIFTING),
            misses=_sum(said, model, MISSES),
            drifts=_sum(said, model, DRIFTS) or 0,
        )
        for model in sorted({one.model for one in said if one.figure == WARM})
    ]


def groups(workers: Sequence[Worker]) -> list[Group]:
    """Empty while too little was seen."""
    found: dict[str, float] = {}
    for worker in workers:
        for one in worker.said:
            if one.figure == "feature_stability_index":
                name = one.about.removeprefix("group ")
                found[name] = max(found.get(name, 0.0), one.value)
    return [Group(name, index) for name, index in sorted(found.items())]


def _sum(said: Iterable[Said], model: str, figure: str) -> int | None:
    values = [one.value for one in said if one.model == model and one.figure == figure]
    return int(sum(values)) if values else None
