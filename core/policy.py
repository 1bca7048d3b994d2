"""Every number that decides what Argus does with what it found: one frozen struct, a line for each.

Thresholds of single rules are not here but in the rules themselves.
"""

from typing import Annotated, Final

from msgspec import Meta, Struct, field

from core.records import EventType, LockState, SeverityName

Scope = tuple[EventType, ...]
CHALLENGE_SCOPE: Final[Scope] = ("login", "transaction", "payout", "password_change", "mfa_change", "profile_change")
LOCK_SCOPE: Final[Scope] = CHALLENGE_SCOPE

Seconds = Annotated[int, Meta(ge=0)]
Minutes = Annotated[int, Meta(ge=1)]
Score = Annotated[float, Meta(ge=0, le=101)]
Share = Annotated[float, Meta(ge=0, le=1)]
Quantile = Annotated[float, Meta(gt=0, lt=1)]


class Response(Struct, frozen=True):
    """How one rule's hits are answered, where that differs from their severity's answer.

    at_most: the strongest state that it may lead to; scope, duration_s: empty and 0 for the severity's own.
    """

    at_most: LockState = "locked"
    scope: Scope = ()
    duration_s: Seconds = 0


# Failed logins prove nothing about the account's owner: anybody could lock anybody out. So they hold up logins only.
LOGINS_ONLY: Final = Response("challenged", ("login",), 1_800)

RESPONSES: Final = dict.fromkeys(("login_brute_force", "distributed_brute_force", "slow_brute_force"), LOGINS_ONLY)
# As their ranking of simulated attacks deserves: the tails of the first two are full of honest surprises, and what
# the Gaussian knows of a user's payments is what the rules know least of.
# Those that learn from labels have to earn theirs (`models.trust`).
MODEL_WEIGHTS: Final = {
    "half_space_trees": 0.10,
    "one_class_svm": 0.05,
    "gaussian": 0.20,
    "logistic_regression": 0.10,
    "adaptive_random_forest": 0.15,
    "random_forest": 0.25,
    "gradient_boosting": 0.25,
}

ACKNOWLEDGE_MIN: Final[dict[SeverityName, int]] = {"CRITICAL": 15, "HIGH": 60, "MEDIUM": 240, "LOW": 1_440}
RESOLVE_MIN: Final[dict[SeverityName, int]] = {severity: 4 * time for severity, time in ACKNOWLEDGE_MIN.items()}


class Policy(Struct, frozen=True, kw_only=True):
    """The settings of detection and response. Scores are 0..100 (a threshold of 101 is never reached), weights 0..1,
    times event time."""

    # Events that are older than this against their user's clock are decided but not remembered.
    late_s: Seconds = 86_400
    # After a hit of HIGH or worse, a user's events aren't learnt as normal for this long.
    taint_s: Seconds = 6 * 3_600

    # HIGH: these events are challenged, for this long.
    challenge_scope: Scope = CHALLENGE_SCOPE
    challenge_s: Seconds = 1_800
    # CRITICAL: these events are blocked, for this long. Logging out, browsing and paying in stay possible.
    lock_scope: Scope = LOCK_SCOPE
    lock_s: Seconds = 86_400
    # Answers by rule id, instead of the severity's.
    responses: dict[str, Response] = field(default_factory=lambda: dict(RESPONSES))

    # The risk score from which an event is challenged, whatever rules say (alias FRAUD_SCORE_THRESHOLD).
    fraud_score_threshold: Score = 75.0
    # The risk score from which an event is blocked.
    block_score_threshold: Score = 95.0
    # The event types that a risk score alone may challenge; the others need a lock.
    score_scope: Scope = CHALLENGE_SCOPE
    # Those of them that it may block. Not logins: failures by anybody raise their score.
    score_block_scope: Scope = CHALLENGE_SCOPE[1:]
    # What each model's far tail adds to the risk when it stands alone; a model that isn't named shadows.
    model_weights: dict[str, Share] = field(default_factory=lambda: dict(MODEL_WEIGHTS))
    # A model's tail begins at this quantile of its scores and is complete at the second.
    tail_quantile: Quantile = 0.99
    tail_full_quantile: Quantile = 0.9999
    # The share of the risk that ranks events by the models' mean where nothing else speaks.
    rank_weight: Share = 0.10

    # Minutes from opening a case (or from a rise of its severity) to its acknowledgement and to its resolution.
    case_acknowledge_min: dict[SeverityName, Minutes] = field(default_factory=lambda: dict(ACKNOWLEDGE_MIN))
    case_resolve_min: dict[SeverityName, Minutes] = field(default_factory=lambda: dict(RESOLVE_MIN))
    # A deadline is near when this share of its time has gone.
    case_near_share: Annotated[float, Meta(gt=0, lt=1)] = 0.8
    # How long a subject's alerts and resolved cases are remembered after its last alert or command.
    case_memory_s: Annotated[int, Meta(ge=1)] = 90 * 86_400
