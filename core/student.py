"""Deviations, where the mean and the deviation that they are counted by are known from a few values only.

What is drawn from a normal distribution, less the mean of n others and divided by their deviation, is Student's: with
10 known, 3.4 such deviations are as rare as 3 are once the distribution is known. Wallace's approximation, within .03
up to 6 deviations from 8 degrees of freedom on (D. L. Wallace, "Bounds on normal approximations to Student's and the
chi-square distributions", 1959).
"""

from math import copysign, exp, log1p, sqrt


def normal_deviations(error: float, known: float) -> float:
    """What a value is worth in deviations of a normal distribution. error: its distance from the mean of the known
    ones, in deviations of theirs; known: how many they are, 2 or more."""
    freedom = known - 1
    student = error / sqrt(1 + 1 / known)
    return copysign(_slant(freedom) * sqrt(freedom * log1p(student * student / freedom)), error)


def error_at(deviations: float, known: float) -> float:
    """The distance at which `normal_deviations` is so many."""
    freedom = known - 1
    normal = deviations / _slant(freedom)
    return copysign(sqrt(freedom * (exp(normal * normal / freedom) - 1) * (1 + 1 / known)), deviations)


def _slant(freedom: float) -> float:
    return (8 * freedom + 1) / (8 * freedom + 3)
