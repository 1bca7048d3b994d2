"""Fits the model behind POST /risk_score: `python -m argus.api.fit_form` prints the numbers in `argus.api.form`.

Logistic regression (scikit-learn) on simulated life with attacks. A row is a login or a payment as a shop that keeps
no history would describe it: the amount (0 for a login), the tries that the login took (the failed ones of a day
before, and the one that got in), the payments declined within that day, and the account's age in days. All fraud
together weighs as much as all the rest. The same numbers come out every time.
"""

import sys
from collections import defaultdict, deque
from collections.abc import Iterator
from random import Random
from typing import Final

import numpy as np
from sklearn.linear_model import LogisticRegression

from argus.api.form import Form, features
from core.clock import DAY
from simulation.config import Config
from simulation.stream import generate

SEED: Final = 20_260_301
USERS: Final = 2_000
EVENTS: Final = 400_000
# Accounts are older than the simulation: for how long, in days.
OLDEST_DAYS: Final = 1_500
ASKED: Final = ("login", "transaction", "payout")


def rows(events: int = EVENTS, users: int = USERS, seed: int = SEED) -> Iterator[tuple[Form, bool]]:
    """Logins and payments, with whether they are fraud."""
    random = Random(seed)
    born_ms: dict[str, float] = {}
    logins: defaultdict[str, deque[int]] = defaultdict(deque)
    declines: defaultdict[str, deque[int]] = defaultdict(deque)
    for labelled in generate(Config(seed=seed, users=users, events=events, attack_share=0.05)):
        event, user, time_ms = labelled.event, labelled.event["user_id"], labelled.time_ms
        if labelled.repeat:
            continue
        if user not in born_ms:
            age_days = 0.0 if event["type"] == "signup" else random.uniform(0, OLDEST_DAYS)
            born_ms[user] = time_ms - age_days * DAY
        for ring in (logins[user], declines[user]):
            while ring and ring[0] < time_ms - DAY:
                ring.popleft()
        if event["type"] not in ASKED:
            continue
        form = Form(
            transaction_amount=float(event.get("amount", 0.0)),
            login_attempts=1 + len(logins[user]),
            failed_transactions=len(declines[user]),
            account_age=max(0.0, (time_ms - born_ms[user]) / DAY),
        )
        if event.get("outcome") == "failure":
            (logins if event["type"] == "login" else declines)[user].append(time_ms)
        yield form, labelled.label == "fraud"


def fit() -> tuple[list[float], float]:
    """Weights of the features, and the bias."""
    forms, labels = zip(*rows(), strict=True)
    x = np.array([features(form) for form in forms])
    model = LogisticRegression(C=1.0, class_weight="balanced", max_iter=1_000).fit(x, np.array(labels))
    return [round(float(weight), 4) for weight in model.coef_[0]], round(float(model.intercept_[0]), 4)


if __name__ == "__main__":
    weights, bias = fit()
    sys.stdout.write(f"WEIGHTS = {tuple(weights)}\nBIAS = {bias}\n")
