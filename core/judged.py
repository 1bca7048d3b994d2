"""What detection is handed, what it keeps of an event on its way, and what it hands back."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, Protocol

from msgspec import Struct, field

from core.events import Action
from core.records import Alert, Decision, Lock
from core.rules.entry import Answer, Hit, Rule, Thresholds
from core.seen import Seen
from core.signal import Out
from core.state import UserState

Mode = Literal["live", "shadow", "off"]
Scores = dict[str, float]
# A hit, its rule, and the flags of its group.
Found = tuple[Rule, Hit, int]
NO_SCORES: Final[Scores] = {}


class Swap(Struct, frozen=True):
    """What models would say of an event with one feature as usual. given, usual: as in a row; scores: calibrated."""

    feature: str
    given: float
    usual: float
    scores: Scores


class Scorer(Protocol):
    """The models, as far as detection needs them. Scores are calibrated: 0..1, the share of past ones below."""

    def score(self, rows: Sequence[Sequence[float]]) -> list[Scores]: ...
    def learn(self, rows: Sequence[Sequence[float]], mask: Sequence[bool]) -> None: ...
    def explain(self, rows: Sequence[Sequence[float]], places: Sequence[int]) -> Sequence[Scores]:
        """Of each row, feature to its share in what is held against it. places: of the rows in the last batch."""

    def instead(self, row: Sequence[float], at: int = 0) -> Sequence[Swap]:
        """Each feature in turn, those that weigh most first."""


class Learner(Protocol):
    """The models that learn from labels. Scores are calibrated as a `Scorer`'s are, by events that nobody disputed; a
    model that has seen too few frauds says nothing. Rows: see `core.fraud_features`."""

    def score(self, rows: Sequence[Sequence[float]]) -> Sequence[Scores]: ...
    def keep(self, cases: Sequence["Case"]) -> None:
        """Take note of settled cases, until their labels come."""

    def explain(self, rows: Sequence[Sequence[float]]) -> Sequence[Scores]:
        """Of each row, feature to its share in what is held against it; empty where nothing is."""

    def trusted(self) -> Mapping[str, float]:
        """Model to 0..1, how much of its weight it has earned."""

    def authority(self) -> float:
        """0..1, how far fixed weights of what they see as well yield to them (`core.risk.Fusion`)."""


class Check(Protocol):
    """A rule with its thresholds. See `core.rules.entry` for what `check` is called with."""

    @property
    def rule(self) -> Rule: ...
    @property
    def t(self) -> Thresholds: ...
    @property
    def check(self) -> Callable[..., Answer]: ...
    @property
    def mode(self) -> Mode: ...


class Book(Protocol):
    """The rules that an event of a type wakes, in the order in which they are asked."""

    def user_rules(self, type_: str) -> Sequence[Check]: ...
    def reputation_rules(self, type_: str) -> Sequence[Check]: ...
    def model_rules(self, type_: str) -> Sequence[Check]: ...
    def risk_rules(self, type_: str) -> Sequence[Check]: ...


class OwnRule(Protocol):
    """A rule that a user of Argus defined."""

    @property
    def rule(self) -> Rule: ...
    @property
    def mode(self) -> Mode: ...


class OwnRules(Protocol):
    """A set of them, see `core.rules.custom`."""

    def check(self, action: Action, state: UserState, seen: Seen, out: Out) -> Sequence[tuple[OwnRule, Hit]]: ...


class Judged(Struct):
    """What came out of a batch.

    decisions: one for each distinct event. signals: by source key. due: (until_ms, user_id) of each lock that will
    run out. failed: events whose observation or rules raised, with the exception's text; they have a decision from
    what was known. duplicates, late, learned: events. suppressed: hits that raised an alert's count and weren't sent.
    hits: by rule id.
    """

    decisions: list[Decision] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    locks: list[Lock] = field(default_factory=list)
    signals: Out = field(default_factory=dict)
    due: list[tuple[int, str]] = field(default_factory=list)
    failed: list[tuple[Action, str]] = field(default_factory=list)
    hits: dict[str, int] = field(default_factory=dict)
    duplicates: int = 0
    late: int = 0
    learned: int = 0
    suppressed: int = 0


class Case(Struct, gc=False):
    """An event on its way. clock_ms: the user's, with this event in it; seen: None if it was not observed; row,
    fraud_row: see `core.features`, `core.detect.LABEL_FEATURES`; at: the place of both among the batch's; clear: 1
    less the risk that the user's last hours and the event's circumstances bring along (`core.suspicion`); tainted:
    not to be taken for the user's own; robbed: suspect for nothing but the frauds at its merchant: not to be learnt
    as usual either, while its label, or that none came, says as much as any other's."""

    action: Action
    state: UserState
    clock_ms: int
    seen: Seen | None = None
    hits: list[Found] | None = None
    row: list[float] | None = None
    fraud_row: list[float] | None = None
    at: int = 0
    clear: float = 1.0
    contributions: Scores | None = None
    tainted: bool = False
    robbed: bool = False
