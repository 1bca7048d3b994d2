"""`argus evaluate`: how good a run was, by the truth about its events, beside the best and the worst that could be.

The oracle knows the truth and alerts at the first event of each campaign; the random floor ranks by lot and alerts as
often as the run did, anywhere. All three are measured by the same code.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, Final

import numpy as np
from msgspec import Struct
from sklearn.metrics import average_precision_score, roc_auc_score

from argus.detection import Story, bothered, caught, ranking
from argus.evaluate_files import (
    Alerted,
    BadInput,
    Decided,
    Label,
    Locked,
    read_alerts,
    read_decisions,
    read_labels,
    read_locks,
)
from core.clock import DAY, MINUTE, to_ms

TOP_CARDS: Final = 100
PER_EVENTS: Final = 10_000


class Truth(Struct, frozen=True):
    """The events that were both decided and labelled, in the order of decisions; campaigns by id."""

    decided: list[Decided]
    labels: list[Label]
    fraud: np.ndarray[Any, np.dtype[np.bool_]]
    times_ms: np.ndarray[Any, np.dtype[np.int64]]
    campaigns: Mapping[str, list[int]]


# An alert as quality sees it: its id, when it was sent, and the events it names by their place in the truth.
Sent = tuple[str, int, tuple[int, ...]]


def evaluate(decisions: Path, alerts: Path, labels: Path, locks: Path | None = None) -> dict[str, Any]:
    """Read the files of a run and measure it. Raises `BadInput`."""
    truth = join(read_decisions(decisions), read_labels(labels))
    place = {decided.event_id: i for i, decided in enumerate(truth.decided)}
    sent: list[Sent] = []
    told: list[Alerted] = []
    for alert in read_alerts(alerts):
        if alert.mode == "live":
            told.append(alert)
            named = {place[event_id] for event_id in (alert.event_id, *alert.event_ids) if event_id in place}
            sent.append((alert.alert_id, to_ms(alert.time), tuple(sorted(named))))
    scores = np.array([decided.risk_score for decided in truth.decided])
    held = np.array([decided.decision != "approve" for decided in truth.decided])
    result: dict[str, Any] = {
        "events": len(truth.decided),
        "fraud_events": int(truth.fraud.sum()),
        "campaigns": len(truth.campaigns),
        "argus": quality(truth, scores, held, sent),
        "oracle": quality(truth, truth.fraud.astype(float), truth.fraud, _oracle(truth)),
        "random": quality(truth, *_by_lot(truth, int(held.sum()), sent)),
    }
    held_up = list(read_locks(locks)) if locks is not None else []
    if locks is not None:
        result["locks"] = locked(truth, held_up)
    story = Story(truth.labels, truth.times_ms.tolist(), told)
    users = len({label.user_id for label in truth.labels if label.label != "fraud"})
    changes = [(lock.user_id, lock.state, lock.by, to_ms(lock.since)) for lock in held_up]
    result["caught"] = caught(story)
    result["bothered"] = bothered(story, changes, users)
    result["ranking"] = ranking(truth.labels, scores.tolist())
    return result


def join(decisions: Iterable[Decided], labels: Iterable[Label]) -> Truth:
    """Decisions with their labels. Raises `BadInput` where no event has both, or all are of one kind."""
    by_id = {label.event_id: label for label in labels}
    decided = [decision for decision in decisions if decision.event_id in by_id]
    known = [by_id[decision.event_id] for decision in decided]
    fraud = np.array([label.label == "fraud" for label in known], dtype=bool)
    if not decided or fraud.all() or not fraud.any():
        raise BadInput(
            f"nothing to measure: the labels name {fraud.sum():,} fraudulent and {(~fraud).sum():,} legitimate "
            "events that were decided, and both kinds are needed"
        )
    campaigns: dict[str, list[int]] = defaultdict(list)
    for i, label in enumerate(known):
        if fraud[i]:
            campaigns[label.campaign or label.event_id].append(i)
    times = np.array([to_ms(decision.time) for decision in decided], dtype=np.int64)
    return Truth(decided, known, fraud, times, campaigns)


def quality(
    truth: Truth,
    scores: np.ndarray[Any, np.dtype[np.float64]],
    held: np.ndarray[Any, np.dtype[np.bool_]],
    sent: list[Sent],
) -> dict[str, Any]:
    """The figures of one run. held: events that were challenged or blocked. None: nothing to divide by."""
    fraud = truth.fraud
    ids = {alert_id for alert_id, _, _ in sent}
    right = {alert_id for alert_id, _, named in sent if any(fraud[i] for i in named)}
    found = _found(truth, sent)
    waits = [wait for wait in found.values() if wait is not None]
    return {
        "auc": float(roc_auc_score(fraud, scores)),
        "average_precision": float(average_precision_score(fraud, scores)),
        "card_precision_at_100": card_precision(truth, scores),
        "event_precision": _share(int((fraud & held).sum()), int(held.sum())),
        "event_recall": _share(int((fraud & held).sum()), int(fraud.sum())),
        "alerts": len(ids),
        "alert_precision": _share(len(right), len(ids)),
        "campaign_recall": _share(len(waits), len(found)),
        "false_alerts_per_10000_events": (len(ids) - len(right)) * PER_EVENTS / len(fraud),
        "time_to_detect_s": median(waits) / 1_000 if waits else None,
        "attacks": _by_attack(truth, held, found),
    }


def card_precision(truth: Truth, scores: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """Of the 100 users with the highest risk of a day, the share that had fraud that day; the mean of all days.

    The Fraud Detection Handbook's card precision@100, with the account in the place of the card.
    """
    days: dict[int, dict[str, tuple[float, bool]]] = defaultdict(dict)
    for i, decided in enumerate(truth.decided):
        users = days[int(truth.times_ms[i]) // DAY]
        score, fraud = users.get(decided.user_id, (-1.0, False))
        users[decided.user_id] = (max(score, float(scores[i])), fraud or bool(truth.fraud[i]))
    shares = []
    for users in days.values():
        top = sorted(users.items(), key=lambda item: (-item[1][0], item[0]))[:TOP_CARDS]
        shares.append(sum(fraud for _, (_, fraud) in top) / len(top))
    return float(np.mean(shares))


def locked(truth: Truth, locks: list[Locked]) -> dict[str, Any]:
    """Whom locks and challenges hit: users with and without any fraud, and how long the innocent waited."""
    guilty = {label.user_id for label in truth.labels if label.label == "fraud"}
    last_ms = int(truth.times_ms.max())
    held = [lock for lock in locks if lock.state != "unlocked"]
    users = {lock.user_id for lock in held}
    minutes = 0.0
    for lock, after in _spans(locks, last_ms):
        if lock.user_id not in guilty:
            minutes += max(0, after - to_ms(lock.since)) / MINUTE
    return {
        "locks": sum(lock.state == "locked" for lock in held),
        "challenges": sum(lock.state == "challenged" for lock in held),
        "users": len(users),
        "innocent_users": len(users - guilty),
        "innocent_minutes": minutes,
    }


def _spans(locks: list[Locked], last_ms: int) -> Iterable[tuple[Locked, int]]:
    """Each lock with the time when it ended: by itself, by the user's next change, or with the run."""
    following: dict[str, int] = {}
    for lock in reversed(locks):
        until = to_ms(lock.until) if lock.until is not None else last_ms
        end = min(until, following.get(lock.user_id, last_ms), last_ms)
        following[lock.user_id] = to_ms(lock.since)
        if lock.state != "unlocked":
            yield lock, end


def _found(truth: Truth, sent: list[Sent]) -> dict[str, int | None]:
    """For each campaign the time from its first event to the first alert that names one of its events."""
    campaign_of = {i: name for name, places in truth.campaigns.items() for i in places}
    first: dict[str, int] = {}
    for _, time_ms, named in sent:
        for name in {campaign_of[i] for i in named if i in campaign_of}:
            first[name] = min(time_ms, first.get(name, time_ms))
    return {
        name: max(0, first[name] - int(truth.times_ms[places].min())) if name in first else None
        for name, places in truth.campaigns.items()
    }


def _by_attack(
    truth: Truth, held: np.ndarray[Any, np.dtype[np.bool_]], found: Mapping[str, int | None]
) -> dict[str, dict[str, Any]]:
    by_attack: dict[str, list[str]] = defaultdict(list)
    for name, places in truth.campaigns.items():
        by_attack[truth.labels[places[0]].attack or "unnamed"].append(name)
    rows = {}
    for attack, names in sorted(by_attack.items()):
        places = [i for name in names for i in truth.campaigns[name]]
        waits = [wait for name in names if (wait := found[name]) is not None]
        rows[attack] = {
            "campaigns": len(names),
            "found": len(waits),
            "recall": len(waits) / len(names),
            "events": len(places),
            "event_recall": float(held[places].mean()),
            "time_to_detect_s": median(waits) / 1_000 if waits else None,
        }
    return rows


def _oracle(truth: Truth) -> list[Sent]:
    return [(name, int(truth.times_ms[places].min()), tuple(places)) for name, places in truth.campaigns.items()]


def _by_lot(truth: Truth, held: int, sent: list[Sent]) -> tuple[Any, Any, list[Sent]]:
    rng = Random(1)
    count = len(truth.decided)
    scores = np.array([rng.random() for _ in range(count)])
    lots = np.zeros(count, dtype=bool)
    lots[rng.sample(range(count), held)] = True
    drawn = [rng.randrange(count) for _ in {alert_id for alert_id, _, _ in sent}]
    return scores, lots, [(str(n), int(truth.times_ms[i]), (i,)) for n, i in enumerate(drawn)]


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
