"""What partitions say of their models' state, as gauges of the worker: each is the worst of its partitions."""

from collections.abc import Mapping
from typing import Final

from argus.measure import Metrics
from models.modes import Signal
from models.watch import Watched

INDEX: Final = "argus_feature_stability_index"
DRIFTING: Final[Mapping[Signal, str]] = {
    "scores": "argus_model_drifting",
    "misses": "argus_model_misses_drifting",
}


class WatchMeter:
    """Calls are cheap: a batch of a partition leads to one at most."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._index: dict[int, Mapping[str, float]] = {}
        self._speaking: dict[str, dict[int, bool]] = {}
        self._drifts: dict[tuple[str, Signal], dict[int, tuple[int, bool]]] = {}

    def watched(self, partition: int, models: Watched | None) -> None:
        """See `agents.services.Meter`."""
        if models is None:
            self._forget(partition)
            return
        if models.index and models.index is not self._index.get(partition):
            self._index[partition] = models.index
            self._tell_index(models.index)
        for model in models.names:
            by = self._speaking.setdefault(model, {})
            speaks = model in models.speaking
            if by.get(partition) is not speaks:
                by[partition] = speaks
                self._tell_warmth(model)
        for (model, signal), told in models.drifts.items():
            self._drifted(partition, model, signal, told)

    def _drifted(self, partition: int, model: str, signal: Signal, told: tuple[int, bool]) -> None:
        by = self._drifts.setdefault((model, signal), {})
        before = by.get(partition)
        if before == told:
            return
        by[partition] = told
        more = told[0] - (before[0] if before is not None else 0)
        if more > 0:
            self._metrics.number("argus_model_drifts_total", model).inc(more)
        self._tell_drifting(model, signal)

    def _tell_drifting(self, model: str, signal: Signal) -> None:
        going = sum(going for _, going in self._drifts[model, signal].values())
        self._metrics.number(DRIFTING[signal], model).set(going)

    def _tell_index(self, groups: Mapping[str, float]) -> None:
        for group in groups:
            found = [index[group] for index in self._index.values() if group in index]
            if found:
                self._metrics.number(INDEX, group).set(max(found))
            else:
                self._metrics.forget(INDEX, group)

    def _tell_warmth(self, model: str) -> None:
        by = self._speaking[model]
        if by:
            self._metrics.number("argus_model_warm_ratio", model).set(sum(by.values()) / len(by))
        else:
            self._metrics.forget("argus_model_warm_ratio", model)

    def _forget(self, partition: int) -> None:
        """Others will tell of it."""
        groups = self._index.pop(partition, {})
        self._tell_index(groups)
        for model, by in self._speaking.items():
            by.pop(partition, None)
            self._tell_warmth(model)
        for (model, signal), drifts in self._drifts.items():
            drifts.pop(partition, None)
            self._tell_drifting(model, signal)
