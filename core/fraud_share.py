"""How much of what was paid at a merchant turned out to be fraud, with labels that come days or weeks late."""

from typing import Final

from core.clock import DAY
from core.source_state import PAYMENTS, RING_MAX, Entry, SourceState, digest, remember

FRAUDS: Final = "fraud"

# Windows in days before the newest payment known as fraud: the Handbook's, without its window of one day, since
# terminals that see a few payments a day have no verdict in one.
DAYS: Final = (7, 28)
# Clean payments that every merchant is taken to have had: one fraud of two payments is no verdict.
PRIOR_PAYMENTS: Final = 6


def relabel(state: SourceState, event_id: str, user_id: str, paid_ms: int, fraud: bool) -> None:
    """Take in a label of a payment. A repeat changes nothing; the last word on a payment stands."""
    payment = digest(event_id)
    ring = [entry for entry in state.rings.get(FRAUDS, ()) if entry[2] != payment]
    if fraud:
        ring.append((paid_ms, remember(state, user_id), payment, 0))
        ring.sort()
        del ring[:-RING_MAX]
    state.rings[FRAUDS] = ring


def fraud_share(state: SourceState, prior_payments: float = PRIOR_PAYMENTS) -> tuple[float, list[Entry], int]:
    """The largest smoothed share of confirmed fraud in any of `DAYS`, 0..1, with the frauds and payments there.

    The windows end with the newest payment known as fraud: later ones are not clean, they are not known. Earlier ones
    without a label count as clean.
    """
    frauds = state.rings.get(FRAUDS)
    if not frauds:
        return 0.0, [], 0
    through = frauds[-1][0] // DAY
    best: tuple[float, list[Entry], int] = (0.0, [], 0)
    for days in DAYS:
        since = through - days + 1
        known = [entry for entry in frauds if entry[0] // DAY >= since]
        paid = sum(count for day, count in state.days.items() if since <= day <= through)
        paid = max(paid, len(known))
        share = len(known) / (paid + prior_payments)
        if share > best[0]:
            best = (share, known, paid)
    return best


def fraud_run(state: SourceState) -> int:
    """How many payments in a row, back from the newest known as fraud, are all known as fraud."""
    known = {entry[2] for entry in state.rings.get(FRAUDS, ())}
    run = 0
    for _, _, payment, _ in reversed(state.rings.get(PAYMENTS, ())):
        if payment in known:
            run += 1
        elif run:
            break
    return run
