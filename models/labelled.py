"""What one partition learns from labels: kept rows, the word on each, and the models that come of it.

An event that nobody has disputed when the label delay has passed, and that was not tainted, counts as legitimate; a
tainted one (it alerted, its user was held up, it came from a bad source) never does without a label, so that who is
patient teaches nothing. Of those that count an eighth, chosen by hash, is never learnt: scores are calibrated by it.
Of those that a model ranked with the frauds it knew, only a few of each user count either.
Models say nothing before `WARM_FRAUDS` frauds are known. How much one counts beside the others is what it earned:
see `models.trust`.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from core.belief import doubt
from core.clock import DAY, HOUR, to_ms
from core.events import event_key
from core.judged import Case, Scores
from core.records import Feedback
from core.state import UserState, mark
from models.calibration import RECENT_ROWS, OddsCalibration
from models.fitting import Fitting, Job
from models.forest_fits import Asked, Fit, is_due, request
from models.kept import FRAUD, LEGIT, UNKNOWN, Chunk, Index, KeptRows, chunk_of, to_bytes
from models.learnt import GROWN, ONLINE, Grown, Online
from models.lessons import lessons
from models.protocol import Matrix, State
from models.rows import matrix_of
from models.trust import TAIL, Trust
from models.words import AS_FRAUD, AS_LEGIT, HELD_OUT, NOT_LEARNT, Heard, held_out, join, undisputed

__all__ = ["Fit", "Heard", "Labelled", "Mode", "Plan"]

Mode = Literal["decide", "shadow", "off"]

WARM_FRAUDS: Final = 30
# Held-out rows that calibration needs.
HELD_LEAST: Final = 100
# How often what was not disputed is looked for, and how much is learnt at once.
MATURE_EVERY_MS: Final = 2 * HOUR
LEARNT_AT_ONCE: Final = 256
EPOCHS: Final = 3
# With so many frauds kept, models have half of the authority that their trust gives; so much trust gives all of it.
AUTHORITY_FRAUDS: Final = 100
FULL_TRUST: Final = 0.5
# Labels that wait for their event: of two topics that are read side by side, either may be ahead.
EARLY_MOST: Final = 10_000
NEWS_MOST: Final = 64


class Plan(Struct, frozen=True, kw_only=True):
    """modes: by model's name; one that is not named is off. rows_most: kept in one partition, for window_ms.
    delay_ms: of event time, after which an event that nobody disputed counts as legitimate."""

    modes: Mapping[str, Mode]
    rows_most: int = 200_000
    window_ms: int = 30 * DAY
    delay_ms: int = 7 * DAY

    @property
    def names(self) -> tuple[str, ...]:
        """The models that are not off, in a fixed order."""
        return tuple(name for name in (*ONLINE, *GROWN) if self.modes.get(name, "off") != "off")


class Labelled:
    """A `core.judged.Learner`. Deterministic by seed where `fitting` is awaited."""

    def __init__(
        self, features: Sequence[str], plan: Plan, fitting: Fitting, *, seed: int = 0, name: str = ""
    ) -> None:
        """name: of the partition, by which its fits are known."""
        self.features = tuple(features)
        self.plan = plan
        self.names = plan.names
        self.kept = KeptRows(len(self.features), plan.rows_most)
        self.trust = Trust(self.names)
        self.clock_ms = 0
        self.scored: Matrix = np.zeros((0, len(self.names)))
        # Frauds ever known here, and fits that took the place of the last.
        self.frauds = self.swaps = 0
        self._seed = seed
        self._name = name
        self._fitting = fitting
        self.models: dict[str, Online | Grown] = {}
        self.calibrations: dict[str, OddsCalibration] = {}
        self.epochs_left = EPOCHS
        self.lessons = 0
        self.fitted_frauds: dict[str, int] = {}
        self.matured_ms = 0
        self._told = False
        self._asked: dict[str, Asked] = {}
        # Of forests that are in force, and those that people want to stay: they are not grown anew.
        self.versions: dict[str, int] = {}
        self.pins: Mapping[str, int] = {}
        # Fits that are over, for whoever counts them.
        self.news: deque[Fit] = deque(maxlen=NEWS_MOST)
        self._early: dict[int, Feedback] = {}
        # Frauds that became known, by model whether it had missed them, for whoever watches.
        self.missed: deque[Mapping[str, bool]] = deque(maxlen=NEWS_MOST)
        # Labels that waited and have found their event since, for whoever keeps them.
        self.found: deque[Feedback] = deque(maxlen=EARLY_MOST)

    @property
    def speaking(self) -> tuple[str, ...]:
        """The models that have seen enough."""
        return tuple(name for name in self.names if name in self.calibrations)

    def score(self, rows: Sequence[Sequence[float]]) -> Sequence[Scores]:
        """Of each row, model to 0..1. Empty while none has seen enough."""
        names = self.speaking
        if not names:
            self.scored = np.zeros((len(rows), 0))
            return []
        self.scored = self._shares(to_bytes(matrix_of(rows, len(self.features))), names)
        return [dict(zip(names, one, strict=True)) for one in self.scored.tolist()]

    def _shares(self, rows: npt.NDArray[np.uint8], names: Sequence[str]) -> Matrix:
        return np.stack([self.calibrations[name].shares(self.models[name].score_rows(rows)) for name in names], 1)

    def chunk(self, cases: Sequence[Case]) -> Chunk:
        """What would be kept of cases that `score` was asked about last; it changes nothing."""
        chunk = chunk_of(cases, len(self.features))
        places = [case.at for case in cases if case.fraud_row is not None]
        if len(self.scored) and self.scored.shape[1]:
            chunk.facts["raised"][:] = self.trust.bits(self.speaking, self.scored[places])
            chunk.facts["scored"][:] = self.trust.bits(self.speaking, np.ones((len(places), self.scored.shape[1])))
        return self.kept.wanted(chunk)

    def keep(self, cases: Sequence[Case]) -> None:
        self.add(self.chunk(cases))

    def add(self, chunk: Chunk) -> None:
        """Keep a chunk, and come as far with the clock as its newest row."""
        if len(chunk.rows):
            self.clock_ms = max(self.clock_ms, int(chunk.facts["time_ms"].max()))
            self.kept.add(chunk)
            if self._early:
                for key in self._early.keys() & set(chunk.facts["key"].tolist()):
                    feedback = self._early.pop(key)
                    if self.tell(feedback, None) in ("joined", "changed"):
                        self.found.append(feedback)

    def tell(self, feedback: Feedback, state: UserState | None) -> Heard:
        """Take in a label. A repeat changes nothing; of two that contradict each other the later stands. state: the
        user's as it is now.

        `gone`: there is no row of such an event of this user, since it was not kept or is past the window. `early`:
        nor can there be, events have not come as far as the label; it waits. `locked`, `taken_over`, `attacker`: not
        believed, see `core.belief`.
        """
        kept = self.kept
        place = kept.find(int.from_bytes(event_key(feedback.event_id), "big"), mark(feedback.user_id))
        time_ms = feedback.time if isinstance(feedback.time, int) else to_ms(feedback.time)
        if place is None:
            return self._wait(feedback, time_ms, state)
        heard = join(kept, place, feedback, time_ms, state)
        if heard in ("joined", "changed"):
            self._told = True
            if feedback.label == "fraud":
                self.frauds += 1
                scored, raised = int(kept.column("scored")[place]), int(kept.column("raised")[place])
                self.trust.fraud(scored, raised)
                self.missed.append(self.trust.missed(scored, raised))
        return heard

    def _wait(self, feedback: Feedback, time_ms: int, state: UserState | None) -> Heard:
        if time_ms <= self.clock_ms:
            return "gone"
        # When the event has come the account may be free again; where the event came from is asked then.
        why = doubt(feedback, state, 0, 0, ())
        if why is not None:
            return why
        self._early[int.from_bytes(event_key(feedback.event_id), "big")] = feedback
        if len(self._early) > EARLY_MOST:
            del self._early[next(iter(self._early))]
        return "early"

    def turn(self, most: int = LEARNT_AT_ONCE) -> None:
        """Learn what is due, at most so many rows, and swap in what was fitted. Call it after each batch."""
        moved = self.clock_ms - self.matured_ms >= MATURE_EVERY_MS
        if moved or self._told:
            if moved:
                self.matured_ms = self.clock_ms
                self.kept.expire(self.clock_ms - self.plan.window_ms)
            self._learn(most)
        self._swap()

    def _learn(self, most: int) -> None:
        kept = self.kept
        label, learnt = kept.column("label"), kept.column("learnt")
        silent = undisputed(kept, self.clock_ms - self.plan.delay_ms)
        held = silent & held_out(kept)
        places = np.flatnonzero(held)
        learnt[places] = HELD_OUT
        self._measure(places)
        known = self._known()
        if known < WARM_FRAUDS:
            self._trust_silence(silent)
            learnt[silent & ~held] = AS_LEGIT
            self._told = False
            return
        frauds = (label == FRAUD) & (learnt != AS_FRAUD)
        due = np.flatnonzero(frauds | ((label == LEGIT) & (learnt == NOT_LEARNT)) | (silent & ~held))
        # Forests need not wait until online models have come so far.
        counted = np.flatnonzero((label != UNKNOWN) | (learnt == AS_LEGIT) | (silent & ~held))
        if self.epochs_left:
            due = counted
            self.epochs_left -= 1
        else:
            due = due[:most]
        waiting = silent & ~held
        waiting[due] = False
        self._trust_silence(silent & ~waiting)
        self._teach(due)
        learnt[due] = np.where(label[due] == FRAUD, AS_FRAUD, AS_LEGIT)
        self._told = bool(self.epochs_left) or len(due) == most
        self._refit(known, counted)

    def _trust_silence(self, which: npt.NDArray[np.bool_]) -> None:
        """Of rows that nobody has disputed, each once: those that are learnt or held out now."""
        self.trust.silence(self.kept.column("scored")[which], self.kept.column("raised")[which])

    def _teach(self, places: Index) -> None:
        self.lessons += 1
        lesson = lessons(self.kept, places, self._seed + self.lessons)
        if not len(lesson.frauds):
            return
        for name in self.names:
            if name in ONLINE:
                model = self.models.get(name)
                if model is None:
                    model = self.models[name] = ONLINE[name](self.features, self._seed)
                if not isinstance(model, Grown):
                    model.learn_rows(lesson.rows, lesson.frauds, lesson.weights)
                if name == "logistic_regression" or name not in self.calibrations:
                    self._calibrate(name)

    def _held(self) -> Index:
        kept = self.kept
        held = np.flatnonzero((kept.column("learnt") == HELD_OUT) & (kept.column("label") == UNKNOWN))
        return held[-RECENT_ROWS:]

    def _calibrate(self, name: str) -> None:
        """Measure a model that has changed by what it says of the rows held out."""
        held = self._held()
        if len(held) >= HELD_LEAST:
            self.calibrations[name] = OddsCalibration(self.models[name].score_rows(self.kept.rows[held]))

    def _measure(self, places: Index) -> None:
        """Newly held-out rows, for the models that speak."""
        if len(places):
            rows = self.kept.rows[places]
            for name, calibration in self.calibrations.items():
                calibration.observe(self.models[name].score_rows(rows))

    def _known(self) -> int:
        """Frauds that are kept."""
        return int(np.count_nonzero(self.kept.column("label") == FRAUD))

    def _refit(self, known: int, counted: Index) -> None:
        """Have forests grown anew where enough frauds have come to be known. known: of them, how many are kept;
        counted: rows that are fraud or legitimate by now."""
        for name in self.names:
            if name in GROWN and name not in self.pins:
                fitted = self.fitted_frauds.get(name)
                if fitted is None or is_due(self.frauds - fitted, min(fitted, known)):
                    self._submit(name, counted)

    def _submit(self, name: str, counted: Index) -> None:
        held = self._held()
        if len(held) < HELD_LEAST:
            return
        asked = request(self.kept, counted, held, self.frauds, self._seed)
        if asked is None:
            return
        self.fitted_frauds[name] = self.frauds
        self._asked[name], arrays = asked
        self._fitting.submit(Job(f"{name}/{self._name}", name, seed=self._seed, version=self.swaps + 1), arrays)

    def _swap(self) -> None:
        for name in self.fitted_frauds:
            told = self._fitting.poll(f"{name}/{self._name}")
            if told is None:
                continue
            outcome, arrays = told
            version, asked = outcome.job.version, self._asked.pop(name, Asked())
            self.news.append(Fit(name, version, outcome.seconds, asked, outcome.error, arrays))
            if not outcome.error:
                self._adopt(name, arrays, version)
                self.swaps += 1

    def _adopt(self, name: str, parts: State, version: int) -> None:
        forest = Grown(parts, len(self.features), shares=GROWN[name])
        self.calibrations[name] = OddsCalibration(np.asarray(parts["said"], np.float64))
        self.models[name], self.versions[name] = forest, version

    def version_of(self, name: str) -> int:
        """Of a forest: the version in force, 0 before the first. Others have none: -1."""
        return self.versions.get(name, 0) if name in GROWN and name in self.names else -1

    def put_in_force(self, name: str, parts: State, version: int) -> None:
        """Score by another version of a forest from now on. Errors: KeyError or ValueError where there is no such
        model, or the parts are not its; nothing has changed then."""
        if self.version_of(name) < 0:
            raise ValueError(f"{name} is not at work")
        if parts["said"].ndim != 1 or not len(parts["said"]):
            raise ValueError("no rows were held out")
        self._adopt(name, parts, version)
        self._fitting.forget(f"{name}/{self._name}")

    def explain(self, rows: Sequence[Sequence[float]]) -> list[Scores]:
        """Of each row, feature to its share in what the models that earned trust hold against it; together 1. By how
        far the score falls where one feature is as in the usual held-out row. Empty where nothing is held against."""
        told: list[Scores] = [{} for _ in rows]
        names, held = self.speaking, self._held()
        if not rows or not names or not len(held):
            return told
        given = to_bytes(matrix_of(rows, len(self.features)))
        strange = np.flatnonzero((self._shares(given, names) > TAIL).any(axis=1))
        if not len(strange):
            return told
        width = len(self.features)
        usual = np.median(self.kept.rows[held], axis=0).astype(np.uint8)
        swapped = np.repeat(given[strange][:, None, :], width + 1, axis=1)
        each = np.arange(width)
        swapped[:, each + 1, each] = usual
        falls: Matrix = np.zeros((len(strange), width))
        for name in names:
            scores = self.models[name].score_rows(swapped.reshape(-1, width)).reshape(len(strange), width + 1)
            falls += max(self.trust.of(name), 0.01) * np.maximum(scores[:, :1] - scores[:, 1:], 0.0)
        for index, fall in zip(strange.tolist(), falls, strict=True):
            total = float(fall.sum())
            if total > 0:
                told[index] = dict(zip(self.features, (fall / total).tolist(), strict=True))
        return told

    def trusted(self) -> Mapping[str, float]:
        """By model: 0 of one that shadows."""
        return {name: self.trust.of(name) if self.plan.modes[name] == "decide" else 0.0 for name in self.names}

    def authority(self) -> float:
        """0..1: the best trust of a model that decides, less with few frauds to learn from."""
        earned = self.trusted()
        most = max((earned[name] for name in self.speaking), default=0.0)
        if not most:
            return 0.0
        known = self._known()
        return min(1.0, most / FULL_TRUST) * known / (known + AUTHORITY_FRAUDS)

    def close(self) -> None:
        """Forget fits that nobody will ask for."""
        for name in self.fitted_frauds:
            self._fitting.forget(f"{name}/{self._name}")
