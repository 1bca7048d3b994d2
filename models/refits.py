"""When models are fitted anew, and what is told of each version."""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
import numpy as np

from models.bank import Bank
from models.fitted import Fitted
from models.fitting import Fitting, Job
from models.protocol import Row, State

TAINTED_MOST: Final = 256
NEWS_MOST: Final = 64
"""Nobody who asks once a step ever misses one."""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A fit that is over. error: "" where it is in force now, otherwise why it isn't.

    rows: of the sample; learned: untainted rows that the sample was drawn from; from_ms, to_ms: their event time.
    seconds: of fitting. auc: how often one of so many newest tainted rows scores above a normal one that was held out
    (1 best, 0.5 by chance), None where there were none. parts: what was fitted.
    """

    model: str
    version: int
    rows: int
    learned: int
    from_ms: int = 0
    to_ms: int = 0
    seconds: float = 0.0
    auc: float | None = None
    tainted: int = 0
    error: str = ""
    detail: str = ""
    parts: State = msgspec.field(default_factory=dict)


class Refits:
    """Has the fitted models of a bank fitted anew in their time, and puts what is done in force."""

    def __init__(self, fitting: Fitting, scope: str, seed: int) -> None:
        self.news: deque[Version] = deque(maxlen=NEWS_MOST)
        """Versions that nobody has taken note of; whoever does takes them out."""
        self.pins: Mapping[str, int] = {}
        """Versions that people asked for: such a model is not fitted anew."""
        self._fitting = fitting
        self._scope = scope
        self._seed = seed
        self._rows = 0
        self._asked: dict[str, tuple[int, int, int, int]] = {}
        self._tainted: deque[Row] = deque(maxlen=TAINTED_MOST)

    def note_tainted(self, rows: Iterable[Row]) -> None:
        """Rows that were not learnt, to measure by how well what is fitted tells them."""
        self._tainted.extend(rows)

    def tend(self, bank: Bank) -> None:
        """Call it once a block, with the bank that has just learnt. What happens hangs on the rows that were learnt
        alone: a block of which none was is passed over."""
        if bank.rows == self._rows:
            return
        self._rows = bank.rows
        for model in bank.fitted:
            self._hear(bank, model)
            if model.name not in self.pins and model.due(bank.rows):
                model.asked = model.newest + 1
                self._submit(bank, model)

    def resume(self, bank: Bank) -> None:
        """Ask again for what was asked for when the bank's snapshot was taken: it went with the process."""
        self._rows = bank.rows
        for model in bank.fitted:
            if model.waiting:
                self._submit(bank, model)

    def forget(self, bank: Bank) -> None:
        """Of whoever gives the bank up: nothing is waited for any more."""
        for model in bank.fitted:
            self._fitting.forget(self._job(model))

    def _job(self, model: Fitted) -> str:
        return f"{model.name}/{self._scope}"

    def _submit(self, bank: Bank, model: Fitted) -> None:
        if bank.sample is None or not len(bank.sample):
            model.give_up()
            return
        sample = bank.sample
        self._asked[model.name] = (len(sample), sample.count, sample.from_ms, sample.to_ms)
        job = Job(self._job(model), model.name, (self._seed + model.asked) % 2**32, model.asked)
        tainted = np.array(self._tainted, np.float64).reshape(-1, model.width)
        self._fitting.submit(job, {"rows": sample.rows, "tainted": np.clip(bank.filled(tainted), 0.0, 1.0)})

    def _hear(self, bank: Bank, model: Fitted) -> None:
        told = self._fitting.poll(self._job(model))
        if told is None:
            return
        outcome, parts = told
        error, detail = outcome.error, outcome.detail
        if not error:
            try:
                bank.adopt(model, parts, outcome.job.version)
            except (LookupError, ValueError, TypeError) as misfit:
                error, detail = "raised", str(misfit)
        if error:
            model.give_up()
        rows, learned, from_ms, to_ms = self._asked.pop(model.name, (0, 0, 0, 0))
        auc, tainted = parts["quality"].tolist() if "quality" in parts else (None, 0)
        self.news.append(
            Version(
                model=model.name,
                version=outcome.job.version,
                rows=rows,
                learned=learned,
                from_ms=from_ms,
                to_ms=to_ms,
                auc=auc,
                tainted=int(tainted),
                seconds=outcome.seconds,
                error=error,
                detail=detail,
                parts={} if error else parts,
            )
        )
