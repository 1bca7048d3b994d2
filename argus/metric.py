"""What a declared metric is made of: the label sets, the bounds of histograms, and one row of the table.

Labels come from closed sets; none ever holds a user, an address, a session or an alert. A value outside its set
becomes `other` and counts in `argus_metric_series_rejected_total`. Sets that depend on the configuration (rules,
partitions, channels) are given to `argus.measure.Metrics` when it is made.
"""

from collections.abc import Mapping
from typing import Final, Literal, get_args

from msgspec import Struct

from core.commands import COMMAND_TYPES
from core.events import ERRORS
from core.feature_groups import FEATURE_GROUPS
from core.records import EVENT_TYPES, Breach
from models.modes import MODES

Kind = Literal["counter", "gauge", "histogram", "info"]
Process = Literal["worker", "sink", "notify", "serve"]
PROCESSES: Final[tuple[Process, ...]] = get_args(Process)
UNITS: Final = ("seconds", "bytes", "records", "partitions")

# Bounds equal the objectives that alerts are written for (10 s) and what is asked of the stream (25 and 100 ms).
LATENCY_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3_600.0)
WORK_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
# The deadlines of cases by default: 15 minutes to a day for the acknowledgement, four times that for the resolution.
CASE_S: Final = (60.0, 300.0, 900.0, 1_800.0, 3_600.0, 14_400.0, 28_800.0, 57_600.0, 86_400.0, 345_600.0)
FIT_S: Final = (0.1, 0.5, 1.0, 2.5, 10.0, 60.0, 300.0, 600.0)
SKEW_S: Final = (0.1, 1.0, 5.0, 30.0, 60.0, 300.0, 3_600.0, 21_600.0, 86_400.0)
COUNTS: Final = (1.0, 3.0, 10.0, 30.0, 100.0, 200.0, 500.0, 1_000.0, 5_000.0)
SCORES: Final = (0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1.0)

# Those that learn from labels.
LABEL_MODELS: Final = ("logistic_regression", "adaptive_random_forest", "random_forest", "gradient_boosting")
MODELS: Final = (*MODES, *LABEL_MODELS)
FITTED: Final = ("isolation_forest", "local_outlier_factor", "autoencoder", "random_forest", "gradient_boosting")
KNOWN: Final = ("unknown", "legit", "fraud")
DELAY_S: Final = (60.0, 3_600.0, 21_600.0, 86_400.0, 259_200.0, 604_800.0, 1_209_600.0, 2_592_000.0)
LABELS: Final[Mapping[str, tuple[str, ...]]] = {
    "action": ("lock", "challenge", "unlock"),
    "agent": (
        "detect",
        "sources",
        "learn",
        "respond",
        "cases",
        "audit",
        "reputation",
        "rules",
        "sink",
        "notify",
        "notices",
    ),
    "answered": ("1xx", "2xx", "3xx", "4xx", "5xx"),
    "breach": get_args(Breach),
    "by": ("rule", "admin", "otp", "expiry"),
    "challenge": ("sent", "limited", "passed", "wrong", "void", "expired", "none", "refused"),
    "class": (
        "BadRule",
        "TimeoutError",
        "ConnectionError",
        "KafkaError",
        "ValueError",
        "TypeError",
        "KeyError",
        "OSError",
        "MemoryError",
        "RuntimeError",
        "AttributeError",
        "IndexError",
        "ArithmeticError",
        "ZeroDivisionError",
        "OverflowError",
        "AssertionError",
        "RecursionError",
        "UnicodeDecodeError",
    ),
    "command": COMMAND_TYPES,
    "decision": ("approve", "challenge", "block"),
    "feature_group": tuple(FEATURE_GROUPS),
    "forgotten": (
        "alerts",
        "decisions",
        "cases",
        "lock_history",
        "outcomes",
        "feedback",
        "audit",
        "users",
    ),
    "heard": ("joined", "changed", "repeated", "older", "gone", "early", "locked", "taken_over", "attacker"),
    "known": KNOWN,
    "label": ("fraud", "legit"),
    "measure": ("average_precision", "precision", "recall", "auc"),
    "fitted": FITTED,
    "fit": ("done", "raised", "died", "too_long"),
    "mode": ("decide", "shadow"),
    "learner": LABEL_MODELS,
    "model": MODELS,
    "notice": ("sent", "retried", "dead", "digested", "expired"),
    "operation": ("get", "put", "delete"),
    "origin": ("builtin", "custom"),
    "outcome": ("ok", "duplicate", "rejected", "forwarded", "error"),
    "push": ("ok", "failed"),
    "ranking": (*MODELS, "risk"),
    "reason": ERRORS,
    "reload": ("ok", "refused"),
    "sink": ("stored", "skipped", "rejected"),
    "sunk": ("locks", "alerts", "cases", "outcomes", "rules", "feedback", "decisions", "audit"),
    "rule_measure": ("average_precision", "precision", "recall"),
    "severity": ("low", "medium", "high", "critical"),
    "stage": ("decode", "load", "decide", "changelog", "store", "send", "learn"),
    "state": ("locked", "challenged"),
    "status": ("done", "refused"),
    "suppressed": ("grouped", "shadow"),
    "table": ("users", "sources", "cases", "audit", "notices"),
    "topic": (
        "events",
        "feedback",
        "commands",
        "alerts",
        "locks",
        "decisions",
        "rules",
        "outcomes",
        "cases",
        "audit",
        "rejected",
        "signals",
        "models",
        "deliveries",
        "notices",
        "undelivered",
        "reputation",
        "users-changelog",
        "sources-changelog",
        "cases-changelog",
        "notices-changelog",
        "audit-notes",
        "audit-changelog",
    ),
    "turned_away": ("no_token", "bad_token", "login", "role", "scope", "rate", "csrf", "too_large", "too_slow"),
    "type": EVENT_TYPES,
    "unreadable": (
        "truncated",
        "not a snapshot",
        "format version",
        "signature",
        "features",
        "parameters",
        "contents",
    ),
    "verdict": ("normal", "anomaly"),
    "way": ("log", "file", "apprise"),
}
# Sets that only a running process knows, and how many values each may take.
CONFIGURED: Final[Mapping[str, int]] = {
    "channel": 32,
    "rule": 120,
    "detection": 120,
    "route": 100,
    "partition": 48,
    "watched": 128,
    "version": 4,
    "algorithm": 16,
}


class Metric(Struct, frozen=True):
    """One row. labels: names in `LABELS` or `CONFIGURED`, where `a=b` is a label `a` with the values of `b`.

    processes: that serve it.
    """

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    processes: tuple[Process, ...] = ("worker",)

    @property
    def label_names(self) -> tuple[str, ...]:
        return tuple(label.partition("=")[0] for label in self.labels)

    @property
    def label_sets(self) -> tuple[str, ...]:
        return tuple(label.partition("=")[2] or label for label in self.labels)

    @property
    def unit(self) -> str:
        """As the name has it; "timestamp" is seconds since the epoch, "" a bare number."""
        stem = self.name.removesuffix("_total")
        if stem.endswith("_timestamp_seconds"):
            return "timestamp"
        last = stem.rpartition("_")[2]
        return last if last in UNITS else ""


class Rows:
    """Rows of the table that the same processes serve."""

    def __init__(self, *processes: Process) -> None:
        self._processes = processes

    def counter(self, name: str, meaning: str, *labels: str) -> Metric:
        return Metric(name, "counter", meaning, labels, (), self._processes)

    def gauge(self, name: str, meaning: str, *labels: str) -> Metric:
        return Metric(name, "gauge", meaning, labels, (), self._processes)

    def histogram(self, name: str, buckets: tuple[float, ...], meaning: str, *labels: str) -> Metric:
        return Metric(name, "histogram", meaning, labels, buckets, self._processes)

    def info(self, name: str, meaning: str, *labels: str) -> Metric:
        """A gauge that is 1, whose labels are the facts."""
        return Metric(name, "info", meaning, labels, (), self._processes)
