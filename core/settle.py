"""The second pass over a batch: the rules that read models or reputation, and all that follows from an event's hits:
risk, alerts, the user's lock, the decision."""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import UNSET, UnsetType

from core.alerting import FED, SHADOW, Group, alert, context_of, place
from core.clock import SECOND, rfc3339
from core.events import Action
from core.feature_words import NO_SINGLE_FEATURE, instead
from core.grouping import let_go
from core.judged import NO_SCORES, Book, Case, Check, Judged, Learner, Scorer, Scores
from core.policy import Policy
from core.records import Counterfactual, Decision, Reason, Travel
from core.reputation import BAD, LISTED, Reputation, rings_of
from core.respond import ACTING_KINDS, NOTHING, STRENGTH, answer, change, lock_at, remember_challenged, wanted
from core.ring_member import membership, tell_on
from core.risk import Fusion, clear_of_hits, rule_weight, with_weight
from core.rules.entry import Hit, Rule, Severity
from core.seen import FAMILIAR_S, PAYMENT_TYPES, Seen
from core.signal import ALL, lock_signal

# What a source's standing adds to the risk of an event on a device that is not long the user's, by its level.
LEVEL_WEIGHTS: Final = (0.0, 0.35, 0.65, 0.8)
# And what a run of confirmed frauds at the merchant adds, were it certain to go on.
RUN_WEIGHT: Final = 0.6


class Bench:
    """The second pass over one batch."""

    def __init__(
        self,
        book: Book,
        policy: Policy,
        scorer: Scorer | None,
        learner: Learner | None,
        reputation: Mapping[str, Reputation],
        now_ms: int | None,
        judged: Judged,
    ) -> None:
        self.fusion = Fusion(policy) if learner is None else Fusion(policy, learner.trusted(), learner.authority())
        self._book = book
        self._policy = policy
        self._scorer = scorer
        self._learner = learner
        self._reputation = reputation
        self._rings = rings_of(reputation)
        self._now_ms = now_ms
        self._judged = judged
        self._checks: dict[str, list[tuple[Check, bool]]] = {}
        self._unexplained: list[tuple[Case, bool]] = []

    def settle(self, case: Case, scores: Scores, unusual: Scores = NO_SCORES) -> None:
        """Everything that follows from one event. unusual: those of the scores that tell what is not usual, which is
        what rules ask about."""
        action = case.action
        yields = None if case.seen is None else self._ask(action, case.seen, case, unusual)
        if case.state.groups:
            let_go(case.state.groups, case.clock_ms)
        hits = case.hits
        if hits is None:
            risk_score = self.fusion.risk(case.clear, scores, yields)
            reasons = self._ask_of_risk(case, risk_score, scores, [])
            self.decide(case, risk_score, scores, [reason.rule_id for reason in reasons])
            return
        reported = 1.0
        weights: list[float] = []
        reasons = []
        for rule, hit, flags in hits:
            self._judged.hits[rule.id] = self._judged.hits.get(rule.id, 0) + 1
            weight = rule_weight(rule.weight, hit.severity - rule.severity)
            weights.append(weight)
            if not flags & SHADOW:
                reasons.append(Reason(rule.id, weight, hit.text))
                if rule.kind == "COMPLIANCE":
                    reported *= 1.0 - weight
        accused = risk_score = self.fusion.risk(case.clear * clear_of_hits(hits), scores, yields)
        if reported < 1.0:
            risk_score = self.fusion.with_reports(accused, reported)
        for (rule, hit, flags), weight in zip(hits, weights, strict=True):
            known = risk_score if rule.kind in ACTING_KINDS else accused
            group = self._tell(case, rule, hit, flags, weight, known, scores, reasons)
            if not flags & SHADOW and hit.severity >= Severity.HIGH:
                self._respond(case, rule, hit, group)
        reasons = self._ask_of_risk(case, accused, scores, reasons)
        self.decide(case, risk_score, scores, [reason.rule_id for reason in reasons])

    def decide(self, case: Case, risk_score: float, scores: Scores, rules: list[str]) -> None:
        """The event's decision, by its user's lock as it now is."""
        action = case.action
        time_ms = action.time_ms
        lock = case.state.lock
        verdict = self.fusion.decide(action.type, risk_score, lock, time_ms)
        if (
            lock is not None
            and lock_at(lock, time_ms) != "unlocked"
            and not (case.robbed and lock.since_ms == time_ms)
        ):
            case.tainted = True
        if verdict == "challenge" and case.seen is not None and case.seen.own:
            remember_challenged(case.state.challenged, time_ms, action.event_id)
        self._judged.decisions.append(
            Decision(
                event_id=action.event_id,
                user_id=action.user_id,
                time=rfc3339(time_ms),
                risk_score=risk_score,
                decision=verdict,
                scores=scores,
                rules=rules,
                type=action.type,  # type: ignore[arg-type]
                outcome="failure" if action.failed else UNSET,
                amount=UNSET if action.amount is None else action.amount,
                currency=UNSET if action.currency is None else action.currency,
            )
        )

    def _ask(self, action: Action, seen: Seen, case: Case, scores: Scores) -> float | None:
        """The rules that read models or reputation. Answers what yields to models that learn from labels, None where
        nothing does (`core.risk`): circumstances, and what labels have told of the merchant."""
        yields = case.clear
        level = self._worst_level(action, seen) if self._reputation else 0
        merchant = None if action.merchant_id is None else self._reputation.get(f"merchant:{action.merchant_id}")
        robbed = merchant is not None and merchant.record is not None and not level
        checks = self._checks.get(action.type)
        if checks is None:
            checks = self._checks[action.type] = [
                *((bound, True) for bound in self._book.reputation_rules(action.type)),
                *((bound, False) for bound in self._book.model_rules(action.type)),
            ]
        for bound, by_reputation in checks:
            if not by_reputation and not scores:
                continue
            facts = self._reputation if by_reputation else self._heard(scores)
            hit = bound.check(action, case.state, seen, bound.t, facts)
            if isinstance(hit, Hit):
                if case.hits is None:
                    case.hits = []
                live = bound.mode == "live"
                case.hits.append((bound.rule, hit, FED if live else FED | SHADOW))
                if live and by_reputation and robbed and bound.rule.kind in ACTING_KINDS:
                    yields *= 1.0 - rule_weight(bound.rule.weight, hit.severity - bound.rule.severity)
                if live and hit.severity >= Severity.MEDIUM and bound.rule.kind in ACTING_KINDS:
                    # What only says that others were robbed here is no word against the user.
                    case.robbed = case.robbed or (by_reputation and robbed)
                    case.tainted = case.tainted or not (by_reputation and robbed)
        if level:
            case.tainted = case.tainted or level >= BAD
            if seen.device_age_s < FAMILIAR_S:
                case.clear *= 1.0 - LEVEL_WEIGHTS[min(level, LISTED)]
        if merchant is not None:
            yields *= self._visit(merchant, action.time_ms, seen, case)
        tied = membership(action, seen, self._rings) if self._rings else None
        if tied is not None:
            case.clear *= 1.0 - tied.weight(action.time_ms)
            tell_on(tied, action, case.state, seen, self._rings, self._judged.signals)
        return None if action.type not in PAYMENT_TYPES or seen.placed or seen.unplaced else yields

    def _ask_of_risk(self, case: Case, accused: float, scores: Scores, reasons: list[Reason]) -> list[Reason]:
        """The rules that read the risk, once all others have spoken. Answers the reasons with theirs. What they say
        taints nothing: it is the models' own word."""
        action, seen = case.action, case.seen
        for bound in self._book.risk_rules(action.type) if seen is not None else ():
            hit = bound.check(action, case.state, seen, bound.t, accused)
            if not isinstance(hit, Hit):
                continue
            rule, live = bound.rule, bound.mode == "live"
            self._judged.hits[rule.id] = self._judged.hits.get(rule.id, 0) + 1
            flags = FED if live else FED | SHADOW
            if live:
                reasons = [*reasons, Reason(rule.id, rule.weight, hit.text)]
            group = self._tell(case, rule, hit, flags, rule.weight, accused, scores, reasons)
            if live and hit.severity >= Severity.HIGH:
                self._respond(case, rule, hit, group)
        return reasons

    def _visit(self, merchant: Reputation, time_ms: int, seen: Seen, case: Case) -> float:
        """What is known of the merchant. Labels tell how likely the payment is one more of a run of frauds, and 1
        less what that weighs is answered; where none have, there is the level, which says only that it is accused."""
        accused = merchant.in_force(time_ms)
        if accused and merchant.level >= BAD:
            case.robbed = case.robbed or merchant.record is not None
            case.tainted = case.tainted or merchant.record is None
        if seen.device_age_s >= FAMILIAR_S:
            return 1.0
        if merchant.record is not None:
            clear = 1.0 - RUN_WEIGHT * merchant.record.risk(time_ms)
            case.clear *= clear
            return clear
        if accused:
            case.clear *= 1.0 - LEVEL_WEIGHTS[min(merchant.level, LISTED)]
        return 1.0

    def _heard(self, scores: Scores) -> Scores:
        """What rules may ask about: a model that only shadows leads to nothing."""
        silent = self.fusion.silent
        if silent.isdisjoint(scores):
            return scores
        return {name: score for name, score in scores.items() if name not in silent}

    def _worst_level(self, action: Action, seen: Seen) -> int:
        get, worst = self._reputation.get, 0
        for known in (
            # While accounts are attacked from everywhere, a failure from nowhere known is one of many.
            get(ALL) if seen.outsider else None,
            None if action.ip is None else get(f"ip:{action.ip}"),
            None if action.network is None else get(f"network:{action.network}"),
            None if action.device_id is None else get(f"device:{action.device_id}"),
        ):
            if known is not None and known.level > worst and known.in_force(action.time_ms):
                worst = known.level
        return worst

    def _tell(
        self,
        case: Case,
        rule: Rule,
        hit: Hit,
        flags: int,
        weight: float,
        risk_score: float,
        scores: Scores,
        reasons: list[Reason],
    ) -> Group:
        """Put a hit into its group, and an alert out if one is due."""
        action = case.action
        placed = place(case.state.groups, rule, hit, action.user_id, action.event_id, action.time_ms, flags)
        if not placed.send:
            self._judged.suppressed += 1
            return placed.group
        if flags & SHADOW:
            reasons = [Reason(rule.id, weight, hit.text), *reasons]
        if flags & SHADOW or rule.kind not in ACTING_KINDS:
            risk_score = with_weight(risk_score, weight)
        if case.contributions is None:
            case.contributions = {}
            self._unexplained.append((case, any(scores.values())))
        self._judged.alerts.append(
            alert(
                rule,
                placed,
                hit,
                user_id=action.user_id,
                event_id=action.event_id,
                time_ms=action.time_ms,
                detected_ms=action.time_ms if self._now_ms is None else self._now_ms,
                risk_score=risk_score,
                reasons=reasons,
                context=context_of(action),
                scores=scores,
                contributions=case.contributions,
                travel=travel_of(case.seen),
                instead=self._instead(case, rule),
            )
        )
        return placed.group

    def _instead(self, case: Case, rule: Rule) -> Counterfactual | UnsetType:
        """What would have kept a rule that asks the models quiet: one feature, had it been as usual."""
        if "model" not in rule.inputs or self._scorer is None or case.row is None or case.seen is None:
            return UNSET
        action = case.action
        bound = next(bound for bound, _ in self._checks[action.type] if bound.rule is rule)
        for swap in self._scorer.instead(case.row, case.at):
            heard = self._heard(swap.scores)
            if not isinstance(bound.check(action, case.state, case.seen, bound.t, heard), Hit):
                return instead(swap.feature, swap.given, swap.usual)
        return NO_SINGLE_FEATURE

    def explain(self) -> None:
        """Fill in the contributions of all alerts at once, which models do for a fraction of what each takes alone:
        feature to its share in what they hold against the event, together 1. Models that have not seen enough yet say
        nothing, of the features neither; what labels taught counts as much as all the rest."""
        unexplained, self._unexplained = self._unexplained, []
        told: dict[int, list[Scores]] = {}
        if self._scorer is not None:
            rows = [(case, case.row) for case, scored in unexplained if scored and case.row is not None]
            places = [case.at for case, _ in rows]
            for (case, _), shares in zip(rows, self._scorer.explain([row for _, row in rows], places), strict=True):
                told.setdefault(id(case), []).append(shares)
        if self._learner is not None:
            rows = [(case, case.fraud_row) for case, _ in unexplained if case.fraud_row is not None]
            for (case, _), shares in zip(rows, self._learner.explain([row for _, row in rows]), strict=True):
                if shares:
                    told.setdefault(id(case), []).append(shares)
        for case, _ in unexplained:
            if case.contributions is not None:
                case.contributions.update(_together(told.get(id(case), [])))

    def _respond(self, case: Case, rule: Rule, hit: Hit, group: Group) -> None:
        """Lock or challenge the user if policy says so."""
        called_for = answer(self._policy, rule.id, rule.kind, hit.severity)
        if called_for is NOTHING:
            return
        action, state = case.action, case.state
        if hit.severity >= Severity.CRITICAL:
            state.alarm_ms = max(state.alarm_ms, action.time_ms)
        before = lock_at(state.lock, case.clock_ms)
        asked = wanted(called_for, hit.text, group.id.hex(), action.time_ms, case.clock_ms)
        records = change(state, action.user_id, asked, case.clock_ms)
        if not records:
            return
        self._judged.locks.extend(records)
        lock = state.lock
        if lock is not None and lock.until_ms is not None:
            self._judged.due.append((lock.until_ms, action.user_id))
        if STRENGTH[called_for.state] > STRENGTH[before]:
            lock_signal(action.user_id, action.event_id, action.time_ms, rule.id, self._judged.signals)


def _together(told: Sequence[Scores]) -> Scores:
    """The mean of what was told, feature by feature."""
    if len(told) < 2:
        return told[0] if told else {}
    names = dict.fromkeys(name for shares in told for name in shares)
    return {name: sum(shares.get(name, 0.0) for shares in told) / len(told) for name in names}


def travel_of(seen: Seen | None) -> Travel | UnsetType:
    """How the user came here from the last place, if that was another one."""
    if seen is None or seen.last_place is None or seen.kilometres <= 0:
        return UNSET
    place = seen.last_place
    return Travel(seen.kilometres, seen.travel_ms / SECOND, place.country or None, place.lat, place.lon)
