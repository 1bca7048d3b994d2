"""How much of what was paid at a merchant turned out to be fraud, with labels that come days or weeks late."""

from typing import Final

from core.clock import DAY
from core.reputation import AFTER_MAX, FraudRecord
from core.source_state import PAYMENTS, RING_MAX, Entry, SourceState, digest, remember

FRAUDS: Final = "fraud"

# Windows in days before the newest payment known as fraud: the Handbook's, without its window of one day, since
# terminals that see a few payments a day have no verdict in one.
DAYS: Final = (7, 28)
# Those of a merchant's record, for models, which weigh them against one another.
RECORD_DAYS: Final = (1, 7, 30)
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
    best: tuple[float, list[Entry], int] = (0.0, [], 0)
    for days in DAYS:
        share, known, paid = _share(state, days, prior_payments)
        if share > best[0]:
            best = (share, known, paid)
    return best


def _share(state: SourceState, days: int, prior_payments: float) -> tuple[float, list[Entry], int]:
    frauds = state.rings.get(FRAUDS)
    if not frauds:
        return 0.0, [], 0
    through = frauds[-1][0] // DAY
    since = through - days + 1
    known = [entry for entry in frauds if entry[0] // DAY >= since]
    paid = sum(count for day, count in state.days.items() if since <= day <= through)
    paid = max(paid, len(known))
    return len(known) / (paid + prior_payments), known, paid


def fraud_record(state: SourceState, paid_ms: int, told_ms: int) -> FraudRecord | None:
    """What models are told of a merchant, None where no fraud is known. The newest label was of the payment of
    `paid_ms` and came at `told_ms`. A merchant that saw over `PAYMENTS_RING_MAX` payments since has no run."""
    frauds = state.rings.get(FRAUDS)
    if not frauds:
        return None
    newest_ms = run_since_ms = frauds[-1][0]
    known = {entry[2] for entry in frauds}
    run = 0
    after: list[int] = []
    for time_ms, _, payment, _ in reversed(state.rings.get(PAYMENTS, ())):
        if payment in known:
            run += 1
            run_since_ms = min(run_since_ms, time_ms)
        elif run:
            break
        elif time_ms > newest_ms:
            after.append(time_ms)
    before = None if state.reputation is None else state.reputation.record
    delay_ms = max(0, told_ms - newest_ms) if before is None or paid_ms >= newest_ms else before.delay_ms
    share_1d, share_7d, share_30d = (_share(state, days, PRIOR_PAYMENTS)[0] for days in RECORD_DAYS)
    earliest = tuple(after[: -AFTER_MAX - 1 : -1])
    return FraudRecord(share_1d, share_7d, share_30d, run, run_since_ms, newest_ms, delay_ms, earliest)


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
