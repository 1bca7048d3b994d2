"""The metrics of one process: plain numbers while they count, Prometheus text when somebody asks.

The counters are lists of floats without locks: each is written by one thread (the event loop's), and the thread that
serves them only reads. An increment costs about 60 ns, a batch of observations one bisection each.
"""

import itertools
import time
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from prometheus_client.core import (
    CounterMetricFamily,
    Exemplar,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.core import (
    Metric as Family,
)
from prometheus_client.utils import floatToGoString

from argus.metric import Process
from argus.metrics import BY_NAME, CONFIGURED, LABELS, Metric, served_by

OTHER: Final = "other"
REJECTED: Final = "argus_metric_series_rejected_total"
# A closed product of labels up to this size stands at 0 from the start, so that rates see the first increment.
INITIALISED_MAX: Final = 600
# From so many on numpy is quicker.
MANY: Final = 24


class Number:
    """One series of a counter or a gauge."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def inc(self, by: float = 1.0) -> None:
        self.value += by

    def set(self, to: float) -> None:
        self.value = to


class Spread:
    """One series of a histogram."""

    __slots__ = ("_array", "bounds", "counts", "exemplars", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self._array = np.asarray(bounds, np.float64)
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0
        self.exemplars: dict[int, Exemplar] = {}

    def observe(self, value: float, exemplar: Mapping[str, str] | None = None) -> None:
        """exemplar: labels that lead to the case in hand, `alert_id` for example; the bucket keeps the latest."""
        bucket = bisect_left(self.bounds, value)
        self.counts[bucket] += 1
        self.sum += value
        if exemplar is not None:
            self.exemplars[bucket] = Exemplar(dict(exemplar), value, time.time())

    def observe_many(self, values: Sequence[float], scale: float = 1.0) -> None:
        """scale: what each is multiplied by. Many at once are counted by numpy, at a fifth of the cost."""
        if len(values) >= MANY:
            self.observe_array(np.array(values, np.float64) * scale)
            return
        bounds, counts = self.bounds, self.counts
        total = 0.0
        for value in values:
            value = value * scale
            counts[bisect_left(bounds, value)] += 1
            total += value
        self.sum += total

    def observe_array(self, values: npt.NDArray[np.float64]) -> None:
        found = np.bincount(self._array.searchsorted(values), minlength=len(self.counts)).tolist()
        self.counts[:] = [count + more for count, more in zip(self.counts, found, strict=True)]
        self.sum += float(values.sum())


class Metrics:
    """What a process counts. known: values of the sets that depend on the configuration, `rule` for example.

    `number` and `spread` hand out a series; keep it, so that nothing is looked up while events pass. A name that is
    not in the table, or not of this kind of process, is a KeyError at once; a wrong count of labels a ValueError.
    """

    def __init__(self, known: Mapping[str, Iterable[str]] | None = None, process: Process | None = None) -> None:
        """process: whose metrics these are; None for all."""
        self._metrics = served_by(process)
        self._known: dict[str, frozenset[str]] = {name: frozenset(values) for name, values in LABELS.items()}
        self._series: dict[str, dict[tuple[str, ...], Any]] = {metric.name: {} for metric in self._metrics}
        for name in CONFIGURED:
            self._known[name] = frozenset()
        self._initialise()
        for name, values in (known or {}).items():
            self.allow(name, values)

    def allow(self, label_set: str, values: Iterable[str]) -> None:
        """Add values to a configured set, up to its bound; those beyond it become `other`."""
        present = self._known[label_set]
        room = CONFIGURED.get(label_set, len(present) + 64) - len(present)
        fresh = [value for value in dict.fromkeys(values) if value not in present]
        fresh = fresh[: max(room, 0)]
        if fresh:
            self._known[label_set] = present | frozenset(fresh)
            self._initialise(label_set)

    def number(self, name: str, *labels: str) -> Number:
        """The series of a counter or a gauge."""
        found: Number = self._at(BY_NAME[name], labels)
        return found

    def spread(self, name: str, *labels: str) -> Spread:
        """The series of a histogram."""
        found: Spread = self._at(BY_NAME[name], labels)
        return found

    def info(self, name: str, *labels: str) -> None:
        """State a fact. It replaces the fact of the same name (and first label, where there are several)."""
        series = self._series[name]
        first = labels[:1] if len(labels) > 1 else ()
        for old in [key for key in series if key[: len(first)] == first]:
            del series[old]
        series[labels] = None

    def forget(self, name: str, *labels: str) -> None:
        """Drop one series."""
        self._series[name].pop(labels, None)

    def own_partitions(self, partitions: Collection[int]) -> None:
        """Label these partitions and no others: what is told of others goes, since other processes tell of them."""
        owned = frozenset(map(str, sorted(partitions)[: CONFIGURED["partition"]]))
        gone, self._known["partition"] = self._known["partition"] - owned, owned
        for metric in self._metrics:
            if "partition" in metric.label_sets:
                at, series = metric.label_sets.index("partition"), self._series[metric.name]
                for labels in [labels for labels in series if labels[at] in gone]:
                    del series[labels]

    def collect(self) -> Iterator[Family]:
        """What a registry of prometheus_client asks for."""
        for metric in self._metrics:
            yield _family(metric, list(self._series[metric.name].items()))

    def _at(self, metric: Metric, labels: tuple[str, ...]) -> Any:
        series = self._series[metric.name]
        found = series.get(labels)
        if found is None:
            if len(labels) != len(metric.labels):
                raise ValueError(f"{metric.name} has the labels {metric.label_names}, not {labels}")
            labels = self._closed(metric, labels)
            found = series.get(labels)
            if found is None:
                found = series[labels] = Spread(metric.buckets) if metric.kind == "histogram" else Number()
        return found

    def _closed(self, metric: Metric, labels: tuple[str, ...]) -> tuple[str, ...]:
        if metric.name == REJECTED:
            return labels
        closed = tuple(
            value if value in self._known[set_] else OTHER
            for value, set_ in zip(labels, metric.label_sets, strict=True)
        )
        if closed != labels:
            self.number(REJECTED, metric.name).inc()
        return closed

    def _initialise(self, label_set: str | None = None) -> None:
        """Closed products of labels to 0; only of the metrics that a set is of, where one is named."""
        for metric in self._metrics:
            if metric.kind not in ("counter", "histogram") or metric.name == REJECTED:
                continue
            if label_set is not None and label_set not in metric.label_sets:
                continue
            sets = [sorted(self._known[name]) for name in metric.label_sets]
            products = list(itertools.islice(itertools.product(*sets), INITIALISED_MAX + 1))
            if len(products) <= INITIALISED_MAX:
                for labels in products:
                    self._at(metric, labels)


def _family(metric: Metric, series: list[tuple[tuple[str, ...], Any]]) -> Family:
    names = metric.label_names
    if metric.kind == "counter":
        counter = CounterMetricFamily(metric.name, metric.meaning, labels=names)
        for labels, number in series:
            counter.add_metric(labels, number.value)
        return counter
    if metric.kind == "gauge":
        gauge = GaugeMetricFamily(metric.name, metric.meaning, labels=names)
        for labels, number in series:
            gauge.add_metric(labels, number.value)
        return gauge
    if metric.kind == "info":
        info = InfoMetricFamily(metric.name.removesuffix("_info"), metric.meaning, labels=[])
        for labels, _ in series:
            info.add_metric([], dict(zip(names, labels, strict=True)))
        return info
    histogram = HistogramMetricFamily(metric.name, metric.meaning, labels=names)
    for labels, spread in series:
        counts = list(spread.counts)
        bounds = [*map(floatToGoString, spread.bounds), "+Inf"]
        running = itertools.accumulate(counts)
        buckets: list[tuple[str, float] | tuple[str, float, Exemplar]] = []
        for i, (bound, count) in enumerate(zip(bounds, running, strict=True)):
            exemplar = spread.exemplars.get(i)
            buckets.append((bound, count) if exemplar is None else (bound, count, exemplar))
        histogram.add_metric(labels, buckets=buckets, sum_value=spread.sum)
    return histogram
