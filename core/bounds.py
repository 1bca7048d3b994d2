"""How much of a user is kept, and for how long, so that the record stays small whatever comes in."""

from typing import Final

from core.clock import DAY, HOUR, MINUTE

# Caps and retention. A ring must hold what its rules count: the largest threshold that reads it, and its window plus
# a day for events that come late.
DEVICES_MAX: Final = 6
NETWORKS_MAX: Final = 8
COUNTRIES_MAX: Final = 8
CARDS_MAX: Final = 6
PAYEES_MAX: Final = 10
MERCHANTS_MAX: Final = 10
SESSIONS_MAX: Final = 3
FAILURES_MAX: Final = 20
FAILURES_MS: Final = 8 * DAY
DENIALS_MAX: Final = 10
DENIALS_MS: Final = DAY + 12 * HOUR
PAID_MAX: Final = 20
PAID_MS: Final = DAY + HOUR
MONEY_MAX: Final = 10
MONEY_MS: Final = DAY + 6 * HOUR
DECLINES_MAX: Final = 10
DECLINES_MS: Final = 8 * DAY
ODD_MAX: Final = 6
ODD_MS: Final = 15 * DAY
TALL_MAX: Final = 4
TALL_MS: Final = 2 * DAY
ROUND_MAX: Final = 4
ROUND_MS: Final = 31 * DAY
DEPOSITS_MAX: Final = 4
DEPOSITS_MS: Final = DAY + HOUR
VIEWS_MAX: Final = 32
VIEWS_MS: Final = 5 * MINUTE
PROBES_MAX: Final = 5
PROBES_MS: Final = HOUR
# A silence that is worth remembering once it ends.
IDLE_MS: Final = 30 * DAY
# Four payments a day for nine days: a label comes days late at best.
RECEIPTS_BYTES: Final = 504
