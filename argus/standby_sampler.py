"""What the standbys of a worker have to say, looked for beside the rest (see `argus.sampler`)."""

import time
from collections import Counter
from collections.abc import Callable

from agents.standbys import Standbys
from argus.measure import Metrics
from argus.sampler import SLOW_EVERY_S


class StandbySampler:
    """Of a worker that keeps copies; it says nothing where there have been none."""

    def __init__(self, metrics: Metrics, standbys: Standbys, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._metrics = metrics
        self._standbys = standbys
        self._monotonic = monotonic
        self._tables: set[str] = set()
        self._next_at = 0.0

    def sample(self) -> None:
        number, lags = self._metrics.number, self._standbys.lags()
        aside = self._standbys.set_aside + self._standbys.stores.discarded
        self._tables |= {place.table for place in lags} | aside.keys()
        for table in self._tables:
            own = [lag for place, lag in lags.items() if place.table == table]
            number("argus_standby_partitions", table).set(len(own))
            number("argus_standby_lag_records", table).set(sum(own))
            number("argus_standby_set_aside_total", table).set(aside[table])
        if self._tables and self._monotonic() >= self._next_at:
            self._next_at = self._monotonic() + SLOW_EVERY_S
            self._sizes()

    def _sizes(self) -> None:
        sizes = Counter(dict.fromkeys(self._tables, 0))
        for table, _, store in self._standbys.stores:
            figures = store.statistics()
            sizes[table] += figures["bytes"] + figures["memtable_bytes"]
        for table, size in sizes.items():
            self._metrics.number("argus_standby_bytes", table).set(size)
