import pytest

from argus.console.view import words


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("impossible_travel", "Impossible travel"),
        ("brute_force_ip", "Brute force IP"),
        ("mfa_change", "MFA change"),
        ("one_class_svm", "One class SVM"),
        ("tips_and_slips", "Tips and slips"),
    ],
)
def test_a_name_is_written_as_a_person_would_write_it(name: str, told: str) -> None:
    assert words(name) == told
