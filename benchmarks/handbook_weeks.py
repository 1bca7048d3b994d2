"""How the Fraud Detection Handbook judges a ranking of its payments: weeks, and three figures for each.

A model is fitted on a week, waits a week for labels, and ranks the week after. Left out are the customers whose
fraud was known by then: of the week that was learnt, and on each day of the test of seven days before.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, roc_auc_score

from simulation.handbook import Payments

# Tests begin on 2018-07-25 and on three Wednesdays more; the published figures are of the third, 2018-08-08.
FIRST_DAY: Final = 101
WEEKS: Final = 4
WEEK_DAYS: Final = 7
DELAY_DAYS: Final = 7
TOP_CARDS: Final = 100

Index = npt.NDArray[np.intp]
Scores = npt.NDArray[np.float64]


class Week(NamedTuple):
    """One fit and its test. begins: the first day of what is learnt, since the first of all; tested: payments."""

    begins: int
    learnt: Index
    tested: Index


class Quality(NamedTuple):
    """auc, average_precision: of payments; card_precision: of the 100 customers with the highest score of a day the
    share that had a fraud that day, once found not ranked again; the mean of the days."""

    auc: float
    average_precision: float
    card_precision: float


def days_needed(first_day: int = FIRST_DAY, weeks: int = WEEKS) -> int:
    """How many days must be simulated: what comes after is never looked at."""
    return first_day + (weeks + 2) * WEEK_DAYS


def weeks(paid: Payments, first_day: int = FIRST_DAY, count: int = WEEKS) -> list[Week]:
    """The weeks of a run. Raises ValueError where a week lies outside of it or has no fraud or nothing else."""
    found = [_week(paid, first_day + number * WEEK_DAYS) for number in range(count)]
    for week in found:
        for part in (week.learnt, week.tested):
            if len(np.unique(paid.fraud[part])) < 2:
                raise ValueError(f"the weeks from day {week.begins} hold too little: take more customers or days")
    return found


def _week(paid: Payments, begins: int) -> Week:
    day, customer, fraud = paid.day, paid.customer, paid.fraud
    learnt = np.flatnonzero((day >= begins) & (day < begins + WEEK_DAYS))
    known = set(customer[learnt][fraud[learnt]].tolist())
    tested: list[Index] = []
    test_day = begins + WEEK_DAYS + DELAY_DAYS
    for today in range(test_day, test_day + WEEK_DAYS):
        known.update(customer[(day == today - DELAY_DAYS - 1) & fraud].tolist())
        payments = np.flatnonzero(day == today)
        tested.append(payments[~np.isin(customer[payments], list(known))])
    return Week(begins, learnt, np.concatenate(tested))


def judge(paid: Payments, week: Week, scores: Scores) -> Quality:
    """How good a ranking of the tested payments was; scores: of those, in their order."""
    fraud = paid.fraud[week.tested]
    return Quality(
        float(roc_auc_score(fraud, scores)),
        float(average_precision_score(fraud, scores)),
        card_precision(paid.day[week.tested], paid.customer[week.tested], fraud, scores),
    )


def card_precision(
    day: npt.NDArray[np.int64],
    customer: npt.NDArray[np.int64],
    fraud: npt.NDArray[np.bool_],
    scores: Scores,
    top: int = TOP_CARDS,
) -> float:
    """See `Quality`. Of equal scores the customer with the lower number comes first."""
    found: Index = np.zeros(0, np.intp)
    shares: list[float] = []
    for today in np.unique(day):
        now = np.flatnonzero((day == today) & ~np.isin(customer, found))
        cards, card_of = np.unique(customer[now], return_inverse=True)
        best = np.full(len(cards), -np.inf)
        np.maximum.at(best, card_of, scores[now])
        guilty = np.zeros(len(cards), bool)
        np.logical_or.at(guilty, card_of, fraud[now])
        ranked = np.argsort(-best, kind="stable")[:top]
        hit = ranked[guilty[ranked]]
        found = np.concatenate((found, cards[hit]))
        shares.append(len(hit) / top)
    return float(np.mean(shares))


def means(qualities: Sequence[Quality]) -> Quality:
    """Of several weeks."""
    return Quality(*(float(np.mean(values)) for values in zip(*qualities, strict=True)))
