"""POST /risk_score: a risk from four numbers alone, for who keeps no history and sends no events.

A logistic regression, fitted to simulated payments by `argus.api.fit_form`. It knows nothing of a user's past and so
much less than the stream: use POST /v1/score where you can.
"""

from math import exp, log1p
from typing import Annotated, Final

from msgspec import Meta, Struct

from argus.api.route import Call

# Of `features`, in their order.
WEIGHTS: Final = (-4.6065, 0.6073, 0.8811, 2.0362, -0.0686)
BIAS: Final = 0.0725

# A number without a fraction: to JSON, 3 and 3.0 are the same.
Count = Annotated[float, Meta(ge=0, le=1_000_000, multiple_of=1)]


class Form(Struct, frozen=True, kw_only=True):
    """transaction_amount: in the shop's currency; login_attempts, failed_transactions: of the last day; account_age:
    in days."""

    transaction_amount: Annotated[float, Meta(ge=0, le=1e15)]
    login_attempts: Count
    failed_transactions: Count
    account_age: Annotated[float, Meta(ge=0, le=100_000)]


class FormScore(Struct, frozen=True):
    """risk_score: 0 to 100, 50 where fraud is as likely as not among as many frauds as others; suspicious_activity:
    whether it reaches the setting `fraud_score_threshold`."""

    risk_score: float
    suspicious_activity: bool


def features(form: Form) -> tuple[float, ...]:
    """What the model sees: logarithms, since the tenth login tells less than the second;
    and whether it is a payment at all."""
    return (
        float(form.transaction_amount > 0),
        log1p(form.transaction_amount),
        log1p(form.login_attempts),
        log1p(form.failed_transactions),
        log1p(form.account_age),
    )


def risk(form: Form) -> float:
    """0 to 100."""
    z = BIAS + sum(weight * value for weight, value in zip(WEIGHTS, features(form), strict=True))
    return 100 / (1 + exp(-z))


async def score(call: Call) -> FormScore:
    found = round(risk(call.body), 4)
    return FormScore(found, found >= call.services.settings.policy.fraud_score_threshold)
