"""What one partition learns from labels, in the users' shard: rows that wait, labels that came, the models of both.

Rows and labels are written by the step that they belong to. A snapshot of the models is a step of its own, in chunks
where it is large; one that cannot be read is set aside and counted, and the models are learnt anew from the rows.
"""

import logging
from collections import deque
from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from typing import Final, NamedTuple

import msgspec
import numpy as np

from agents.label_records import output_of, version_of
from agents.models import drift_output
from agents.services import Services
from agents.shard import Shard
from agents.versions import Versions, tell, write
from agents.waiting_labels import WaitingLabels
from core.clock import SECOND
from core.detect import LABEL_FEATURES
from core.events import event_key
from core.judged import Case, Scores
from core.records import Feedback
from core.state import UserState, mark
from models.fitting import Awaited
from models.kept import Chunk
from models.labelled import Fit, Heard, Labelled
from models.protocol import Matrix
from models.remembered import (
    Said,
    decode_said,
    encode_said,
    pack_chunk,
    put_back,
    resume,
    said_of,
    snapshot,
    unpack_chunk,
)
from models.snapshot import SnapshotUnreadable
from models.watch import Watch
from tables.chunks import Incomplete, joined

logger = logging.getLogger(__name__)

CHUNK_PREFIX: Final = b"k"
LABEL_PREFIX: Final = b"l"
SNAPSHOT_KEY: Final = b"t"
ASIDE_KEY: Final = b"x"
VERSIONS_KEY: Final = b"w"
# Fits that wait to be put on record: one of each model comes at a time.
FITS_MOST: Final = 16
# A step takes so many of those that are past the window away with it.
FORGOTTEN_PER_STEP: Final = 32
# Lessons, each of some hundred rows at most, after which a snapshot is taken.
SNAPSHOT_LESSONS: Final = 200
# What is known of a row, as `models.kept` numbers it.
KNOWN: Final = ("unknown", "legit", "fraud")
# Whatever was said counts, or is a repeat of what does.
WRITTEN: Final[frozenset[Heard]] = frozenset({"joined", "changed", "repeated"})


class Attending:
    """A `core.judged.Learner` for one step, which keeps nothing before the step has happened: one that is given up
    and taken again as two halves must not keep a row twice."""

    def __init__(self, learner: Labelled) -> None:
        self.explain = learner.explain
        self.trusted, self.authority = learner.trusted, learner.authority
        self.chunk: Chunk | None = None
        # Of the models that speak, (rows, models).
        self.names: tuple[str, ...] = ()
        self.table: Matrix | None = None
        self._learner = learner

    def score(self, rows: Sequence[Sequence[float]]) -> Sequence[Scores]:
        scores = self._learner.score(rows)
        self.names, self.table = self._learner.speaking, self._learner.scored
        return scores

    def keep(self, cases: Sequence[Case]) -> None:
        self.chunk = self._learner.chunk(cases)


class Told(NamedTuple):
    """What became of a label. delay_s: from its event, where it is the first to count for it."""

    heard: Heard
    delay_s: float | None


class PartitionLabels:
    """One partition's. Whoever calls holds the shard's lock. Nothing happens where all models are off."""

    def __init__(self, services: Services, shard: Shard) -> None:
        self._services = services
        self._shard = shard
        self.learner: Labelled | None = None
        self._chunks: deque[tuple[int, bytes]] = deque()
        self._labels: list[tuple[int, bytes]] = []
        self._gone: list[bytes] = []
        self._waiting = WaitingLabels()
        self._aside: bytes | None = None
        self._saved = (0, 0)
        # Labels that waited, have found their event, and are written by the step at hand.
        self._found = 0
        self._fits: deque[Fit] = deque(maxlen=FITS_MOST)
        self._versions = Versions(services, shard, VERSIONS_KEY, LABEL_FEATURES, services.model_seed)
        self._fresh()

    def _fresh(self) -> Labelled | None:
        services = self._services
        self._watch, self._told_turns = Watch(), 0
        if not services.labels.names:
            return None
        name = str(self._shard.partition)
        fitting = services.plan.fitting or Awaited()
        learner = Labelled(LABEL_FEATURES, services.labels, fitting, seed=services.model_seed, name=name)
        self.learner = learner
        return learner

    def restore(self) -> None:
        """After a takeover."""
        learner, store = self._fresh(), self._shard.store
        if learner is None:
            return
        self._restore_models(learner)
        waiting, gone_waiting = self._waiting.restore(store)
        self._gone += gone_waiting
        chunks = self._restore_chunks()
        here = {number for chunk in chunks for number in waiting.keys() & set(chunk.facts["key"].tolist())}
        # Before there are rows no clock is ahead of a label: what waited waits on, whatever came since.
        for number, feedback in waiting.items():
            if number not in here:
                learner.tell(feedback, None)
        for chunk in chunks:
            learner.add(chunk)
        said: dict[int, Said] = {}
        for key, raw in store.scan(LABEL_PREFIX):
            try:
                said[int.from_bytes(key[1:], "big")] = decode_said(raw)
            except msgspec.MsgspecError:
                self._gone.append(key)
        gone = set(put_back(learner, said))
        self._gone += [_label_key(key) for key in gone]
        self._labels = [(label.time_ms, _label_key(key)) for key, label in said.items() if key not in gone]
        heapify(self._labels)
        # Their event's step was the last one, or it was not written that they were found.
        found = [waiting[number] for number in waiting if number in here]
        learner.found.extend(feedback for feedback in found if learner.tell(feedback, None) in WRITTEN)
        self._gone += self._waiting.come(here)
        self._versions.restore(learner if learner.models else None)
        learner.swaps = max(learner.swaps, self._versions.newest)
        self._saved = (learner.lessons, learner.swaps)

    def _restore_chunks(self) -> list[Chunk]:
        chunks, unread = [], 0
        self._chunks.clear()
        for key, raw in self._shard.store.scan(CHUNK_PREFIX):
            try:
                chunk = unpack_chunk(raw, LABEL_FEATURES)
            except ValueError:
                unread += 1
                self._gone.append(key)
                continue
            self._chunks.append((int(chunk.facts["time_ms"].max()), key))
            chunks.append(chunk)
        if unread:
            logger.warning("partition %d forgets %d chunks of rows of other features", self._shard.partition, unread)
        return chunks

    def _restore_models(self, learner: Labelled) -> None:
        raw: bytes | None = None
        try:
            raw = joined(self._shard.store.get, SNAPSHOT_KEY)
            if raw is not None:
                resume(learner, raw, self._services.snapshot_key)
        except (SnapshotUnreadable, Incomplete) as error:
            reason = error.reason if isinstance(error, SnapshotUnreadable) else "truncated"
            logger.error("models of partition %d are learnt anew from its labels: %s", self._shard.partition, error)
            self._services.meter.snapshot_unreadable(reason)
            self._aside = raw

    def attending(self) -> Attending | None:
        """The learner for one step."""
        return Attending(self.learner) if self.learner is not None else None

    def write(self, attending: Attending | None, clock_ms: int, writes: dict[bytes, bytes | None]) -> bytes | None:
        """Put the step's rows into its writes, and take what is past the window out. Answers the rows' key."""
        learner = self.learner
        if learner is None:
            return None
        self._forget(max(clock_ms, learner.clock_ms) - learner.plan.window_ms, writes)
        self._found = len(learner.found)
        for feedback in learner.found:
            self._write_said(learner, feedback, writes)
        if attending is None or attending.chunk is None or not len(attending.chunk.rows):
            return None
        key = CHUNK_PREFIX + (self._shard.meta.sequence + 1).to_bytes(8, "big")
        writes[key] = pack_chunk(attending.chunk, LABEL_FEATURES)
        return key

    def _forget(self, before_ms: int, writes: dict[bytes, bytes | None]) -> None:
        """What a step takes that is given up then is forgotten after the next takeover."""
        room = FORGOTTEN_PER_STEP
        while room and self._gone:
            writes[self._gone.pop()] = None
            room -= 1
        while room and self._chunks and self._chunks[0][0] < before_ms:
            writes[self._chunks.popleft()[1]] = None
            room -= 1
        while room and self._labels and self._labels[0][0] < before_ms:
            writes[heappop(self._labels)[1]] = None
            room -= 1

    def happened(self, attending: Attending | None, key: bytes | None) -> None:
        """The step is durable: keep its rows, and learn what is due."""
        learner = self.learner
        if learner is None:
            return
        for _ in range(self._found):
            learner.found.popleft()
        self._found = 0
        if attending is not None and attending.chunk is not None and key is not None:
            chunk = attending.chunk
            self._chunks.append((int(chunk.facts["time_ms"].max()), key))
            learner.add(chunk)
            if self._waiting:
                self._gone += self._waiting.come(chunk.facts["key"].tolist())
        if attending is not None and attending.table is not None and attending.names:
            self._watch.scores(attending.names, attending.table)
        learner.turn()
        while learner.news:
            fitted = learner.news.popleft()
            rows = fitted.asked.rows
            self._services.meter.fitted(fitted.model, fitted.version, fitted.seconds, rows, fitted.error)
            if fitted.error:
                logger.warning(
                    "%s of partition %d stays as it was: %s", fitted.model, self._shard.partition, fitted.error
                )
            else:
                self._fits.append(fitted)
        self._look(learner)

    def _look(self, learner: Labelled) -> None:
        watch = self._watch
        while learner.missed:
            watch.fraud(learner.missed.popleft())
        if watch.turns != self._told_turns or not watch.turns:
            self._told_turns = watch.turns
            self._services.meter.watched(self._shard.partition, watch.told(learner.names, learner.speaking))

    def hear(self, feedback: Feedback, state: UserState | None, writes: dict[bytes, bytes | None]) -> Told | None:
        """Take in a label. It counts in memory at once: heard again, in a smaller step, it is a repeat."""
        learner = self.learner
        if learner is None:
            return None
        heard = learner.tell(feedback, state)
        if heard == "early":
            self._waiting.keep(feedback, writes)
        said = self._write_said(learner, feedback, writes) if heard in WRITTEN else None
        first = said is not None and heard == "joined"
        return Told(heard, (said.said_ms - said.time_ms) / SECOND if first and said is not None else None)

    def _write_said(self, learner: Labelled, feedback: Feedback, writes: dict[bytes, bytes | None]) -> Said | None:
        number = int.from_bytes(event_key(feedback.event_id), "big")
        said = said_of(learner, number, mark(feedback.user_id))
        if said is not None:
            key = _label_key(number)
            heappush(self._labels, (said.time_ms, key))
            writes[key] = encode_said(said)
        return said

    def tick(self) -> None:
        """Nothing may come for long while a forest is fitted."""
        learner = self.learner
        if learner is not None:
            self.happened(None, None)
            counts = np.bincount(learner.kept.column("label"), minlength=len(KNOWN))
            rows = dict(zip(KNOWN, counts.tolist(), strict=True))
            self._services.meter.taught(self._shard.partition, rows, learner.trust.all())

    async def keep(self) -> None:
        """Between two steps: put in force what people pinned, put on record what was grown, or take a snapshot where
        enough has been learnt; one of these at a time."""
        learner, pins = self.learner, self._services.pins()
        if learner is not None:
            lessons, swaps = self._saved
            if pins is not self._versions.pins:
                learner.pins = await self._versions.pin(pins, learner)
            elif self._fits:
                await self._record(self._fits.popleft())
            elif self._watch.news:
                await tell(
                    self._shard, drift_output(self._services, self._shard.partition, self._watch.news.popleft())
                )
            elif learner.lessons >= lessons + SNAPSHOT_LESSONS or learner.swaps > swaps:
                await self.save()

    async def save(self) -> None:
        """Take a snapshot, if there is anything to keep."""
        learner = self.learner
        if learner is None or not learner.models:
            return
        while self._fits:
            await self._record(self._fits.popleft())
        self._saved = (learner.lessons, learner.swaps)
        if self._aside is not None:
            await write(self._shard, ASIDE_KEY, self._aside)
            self._aside = None
        taken = snapshot(learner, self._services.snapshot_key)
        await write(
            self._shard, SNAPSHOT_KEY, taken, [output_of(self._services, self._shard.partition, learner, taken)]
        )

    async def _record(self, fitted: Fit) -> None:
        await self._versions.record(version_of(self._services, self._shard.partition, fitted), fitted.parts)

    def close(self) -> None:
        """The partition is given up."""
        if self.learner is not None:
            self.learner.close()
            self._services.meter.taught(self._shard.partition, {}, {})
            self._services.meter.watched(self._shard.partition, None)


def _label_key(key: int) -> bytes:
    return LABEL_PREFIX + key.to_bytes(8, "big")
