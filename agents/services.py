"""What the agents are handed: names, rules, tunables, lookups. Nothing here is read from the environment."""

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Protocol

from msgspec import Struct

from core.events import Locate
from core.policy import Policy
from core.records import Alert
from core.reputation import Reputation
from core.rules.book import RuleBook
from core.rules.custom import CustomRules
from models.labelled import Heard, Plan
from models.plan import ModelPlan
from models.protocol import Matrix
from models.watch import Watched

NO_PINS: Final[Mapping[str, int]] = MappingProxyType({})


class TopicNames(Struct, frozen=True, kw_only=True):
    """Full names of the topics that agents read and write."""

    events: str
    feedback: str
    commands: str
    signals: str
    decisions: str
    alerts: str
    locks: str
    outcomes: str
    deliveries: str
    notices: str
    reputation: str
    rules: str
    rejected: str
    audit_notes: str
    models: str
    users_changelog: str
    sources_changelog: str


class Meter(Protocol):
    """Where agents report. Calls are cheap and never raise."""

    def outcomes(self, topic: str, outcome: str, count: int) -> None:
        """Records of a batch that were `duplicate`, `forwarded` or `rejected`; all others are ok."""

    def failed(self, topic: str, errors: Sequence[str]) -> None:
        """Records of a batch that could not be worked on whole, each with its exception as `repr` has it."""

    def ingest(self, types: Mapping[str, int], size: int) -> None: ...
    def rejected(self, topic: str, error: str) -> None: ...
    def count(self, name: str, value: int) -> None: ...
    def watermark(self, partition: int, clock_ms: int) -> None: ...
    def rule_hits(self, hits: Mapping[str, int]) -> None: ...
    def rule_errors(self, rule_id: str, total: int) -> None:
        """total: failures of a user-defined rule since its set came in."""

    def rules(self, origin: str, ids: Collection[str], accepted: bool) -> None:
        """Rules came in. ids: of those in force now."""

    def decisions(self, verdicts: Mapping[str, int]) -> None: ...
    def latencies(self, latencies_ms: Sequence[int]) -> None:
        """Of each decided event, since the broker had it."""

    def skews(self, skews_ms: Sequence[int]) -> None:
        """Of each event, since it had happened, when it was read."""

    def alert(self, rule_id: str, severity: str, latency_s: float, alert_id: str) -> None: ...
    def suppressed(self, reason: str, count: int) -> None: ...
    def lock(self, state: str, by: str, latency_s: float | None) -> None:
        """latency_s: since the broker had the record that led to it; None where a clock did."""

    def judging(self, rules_s: float, models_s: float) -> None:
        """What judging a batch took."""

    def scores(self, models: Sequence[str], table: Matrix, tail: float) -> None:
        """Calibrated scores, (events, models). tail: the score from which they count as anomalies."""

    def learned(self, models: tuple[str, ...], count: int, swaps: int) -> None:
        """swaps: how often newly fitted models have taken the place of the last."""

    def feedback(self, label: str) -> None: ...
    def labels(self, heard: Mapping[Heard, int], delays_s: Sequence[float]) -> None:
        """What became of labels, see `models.labelled.Labelled.tell`. delays_s: of those that count, from events."""

    def taught(self, partition: int, rows: Mapping[str, int], trust: Mapping[str, float]) -> None:
        """What a partition keeps for its labels, by what is known of it, and what each model has earned. Nothing of
        both: the partition is given up."""

    def watched(self, partition: int, models: Watched | None) -> None:
        """How a partition's models stand, those that learn what is usual or those that learn from labels; None: the
        partition is given up."""

    def command(self, type_: str, status: str) -> None: ...
    def otp(self, outcome: str) -> None: ...
    def stage(self, stage: str, seconds: float) -> None: ...
    def recovering(self, table: str, partition: int, remaining: int) -> None: ...
    def recovered(self, table: str, partition: int, seconds: float) -> None: ...
    def changelog(self, table: str, records: int, size: int) -> None: ...
    def snapshot(self, partition: int, size: int) -> None: ...
    def snapshot_unreadable(self, reason: str) -> None:
        """A partition's models start fresh. reason: of `models.snapshot.SnapshotUnreadable`."""

    def fitted(self, model: str, version: int, seconds: float, rows: int, error: str) -> None:
        """A fit is over. rows: of the sample; error: "" where it is in force now."""

    def cases(self, partition: int, opened: Mapping[str, int], oldest_s: Mapping[str, float]) -> None:
        """A partition's cases that aren't resolved, and the age of its oldest unacknowledged one, by severity."""

    def case_acknowledged(self, severity: str, seconds: float) -> None: ...
    def case_resolved(self, severity: str, seconds: float) -> None: ...
    def case_breach(self, kind: str, severity: str) -> None: ...


def report_alerts(meter: Meter, alerts: Sequence[Alert], grouped: int, age_ms: Callable[[Alert], int]) -> None:
    """Count what a step has told. grouped: hits that went into an alert which stands; age_ms: since the broker had
    what an alert is about. Alerts of rules in shadow count as suppressed: nobody is told."""
    live = [alert for alert in alerts if alert.mode == "live"]
    for alert in live:
        meter.alert(alert.rule_id, alert.severity, age_ms(alert) / 1_000, alert.alert_id)
    meter.suppressed("grouped", grouped)
    meter.suppressed("shadow", len(alerts) - len(live))


class Services(Struct, kw_only=True):
    """Everything that deciding needs besides the records and the state.

    partitions: of every topic keyed by user or source. custom, reputation: as they stand at this moment; other tasks
    swap and fill them. now_ms: the wall clock, for what is from the future and for `detected_at`. snapshot_key:
    signs model snapshots. dormant_ms: of silence, after which a user is forgotten. signals_every_s: the least time
    between two times that a partition tells the sources what its users did. labels: the models that learn from them;
    plan: the unsupervised ones; pins: of their versions, by name, the same object until they change.
    """

    topics: TopicNames
    partitions: int
    book: RuleBook
    policy: Policy
    custom: Callable[[], CustomRules]
    reputation: Mapping[str, Reputation]
    locate: Locate
    now_ms: Callable[[], int]
    monotonic: Callable[[], float]
    meter: Meter
    snapshot_key: bytes
    model_seed: int
    cached_users: int
    snapshot_every: int
    dormant_ms: int
    signals_every_s: float
    labels: Plan = Plan(modes={})
    plan: ModelPlan = ModelPlan()
    pins: Callable[[], Mapping[str, int]] = lambda: NO_PINS
