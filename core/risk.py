"""One number for how bad an event looks, and what to do with the event.

The risk is a noisy-or: every rule that hit and every model that is far out in its tail is one more chance that this
is fraud, so that risks add up but never pass 100. A rule counts by its weight, once more for each step that its hit
lies above the rule's own severity, and by half for each step below; `core.suspicion` adds what the user's last hours
and the event's circumstances bring along. A model counts when its calibrated score passes a high quantile, on a log
scale. A last small part grows with the weighted mean of the models' scores, so that events where nothing else speaks
are ranked too: the risk keeps its full precision.

Where a payment names neither device nor network, as all of its user's, little but sums and merchants is left to
judge it by, and models that learn from labels see those as well. There the rest yields to them, by the authority that
they have come to: other models, circumstances, and what is known of frauds at the merchant. What these give up they
get: their tails count up to twice, and go on beyond where others' are complete. What rules say of the user's own
events counts whole.

Elsewhere, with the default weights, models that learn what is usual reach 39 at most by themselves; with those that
learn from labels, at the most trust that these can earn, 68: below the threshold of a challenge, but above that of
`high_risk`. All but the few events that lie in a tail of a model stay under 10.
"""

from collections.abc import Iterable, Mapping
from math import inf, log
from types import MappingProxyType
from typing import Final

from core.grouping import SHADOW
from core.judged import Found
from core.policy import Policy
from core.records import Verdict
from core.respond import ACTING_KINDS, LockFacts, lock_at

_STRICTNESS: Final[dict[Verdict, int]] = {"approve": 0, "challenge": 1, "block": 2}
RISK_MAX: Final = 100.0
# Of the threshold of a challenge.
REPORTS_MOST: Final = 0.99
# By how much more than its weight a model ranks what lies in nobody's tail: the mean of many trees tells ordinary
# events apart better than a sum of few.
RANKS_MORE: Final[Mapping[str, float]] = {"random_forest": 3.0}


def rule_weight(weight: float, steps: int) -> float:
    """0..1: a rule's weight when its hit lies that many severities above the rule's own; halved for each below. To 4
    digits, as alerts tell it."""
    return round(1.0 - (1.0 - weight) ** (1 + steps) if steps > 0 else weight * 0.5**-steps, 4)


def clear_of_hits(hits: Iterable[Found]) -> float:
    """0..1: the product of 1 - weight over live hits of rules that act, 1.0 for none."""
    clear = 1.0
    for rule, hit, flags in hits:
        if not flags & SHADOW and rule.kind in ACTING_KINDS:
            clear *= 1.0 - rule_weight(rule.weight, hit.severity - rule.severity)
    return clear


def with_weight(risk_score: float, weight: float) -> float:
    """0..100: a risk with one more reason."""
    return RISK_MAX - (RISK_MAX - risk_score) * (1.0 - weight)


class Fusion:
    """A policy's part in the risk, worked out once for a batch.

    trust: 0..1 of models that learn from labels, which have to earn their weights; all others have them whole.
    authority: 0..1, how far fixed weights yield to those.
    """

    def __init__(
        self, policy: Policy, trust: Mapping[str, float] = MappingProxyType({}), authority: float = 0.0
    ) -> None:
        self._authority = authority
        weights = ((name, weight * trust.get(name, 1.0)) for name, weight in policy.model_weights.items())
        self._weights = [
            (name, weight, RANKS_MORE.get(name, 1.0), name in trust) for name, weight in weights if weight > 0.0
        ]
        # Models that only shadow: rules are not to ask them either.
        self.silent = frozenset(name for name, weight in policy.model_weights.items() if weight == 0.0)
        self._rank_weight = policy.rank_weight
        self._tail_quantile = policy.tail_quantile
        self._tail_span = log((1.0 - policy.tail_quantile) / (1.0 - policy.tail_full_quantile))
        self._challenge = policy.fraud_score_threshold
        self._block = policy.block_score_threshold
        self._score_scope = frozenset(policy.score_scope)
        self._score_block_scope = frozenset(policy.score_block_scope)

    def risk(self, clear: float, scores: Mapping[str, float] | None, yields: float | None = None) -> float:
        """0..100. clear: the product over the event's rules of 1 - weight, 1.0 if none hit; scores: calibrated;
        yields: the part of `clear` that yields to models that learn from labels, as other models do then; None for
        an event where nothing does."""
        handed = 0.0
        if yields is not None and self._authority:
            handed = self._authority
            clear /= yields**handed
        if scores:
            total = weights = 0.0
            for name, whole, ranks, taught in self._weights:
                score = scores.get(name)
                if score is not None:
                    weight, more = (whole, 1.0 + handed) if taught else (whole * (1.0 - handed), 1.0)
                    total += ranks * weight * score
                    weights += ranks * weight
                    if score > self._tail_quantile:
                        clear *= (1.0 - weight) ** (more * min(more, self._tail(score)))
            if weights:
                clear *= 1.0 - self._rank_weight * total / weights
        return RISK_MAX * (1.0 - clear)

    def with_reports(self, risk_score: float, clear: float) -> float:
        """0..100: a risk with what has to be reported. Reports accuse nobody: they rank an event, and by themselves
        never bring it to the threshold of a challenge. clear: the product of 1 - weight."""
        most = max(risk_score, self._challenge * REPORTS_MOST)
        return min(most, RISK_MAX - (RISK_MAX - risk_score) * clear)

    def _tail(self, score: float) -> float:
        """0 where the tail begins, 1 where it is complete, and on beyond."""
        return log((1.0 - self._tail_quantile) / (1.0 - score)) / self._tail_span if score < 1.0 else inf

    def decide(self, type_: str, risk_score: float, lock: LockFacts | None, time_ms: int) -> Verdict:
        """The stricter of what the lock in force and the risk score say. lock: as of after this event."""
        by_score: Verdict = "approve"
        if risk_score >= self._challenge and type_ in self._score_scope:
            blocks = risk_score >= self._block and type_ in self._score_block_scope
            by_score = "block" if blocks else "challenge"
        if lock is None or type_ not in lock.scope:
            return by_score
        state = lock_at(lock, time_ms)
        by_lock: Verdict = "block" if state == "locked" else "challenge" if state == "challenged" else "approve"
        return by_lock if _STRICTNESS[by_lock] > _STRICTNESS[by_score] else by_score
