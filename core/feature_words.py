"""Features for people: what a row's number was before it was brought to 0..1 (`core.features`), and which single one
would have kept the models quiet, had it been as usual."""

from collections.abc import Callable, Mapping
from math import expm1
from typing import Final

from core.clock import DAY, MINUTE, SECOND
from core.features import NEW_S, RATIO_SCALE, SILENCE_SCALE, SIZE_SCALE
from core.records import Counterfactual
from core.wording import count, duration

Words = Callable[[float], str]
NO_SINGLE_FEATURE: Final = Counterfactual("Would have fired whichever single feature had been as usual")


def instead(feature: str, given: float, usual: float) -> Counterfactual:
    """given, usual: as in a row."""
    words = WORDS.get(feature, _plain)
    name = feature.replace("_", " ")
    text = f"Would not have fired with {name} as usual: {words(usual)} instead of {words(given)}"
    return Counterfactual(text, feature, round(given, 4), round(usual, 4))


def _plain(value: float) -> str:
    return f"{value:.2f}"


def _counted(half: float, noun: str, within: str) -> Words:
    """Of n / (n + half), which never comes to 1."""
    return lambda value: f"{count(round(half * value / max(1 - value, 1e-3)), noun)} in {within}"


def _fresh(words: str) -> Words:
    """Of what is 1 when new and falls to 0 in 7 days."""

    def told(value: float) -> str:
        if value <= 0:
            return f"{words} a week ago or more"
        return "never seen before" if value >= 1 else f"{words} {duration(round((1 - value) * NEW_S * SECOND))} ago"

    return told


def _changed(value: float) -> str:
    return "none for a day" if value <= 0 else f"{duration(round((1 - value) * DAY))} before"


def _country(value: float) -> str:
    return "a new one" if value >= 1 else "one of several" if value > 0 else "the only one"


def _payee(value: float) -> str:
    return "a new merchant" if value == 0.5 else _fresh("first paid")(value)


WORDS: Final[Mapping[str, Words]] = {
    "amount_ratio": lambda value: f"{expm1(value / RATIO_SCALE):.1f} times the typical payment",
    "amount_z": lambda value: f"{6 * value:.1f} deviations above the mean",
    "amount_size": lambda value: f"about {expm1(value / SIZE_SCALE):,.0f} dollars",
    "odd_amounts": lambda value: f"{round(6 * value)} in 15 days",
    "payments_10m": _counted(2, "payment", "10 minutes"),
    "spend_24h": _counted(5, "typical payment", "a day"),
    "declines": _counted(2, "decline", "8 days"),
    "failures_1h": _counted(3, "failure", "an hour"),
    "new_device": _fresh("first seen"),
    "new_network": _fresh("first seen"),
    "new_country": _country,
    "new_payee": _payee,
    "silence": lambda value: duration(round(expm1(value / SILENCE_SCALE) * MINUTE)),
    "odd_hour": lambda value: f"{100 * (1 - value):.0f} % as busy as the busiest",
    "changed": _changed,
    "travel": lambda value: f"{1_800 * value:,.0f} km/h",
}
