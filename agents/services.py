"""What the agents are handed: names, rules, tunables, lookups. Nothing here is read from the environment."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from core.events import Locate
from core.policy import Policy
from core.reputation import Reputation
from core.rules.book import RuleBook
from core.rules.custom import CustomRules


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
    reputation: str
    rules: str
    rejected: str
    audit_notes: str
    users_changelog: str
    sources_changelog: str


class Meter(Protocol):
    """Where agents report. Calls are cheap and never raise."""

    def batch(self, topic: str, partition: int, records: int, seconds: float, oldest_ms: float) -> None:
        """One step done. oldest_ms: how old its oldest record was when it was done, by the broker's timestamp."""

    def ingest(self, types: Mapping[str, int], size: int) -> None: ...
    def rejected(self, topic: str, error: str) -> None: ...
    def count(self, name: str, value: int) -> None: ...
    def watermark(self, partition: int, clock_ms: int) -> None: ...
    def rule_hits(self, hits: Mapping[str, int]) -> None: ...
    def rule_errors(self, rule_id: str, total: int) -> None:
        """total: failures of a user-defined rule since its set came in."""

    def rules(self, origin: str, loaded: int, accepted: bool) -> None: ...
    def decisions(self, verdicts: Mapping[str, int]) -> None: ...
    def alert(self, rule_id: str, severity: str, latency_s: float, alert_id: str) -> None: ...
    def suppressed(self, count: int) -> None: ...
    def lock(self, state: str, by: str) -> None: ...
    def scores(self, scores: Sequence[Mapping[str, float]], tail: float) -> None:
        """Each event's calibrated scores by model. tail: the score from which they count as anomalies."""

    def learned(self, models: tuple[str, ...], count: int) -> None: ...
    def feedback(self, label: str) -> None: ...
    def command(self, type_: str, status: str) -> None: ...
    def otp(self, outcome: str) -> None: ...
    def stage(self, stage: str, seconds: float) -> None: ...
    def recovering(self, table: str, partition: int, remaining: int) -> None: ...
    def recovered(self, table: str, partition: int, seconds: float) -> None: ...
    def changelog(self, table: str, records: int, size: int) -> None: ...
    def assigned(self, partitions: int) -> None: ...
    def snapshot(self, partition: int, size: int) -> None: ...
    def cases(self, partition: int, opened: Mapping[str, int], oldest_s: Mapping[str, float]) -> None:
        """A partition's cases that aren't resolved, and the age of its oldest unacknowledged one, by severity."""

    def case_acknowledged(self, severity: str, seconds: float) -> None: ...
    def case_resolved(self, severity: str, seconds: float) -> None: ...
    def case_breach(self, kind: str, severity: str) -> None: ...


class Services(Struct, kw_only=True):
    """Everything that deciding needs besides the records and the state.

    partitions: of every topic keyed by user or source. custom, reputation: as they stand at this moment; other tasks
    swap and fill them. now_ms: the wall clock, for what is from the future and for `detected_at`. snapshot_key:
    signs model snapshots. dormant_ms: of silence, after which a user is forgotten.
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
