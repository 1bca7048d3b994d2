"""`handbook`: Argus on the Fraud Detection Handbook's payments, beside the rows that it publishes.

What counts is how the tested payments are ranked, by the risk score and by each model's score, in each of three ways
to use labels that come a week late. Beside them stand models of scikit-learn fitted straight on the rows that Argus'
own see, by the published protocol (one week is learnt), the published rows, the oracle and the random floor.
"""

import time
from collections.abc import Sequence
from statistics import fmean
from typing import Final

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from argus.settings import Settings
from benchmarks.figures import Figure, Result, Target
from benchmarks.handbook_passes import RISK, WAYS, Rows, run_pass
from benchmarks.handbook_weeks import DELAY_DAYS, FIRST_DAY, WEEKS, Quality, Scores, Week, days_needed, judge, weeks
from simulation.handbook import CUSTOMERS, DAYS, RADIUS, TERMINALS, Payments, payments

FIGURES: Final = ("AUC", "average precision", "card precision@100")
# Of the test week from 2018-08-08, the third of ours.
PUBLISHED: Final[dict[str, tuple[float, float, float]]] = {
    "isolation forest": (0.808, 0.164, 0.190),
    "autoencoder": (0.836, 0.180, 0.217),
    "logistic regression": (0.871, 0.606, 0.291),
    "random forest": (0.867, 0.658, 0.287),
    "XGBoost, tuned": (0.869, 0.687, 0.303),
}
WANTED: Final[dict[str, tuple[float, float, float]]] = {
    "labels": (0.88, 0.715, 0.30),
    "reputation": (0.865, 0.54, 0.295),
    "no labels": (0.65, 0.30, 0.095),
}
SEED: Final = 0
# That many are simulated up to the last test week.
PAYMENTS: Final = 1_370_827


def run(settings: Settings, customers: int = CUSTOMERS, days: int = DAYS) -> Result:
    """Fewer customers have terminals as dense as all have; in fewer days the weeks are the last there are. Raises
    ValueError where that leaves a week without a fraud."""
    paid, tests = taken(customers, days)
    whole = (customers, days) == (CUSTOMERS, DAYS)
    figures: list[Figure] = []
    notes = [
        f"{len(paid.time_s):,} payments of {customers:,} customers, {paid.fraud.mean():.4%} of them fraud",
        f"labels are {DELAY_DAYS} days late; figures are the mean, the lowest and the highest of {WEEKS} test weeks",
        "one partition, from an empty state; scores are of each event as it came, before its label",
        "labels: models learn from them, and terminals get a reputation; reputation: only that; no labels: none",
        "straight: scikit-learn on the rows that Argus' models see, fitted on the week that each test allows",
    ]
    for way in WAYS:
        begin_s = time.process_time()
        through = run_pass(settings, paid, way, DELAY_DAYS)
        for name, scores in sorted(through.said.items(), key=lambda said: said[0] != RISK):
            told = [judge(paid, week, scores[week.tested]) for week in tests]
            figures += rows_of(f"{way}: {name}", told, WANTED[way] if name == RISK and whole else None)
        notes.append(f"{way}: {time.process_time() - begin_s:.0f} s of processor time")
        if through.rows is not None:
            for name, told in straight(paid, through.rows, tests).items():
                figures += rows_of(f"straight: {name}", told)
    lots = np.random.default_rng(SEED)
    figures += rows_of("oracle", [judge(paid, week, paid.fraud[week.tested].astype(float)) for week in tests])
    figures += rows_of("random", [judge(paid, week, lots.random(len(week.tested))) for week in tests])
    for name, published in PUBLISHED.items():
        figures += rows_of(f"published: {name}", [Quality(*published)])
    return Result("handbook", tuple(figures), tuple(notes), "mean")


def taken(customers: int, days: int) -> tuple[Payments, list[Week]]:
    """The payments up to the end of the last test week, and the weeks."""
    first_day = min(FIRST_DAY, days - days_needed(0))
    if first_day < 0:
        raise ValueError(f"{days} days do not hold {WEEKS} tests: take {days_needed(0)} or more")
    share = customers / CUSTOMERS
    every = payments(customers, max(1, round(TERMINALS * share)), days, RADIUS / share**0.5)
    end = int(np.searchsorted(every.day, days_needed(first_day)))
    paid = every.first(end)
    return paid, weeks(paid, first_day)


def rows_of(name: str, told: Sequence[Quality], wanted: tuple[float, float, float] | None = None) -> list[Figure]:
    """A figure for each of `FIGURES`; each week is a run."""
    columns = list(zip(*told, strict=True))
    return [
        Figure(
            f"{name}, {of}",
            "",
            fmean(columns[at]),
            tuple(columns[at]),
            None if wanted is None else Target(wanted[at], "higher"),
        )
        for at, of in enumerate(FIGURES)
    ]


def straight(paid: Payments, rows: Rows, tests: Sequence[Week]) -> dict[str, list[Quality]]:
    """What models make of the features alone, each fitted on the week that the protocol gives it."""
    found: dict[str, list[Quality]] = {}
    for week in tests:
        frauds = paid.fraud[week.learnt]
        models = {
            "gradient boosting": HistGradientBoostingClassifier(random_state=SEED),
            "random forest": RandomForestClassifier(min_samples_leaf=5, random_state=SEED),
            "logistic regression": LogisticRegression(C=100.0, max_iter=1_000),
        }
        for name, model in models.items():
            model.fit(rows[week.learnt], frauds)
            scores: Scores = model.predict_proba(rows[week.tested])[:, 1]
            found.setdefault(name, []).append(judge(paid, week, scores))
    return found
