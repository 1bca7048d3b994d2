"""What a run found and whom it bothered, by the truth: campaigns by attack and intensity, false alerts by rule and by
innocent story, and people who were locked out with nothing wrong.

A campaign is caught by a live alert of MEDIUM or more that names one of its events, its user or its source, from its
first event to `GRACE_MS` after its last. An alert is false if it names no fraudulent event, its user was not attacked
before, and none of the users that it lists was within a day. What a victim does after the attack is left out, of the
alerts and of the events that they are divided by: an account that somebody else was in may well be asked about.
Reporting duties (COMPLIANCE) accuse nobody, and are counted apart.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, median
from typing import Any, Final, Protocol

import numpy as np
from sklearn.metrics import average_precision_score

from core.clock import DAY, MINUTE
from core.records import SEVERITIES

GRACE_MS: Final = 10 * MINUTE
PER_EVENTS: Final = 10_000
MEDIUM: Final = 1
HIGH: Final = 2


class Told(Protocol):
    """What is read of an alert or an update. users: of an alert about a source."""

    @property
    def alert_id(self) -> str: ...
    @property
    def time_ms(self) -> int: ...
    @property
    def user_id(self) -> str | None: ...
    @property
    def users(self) -> Sequence[str]: ...
    @property
    def event_id(self) -> str: ...
    @property
    def event_ids(self) -> Sequence[str]: ...
    @property
    def rule_id(self) -> str: ...
    @property
    def severity(self) -> str: ...
    @property
    def kind(self) -> str: ...


class Known(Protocol):
    """The truth about one event."""

    @property
    def event_id(self) -> str: ...
    @property
    def user_id(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def attack(self) -> str | None: ...
    @property
    def campaign(self) -> str | None: ...
    @property
    def intensity(self) -> str | None: ...
    @property
    def trap(self) -> str | None: ...


class Campaign:
    """One attacker's events. users: each with the times of the campaign's events on them, in order."""

    def __init__(self, attack: str, intensity: str) -> None:
        self.attack = attack
        self.intensity = intensity
        self.start_ms = 1 << 62
        self.end_ms = 0
        self.users: dict[str, list[int]] = defaultdict(list)
        self.caught_ms: int | None = None
        self.caught_by: str | None = None

    def add(self, user_id: str, time_ms: int) -> None:
        """One more of its events."""
        self.start_ms = min(self.start_ms, time_ms)
        self.end_ms = max(self.end_ms, time_ms)
        self.users[user_id].append(time_ms)


class Story:
    """Labels with the times of their events, and what was told about them.

    times_ms: of each label's event; alerts: live ones only, in order of sending.
    """

    def __init__(self, labels: Sequence[Known], times_ms: Sequence[int], alerts: Iterable[Told]) -> None:
        self.labels = {label.event_id: label for label in labels}
        self.campaigns: dict[str, Campaign] = {}
        self.attacked: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for label, time_ms in zip(labels, times_ms, strict=True):
            if label.label == "fraud":
                name = label.campaign or label.event_id
                campaign = self.campaigns.get(name)
                if campaign is None:
                    made = Campaign(label.attack or "unnamed", label.intensity or "unknown")
                    campaign = self.campaigns[name] = made
                campaign.add(label.user_id, time_ms)
                self.attacked[label.user_id].append((time_ms, name))
        for times in self.attacked.values():
            times.sort()
        # Of users whom nobody had attacked by then.
        self.honest = 0
        legit = 0
        for label, time_ms in zip(labels, times_ms, strict=True):
            if label.label != "fraud":
                legit += 1
                self.honest += self.innocent(label.user_id, time_ms)
        self.honest_share = self.honest / legit if legit else 0.0
        # Dormant accounts were last seen long before: the first hundredth of events may lie months back.
        ordered = sorted(times_ms)
        self.span_ms = ordered[-1] - ordered[len(ordered) // 100] if ordered else 0
        self.right: set[str] = set()
        self.false: dict[str, tuple[Told, int]] = {}
        self.reports = 0
        self._take(list(alerts))

    def _take(self, alerts: list[Told]) -> None:
        worst: dict[str, int] = {}
        first: dict[str, Told] = {}
        for alert in alerts:
            severity = SEVERITIES.index(alert.severity)
            about = self._about(alert)
            for name in about:
                campaign = self.campaigns[name]
                in_time = campaign.start_ms <= alert.time_ms <= campaign.end_ms + GRACE_MS
                if severity >= MEDIUM and in_time and alert.time_ms < (campaign.caught_ms or 1 << 62):
                    campaign.caught_ms, campaign.caught_by = alert.time_ms, alert.rule_id
            if about:
                self.right.add(alert.alert_id)
            first.setdefault(alert.alert_id, alert)
            worst[alert.alert_id] = max(severity, worst.get(alert.alert_id, 0))
        for alert_id, alert in first.items():
            if alert.kind == "COMPLIANCE":
                self.reports += alert_id not in self.right
            elif alert_id not in self.right:
                self.false[alert_id] = (alert, worst[alert_id])

    def _about(self, alert: Told) -> set[str]:
        """The campaigns that an alert speaks of."""
        names = {
            label.campaign or label.event_id
            for event_id in (alert.event_id, *alert.event_ids)
            if (label := self.labels.get(event_id)) is not None and label.label == "fraud"
        }
        if alert.user_id is not None:
            names.update(name for at_ms, name in self.attacked.get(alert.user_id, ()) if at_ms <= alert.time_ms)
        for user_id in alert.users:
            hits = self.attacked.get(user_id, ())
            upto = bisect_right(hits, (alert.time_ms, "\uffff"))
            names.update(name for at_ms, name in hits[:upto] if at_ms > alert.time_ms - DAY)
        return names

    def innocent(self, user_id: str, time_ms: int) -> bool:
        """Whether nobody had attacked the user by then."""
        hits = self.attacked.get(user_id)
        return not hits or hits[0][0] > time_ms


def caught(story: Story) -> dict[str, Any]:
    """Recall and time to detect by intensity, and by attack and intensity. None: nothing to divide by."""
    by: dict[str, list[Campaign]] = defaultdict(list)
    table: dict[str, dict[str, list[Campaign]]] = defaultdict(lambda: defaultdict(list))
    for campaign in story.campaigns.values():
        by[campaign.intensity].append(campaign)
        table[campaign.attack][campaign.intensity].append(campaign)
    return {
        "intensities": {name: _recall(campaigns) for name, campaigns in sorted(by.items())},
        "attacks": {
            attack: {name: _recall(campaigns) for name, campaigns in sorted(row.items())}
            for attack, row in sorted(table.items())
        },
    }


def _recall(campaigns: list[Campaign]) -> dict[str, Any]:
    waits = [one.caught_ms - one.start_ms for one in campaigns if one.caught_ms is not None]
    return {
        "campaigns": len(campaigns),
        "caught": len(waits),
        "recall": len(waits) / len(campaigns),
        "time_to_alert_s": median(waits) / 1_000 if waits else None,
    }


def bothered(story: Story, locks: Iterable[tuple[str, str, str, int]] = (), users: int = 0) -> dict[str, Any]:
    """False alerts by severity, rule and innocent story; and people locked out.

    locks: (user, state, by, since), in ms; users: how many people there are. Rates are of the events and the time of
    people whom nobody had attacked yet; where attackers have been at most, little is left to go by.
    """
    rules: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    traps: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    least = {MEDIUM: 0, HIGH: 0}
    for alert, severity in story.false.values():
        rules[alert.rule_id][SEVERITIES[severity]] += 1
        label = story.labels.get(alert.event_id)
        if label is not None and label.trap is not None:
            traps[label.trap][SEVERITIES[severity]] += 1
        for bound in least:
            least[bound] += severity >= bound
    held = held_innocent(story, locks)
    share = PER_EVENTS / max(1, story.honest)
    scale = 1_000 * 100 * DAY / max(1.0, users * story.span_ms * story.honest_share)
    return {
        "honest_events": story.honest,
        "false_medium_per_10000": least[MEDIUM] * share,
        "false_high_per_10000": least[HIGH] * share,
        "false_by_rule": {rule: dict(counts) for rule, counts in sorted(rules.items())},
        "false_by_trap": {trap: dict(counts) for trap, counts in sorted(traps.items())},
        "reports_on_innocent": story.reports,
        "innocent_locked_per_1000_users_100_days": len(held["locked"]) * scale,
        "innocent_challenged_per_1000_users_100_days": len(held["challenged"]) * scale,
    }


def held_innocent(story: Story, locks: Iterable[tuple[str, str, str, int]]) -> dict[str, set[str]]:
    """Users whom nobody had attacked yet when a rule locked or challenged them, by that state. locks: as `bothered`
    takes them."""
    held: dict[str, set[str]] = {"locked": set(), "challenged": set()}
    for user_id, state, by, since_ms in locks:
        if by == "rule" and state in held and story.innocent(user_id, since_ms):
            held[state].add(user_id)
    return held


def ranking(labels: Sequence[Known], risks: Sequence[float]) -> dict[str, float]:
    """Average precision of the risk, each attack's events against all legitimate ones; and the mean of them all."""
    scores = np.asarray(risks, np.float64)
    attacks = np.array([label.attack or "unnamed" if label.label == "fraud" else "" for label in labels])
    legit = attacks == ""
    found: Mapping[str, float] = {
        str(attack): float(average_precision_score(attacks[mine] != "", scores[mine]))
        for attack in sorted(set(attacks.tolist()) - {""})
        for mine in (legit | (attacks == attack),)
    }
    return {"mean": fmean(found.values()) if found else 0.0, **found}
