"""The scorer of one partition: several models at once, learning from the stream, blind to how it was cut."""

from collections import deque
from collections.abc import Collection, Sequence
from itertools import compress
from operator import not_
from typing import Self

import numpy as np

from core.judged import Swap
from models.bank import MODELS, Bank
from models.explain import shares_of, swaps_of
from models.fitting import Awaited, Fitting
from models.protocol import FEW_ROWS, Matrix, Row, State, Vector
from models.refits import Refits
from models.rows import matrix_of
from models.snapshot import TOLD_CHARS, Header, Snapshot, SnapshotUnreadable, pack, unpack
from models.watch import Watch

BLOCK_ROWS = 512
MODEL_NAMES = ("half_space_trees", "one_class_svm", "gaussian")
"""What is run where nothing else is asked for."""
BATCHES_SAID = 2
"""Between the scores of a batch and its lesson another may be scored that is never learnt."""


class Ensemble:
    """A `protocol.Scorer`. Deterministic by seed; the same rows get the same scores however they are cut into batches
    of at most `block_rows` rows (in a longer batch, what lies beyond is scored by the newest that is known).

    A batch is scored before anyone knows which of its rows may be learnt, so what a row is scored by cannot hang on
    the rows right before it. Hence blocks: the rows that were taken note of are counted through in blocks of
    `block_rows`, and a row in block k is scored by what was learnt from blocks 0 to k - 2. Two banks are held, for
    the block under way and for the next. It also makes learning cheap: a block at a time, whatever the batches.
    """

    def __init__(
        self,
        features: Sequence[str],
        seed: int = 0,
        names: Sequence[str] = MODEL_NAMES,
        *,
        block_rows: int = BLOCK_ROWS,
        deciding: Collection[str] | None = None,
        fitting: Fitting | None = None,
        scope: str = "",
        watch: Watch | None = None,
    ) -> None:
        """deciding: the models by which rows are explained, None for all; the others shadow. fitting: who fits those
        models that are fitted, None for here and now, as two runs with the same numbers need it. scope: tells this
        one's fits from those of others that share `fitting`. watch: is shown rows and scores once it is warm."""
        if unknown := set(names) - set(MODELS):
            raise ValueError(f"unknown models: {', '.join(sorted(unknown))}; known: {', '.join(MODELS)}")
        if not features or not names:
            raise ValueError("an ensemble needs features and models")
        self.features = tuple(features)
        self.seed = seed
        self.block_rows = block_rows
        self._names = tuple(names)
        self._deciding = [at for at, name in enumerate(self._names) if deciding is None or name in deciding]
        self._fitting, self._scope = Awaited() if fitting is None else fitting, scope
        self._watch = watch
        # Event time, for whoever asks what a model was fitted on; its owner tells it.
        self.clock_ms = 0
        # What `score` said last, (rows, models), of those that spoke.
        self.scored: Matrix = np.zeros((0, 0))
        self._said: deque[tuple[Row, tuple[str, ...], Matrix]] = deque(maxlen=BATCHES_SAID)
        self.reset()

    def reset(self) -> None:
        """Forget everything learnt."""
        self._bank = Bank(self.features, self.seed, self._names)
        self._next_bank = self._bank.copy()
        self._fits = bool(self._bank.fitted)
        self.refits = Refits(self._fitting, self._scope, self.seed)
        self._pending: list[Row] = []
        self._position = 0
        self._learned = 0

    @property
    def names(self) -> tuple[str, ...]:
        return self._names

    @property
    def learned(self) -> int:
        """Untainted rows taken in; the last of them, up to two blocks' worth of rows, do not weigh in yet."""
        return self._learned

    @property
    def blocks(self) -> int:
        """Blocks that are full: so often newly fitted models took the place of the last."""
        return self._position // self.block_rows

    @property
    def warm(self) -> bool:
        return self._bank.warm

    @property
    def speaking(self) -> tuple[str, ...]:
        """The models whose scores mean something by now; the others are silent."""
        return tuple(self._names[at] for at in self._bank.speaking)

    @property
    def usual(self) -> Vector:
        """The running median of each feature."""
        return self._bank.usual

    def score(self, rows: Sequence[Row]) -> list[dict[str, float]]:
        if len(rows) <= FEW_ROWS:
            shares = [self._bank_at(i).score_row(row) for i, row in enumerate(rows)]
            matrix = np.array(shares, np.float64).reshape(-1, len(self._names))
        else:
            matrix = self.score_matrix(rows)
            shares = matrix.tolist()
        bank = self._bank
        self.scored = matrix if len(bank.speaking) == len(self._names) else matrix[:, bank.speaking]
        if self._watch is not None and len(rows):
            self._said.append((rows[0], self.speaking, self.scored))
        split = self._split
        if len(rows) <= split:
            return self._named(bank, shares)
        return self._named(bank, shares[:split]) + self._named(self._next_bank, shares[split:])

    def _named(self, bank: Bank, shares: list[list[float]]) -> list[dict[str, float]]:
        """Of each row what the models say that speak: who is silent has no part in what others make of it."""
        names, speaking = self._names, bank.speaking
        if len(speaking) == len(names):
            return [dict(zip(names, one, strict=True)) for one in shares]
        return [{names[at]: one[at] for at in speaking} for one in shares]

    def score_matrix(self, rows: Sequence[Row] | Matrix) -> Matrix:
        """(rows, models): what `score` says, without the dicts; 0 of those that are silent."""
        matrix = matrix_of(rows, len(self.features))
        split = self._split
        if len(matrix) <= split:
            return self._bank.score_rows(matrix)
        return np.concatenate((self._bank.score_rows(matrix[:split]), self._next_bank.score_rows(matrix[split:])))

    @property
    def _split(self) -> int:
        """From this row of the batch at hand on, rows are scored by the next bank."""
        return self.block_rows - self._position % self.block_rows

    def _bank_at(self, index: int) -> Bank:
        """What the row of that index in the batch at hand is scored by."""
        return self._bank if index < self._split else self._next_bank

    def learn(self, rows: Sequence[Row], mask: Sequence[bool]) -> None:
        """Errors: ValueError when mask and rows differ in length."""
        if len(rows) != len(mask):
            raise ValueError(f"{len(rows)} rows with a mask of {len(mask)}")
        if self._watch is not None and rows and self.warm:
            self._show(self._watch, rows)
        start = 0
        while start < len(rows):
            stop = min(len(rows), start + self._split)
            before = len(self._pending)
            self._pending.extend(compress(rows[start:stop], mask[start:stop]))
            self._learned += len(self._pending) - before
            if self._fits and len(self._pending) - before < stop - start:
                self.refits.note_tainted(compress(rows[start:stop], map(not_, mask[start:stop])))
            self._position += stop - start
            if self._position % self.block_rows == 0:
                self._turn()
            start = stop

    def _show(self, watch: Watch, rows: Sequence[Row]) -> None:
        watch.rows(rows, self.clock_ms)
        for first, names, scored in self._said:
            if first is rows[0] and len(scored) == len(rows):
                watch.scores(names, scored)

    def _turn(self) -> None:
        """A block is full: on to the next."""
        self._bank, self._next_bank = self._next_bank, self._next_bank.copy()
        self._next_bank.learn(matrix_of(self._pending, len(self.features)), self.clock_ms)
        self._pending = []
        self.refits.tend(self._next_bank)

    def version_of(self, name: str) -> int:
        """Of a fitted model: the version that scores next, 0 before the first. Others have none: -1."""
        return next((model.version for model in self._next_bank.fitted if model.name == name), -1)

    def put_in_force(self, name: str, parts: State, version: int) -> None:
        """Score by another version of a fitted model from the next row on. Errors: KeyError or ValueError where there
        is no such model, or the parts are not its; nothing has changed then."""
        banks = self._bank.copy(), self._next_bank.copy()
        for bank in banks:
            model = next((model for model in bank.fitted if model.name == name), None)
            if model is None:
                raise ValueError(f"{name} is not at work")
            bank.adopt(model, parts, version)
            model.give_up()
        self._fitting.forget(f"{name}/{self._scope}")
        self._bank, self._next_bank = banks

    def forget_fits(self) -> None:
        """Of whoever gives the ensemble up: nothing that was asked for is waited for any more."""
        self.refits.forget(self._next_bank)

    def explain(self, rows: Sequence[Row], places: Sequence[int]) -> list[dict[str, float]]:
        split, shares = self._split, dict[int, list[float]]()
        for bank, later in ((self._bank, False), (self._next_bank, True)):
            asked = [index for index, place in enumerate(places) if (place >= split) == later]
            shares.update(zip(asked, shares_of(bank, [rows[index] for index in asked], self._deciding), strict=True))
        return [dict(zip(self.features, shares[index], strict=True)) for index in range(len(rows))]

    def instead(self, row: Row, at: int = 0) -> list[Swap]:
        return swaps_of(self._bank_at(at), row, self.features, self._names, self._deciding)

    def snapshot(self, key: bytes) -> bytes:
        header = Header(
            features=self.features,
            names=self._names,
            seed=self.seed,
            block_rows=self.block_rows,
            position=self._position,
            learned=self._learned,
        )
        pending = matrix_of(self._pending, len(self.features))
        return pack(Snapshot(header, pending, self._bank.state(), self._next_bank.state()), key)

    @classmethod
    def restore(
        cls,
        raw: bytes,
        key: bytes,
        features: Sequence[str],
        names: Sequence[str] | None = None,
        *,
        deciding: Collection[str] | None = None,
        fitting: Fitting | None = None,
        scope: str = "",
        watch: Watch | None = None,
    ) -> Self:
        """What `snapshot` was taken of: the same scores to the last bit, and it learns on as that one would. names:
        of the models from now on, None for the same ones; those that were not there begin fresh.

        Errors: `snapshot.SnapshotUnreadable`.
        """
        header, pending, bank, next_bank = unpack(raw, key)
        if header.features != tuple(features):
            raise SnapshotUnreadable("features", f"learnt from {', '.join(header.features)}")
        try:
            ensemble = cls(
                features,
                header.seed,
                header.names if names is None else names,
                block_rows=header.block_rows,
                deciding=deciding,
                fitting=fitting,
                scope=scope,
                watch=watch,
            )
            ensemble._resume(header, pending, bank, next_bank)
        except (LookupError, ValueError, TypeError, OverflowError) as error:
            raise SnapshotUnreadable("contents", str(error)[:TOLD_CHARS]) from error
        return ensemble

    def _resume(self, header: Header, pending: Matrix, bank: State, next_bank: State) -> None:
        if pending.shape[1:] != (len(self.features),):
            raise ValueError("pending rows of other features")
        if header.block_rows < 1 or header.position < 0 or len(pending) > header.block_rows:
            raise ValueError("a block of another size")
        self._bank.restore(bank, header.names)
        self._next_bank.restore(next_bank, header.names)
        self._pending = list(pending)
        self._position, self._learned = header.position, header.learned
        self.refits.resume(self._next_bank)
