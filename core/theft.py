"""How likely it is that somebody else pays too, where sums are all there is to tell it by.

A hidden Markov model of two states, filtered forwards (L. Rabiner, "A Tutorial on Hidden Markov Models", 1989): a
user's card is the user's alone, or a thief has it as well, for a week or two, and makes some of its payments. What a
sum says depends on how many times the user's mean it is, and on how often the user pays twice the mean or more: whose
sums differ a lot is not held to them, and nobody is until that is known. One large sum may be a purchase; a second
one after it is seldom, and a week of ordinary ones speaks for the user again.
"""

from math import exp, log
from typing import Final

from core.clock import DAY
from core.state import Theft, UserState

# So many users have a thief at any time, and for so long, on average.
ROBBED_PART: Final = 0.01
ROBBED_MS: Final = 14 * DAY
# Of the payments with a card that a thief has, the thief's.
THIEFS_PART: Final = 1 / 3
# How much rather a thief pays a sum than its user does, as a logarithm: of a usual one; more for each mean above so
# many of them, where the user is steady; at most.
USUAL: Final = log(0.4)
TIMES_FROM: Final = 1.8
PER_TIME: Final = 5.0
MOST: Final = 8.0
# A payment of so many means is large. What is assumed of how many of a user's are, and for how many payments it
# speaks; steady is whose part of large ones is at most so much; so many payments are counted, and older ones fade.
# A thief's count too: who begins to pay otherwise would never be believed.
LARGE_TIMES: Final = 2.0
PRIOR_PART: Final = 0.1
PRIOR_N: Final = 30
STEADY_PART: Final = 0.06
COUNTED: Final = 200


def learn_sum(state: UserState, time_ms: int, times: float) -> float:
    """Let a payment of so many times the user's mean change what is thought of all to come. Answers 0..1: how likely
    it is a thief's itself. One that is late counts as of now."""
    known = state.theft
    if known is None:
        known = state.theft = Theft(ROBBED_PART, time_ms, 0.0, 0.0)
    stays = exp(-max(0, time_ms - known.time_ms) / ROBBED_MS)
    robbed = ROBBED_PART + (known.likely - ROBBED_PART) * stays
    part = (known.large + PRIOR_PART * PRIOR_N) / (known.counted + PRIOR_N)
    per_time = PER_TIME * min(1.0, STEADY_PART / part) ** 4
    rather = exp(min(MOST, USUAL + per_time * max(0.0, times - TIMES_FROM)))
    thiefs = robbed * THIEFS_PART * rather
    users = robbed * (1.0 - THIEFS_PART)
    every = thiefs + users + 1.0 - robbed
    known.likely = (thiefs + users) / every
    known.time_ms = max(known.time_ms, time_ms)
    fade = 1.0 if known.counted < COUNTED else 1.0 - 1.0 / COUNTED
    known.counted = fade * known.counted + 1.0
    known.large = fade * known.large + (times > LARGE_TIMES)
    return thiefs / every
