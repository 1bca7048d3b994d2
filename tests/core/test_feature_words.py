import pytest

from core.feature_words import WORDS, instead
from core.features import FEATURES


@pytest.mark.parametrize(
    ("feature", "given", "usual", "words"),
    [
        ("amount_ratio", 0.8424, 0.2277, "1.0 times the typical payment instead of 12.0 times the typical payment"),
        ("amount_z", 0.5, 0.0, "0.0 deviations above the mean instead of 3.0 deviations above the mean"),
        ("amount_size", 0.7501, 0.3331, "about 20 dollars instead of about 1,000 dollars"),
        ("odd_amounts", 0.5, 0.0, "0 in 15 days instead of 3 in 15 days"),
        ("payments_10m", 0.75, 1 / 3, "1 payment in 10 minutes instead of 6 payments in 10 minutes"),
        ("failures_1h", 0.5, 0.0, "0 failures in an hour instead of 3 failures in an hour"),
        ("new_device", 1.0, 0.0, "first seen a week ago or more instead of never seen before"),
        ("new_network", 0.5, 0.0, "first seen a week ago or more instead of first seen 4 days ago"),
        ("new_country", 1.0, 0.5, "one of several instead of a new one"),
        ("new_payee", 0.5, 0.0, "first paid a week ago or more instead of a new merchant"),
        ("changed", 1 - 1 / 24, 0.0, "none for a day instead of 1 hour before"),
        ("travel", 1.0, 0.0, "0 km/h instead of 1,800 km/h"),
        ("odd_hour", 1.0, 0.25, "75 % as busy as the busiest instead of 0 % as busy as the busiest"),
        ("another", 0.5, 0.25, "0.25 instead of 0.50"),
    ],
)  # fmt: skip
def test_a_feature_is_told_in_the_figures_that_it_was_made_of(
    feature: str, given: float, usual: float, words: str
) -> None:
    told = instead(feature, given, usual)
    assert told.text == f"Would not have fired with {feature.replace('_', ' ')} as usual: {words}"
    assert (told.what, told.value, told.limit) == (feature, round(given, 4), round(usual, 4))


def test_every_feature_has_words_over_all_of_its_range() -> None:
    assert set(WORDS) == set(FEATURES)
    for words in WORDS.values():
        assert all(words(value / 20) for value in range(21))
