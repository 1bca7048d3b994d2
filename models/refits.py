"""When models are fitted anew, and what is told of each version."""

from collections import deque
from collections.abc import Mapping
from typing import Final

import msgspec

from models.bank import Bank
from models.fitted import Fitted
from models.fitting import Fitting, Job
from models.protocol import State

NEWS_MOST: Final = 64
"""Nobody who asks once a step ever misses one."""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A fit that is over. error: "" where it is in force now, otherwise why it isn't.

    rows: of the sample; learned: untainted rows that the sample was drawn from. seconds: of fitting. parts: what was
    fitted.
    """

    model: str
    version: int
    rows: int
    learned: int
    seconds: float = 0.0
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
        self._asked: dict[str, tuple[int, int]] = {}

    def tend(self, bank: Bank) -> None:
        """Call it once a block, with the bank that has just learnt. What happens hangs on the rows that were learnt
        alone: a block of which none was is passed over."""
        if bank.rows == self._rows:
            return
        self._rows = bank.rows
        for model in bank.fitted:
            self._hear(bank, model)
            if model.name not in self.pins and model.due(bank.rows):
                model.asked = model.version + 1
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
        self._asked[model.name] = (len(bank.sample), bank.rows)
        job = Job(self._job(model), model.name, (self._seed + model.asked) % 2**32, model.asked)
        self._fitting.submit(job, {"rows": bank.sample.rows})

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
        rows, learned = self._asked.pop(model.name, (0, 0))
        self.news.append(
            Version(
                model=model.name,
                version=outcome.job.version,
                rows=rows,
                learned=learned,
                seconds=outcome.seconds,
                error=error,
                detail=detail,
                parts={} if error else parts,
            )
        )
