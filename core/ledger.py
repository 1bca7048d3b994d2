"""Placing payments and deposits in a user's memory."""

from math import log
from typing import Final

from core import bounds
from core.clock import SECOND
from core.events import Action
from core.money import rough_dollars
from core.receipts import keep_receipt
from core.ring_origins import keep_origin
from core.seen import FAMILIAR_S, Seen
from core.state import PRIOR_LOG_SD, PRIOR_N, UserState, mark, meet, short
from core.student import normal_deviations
from core.theft import learn_sum
from core.windows import insert, insert_entry, insert_money

# A payment of this many times the typical is odd, once there are some to compare it with.
ODD_RATIO: Final = 3.0
ODD_AFTER: Final = 5
# What people send is about so many times what they pay in shops, until so many payouts of their own speak.
SENT_RATIO: Final = 2.5
LOG_SENT_RATIO: Final = log(SENT_RATIO)
SENT_PRIOR_N: Final = 3
# One payment in so many without device and network is a habit: a till, a standing order.
UNPLACED_PART: Final = 10
# Who always pays about the same is not held to the cent.
LEAST_LOG_SD: Final = 0.15
# Rough dollars, all of them. Less than LEAST is no amount, and would make ratios boundless.
LEAST_USD: Final = 0.001
# A decline of up to this looks like a card being tried.
SMALL_USD: Final = 10.0
JUST_UNDER_USD: Final = (8_000.0, 10_000.0)
ROUND_USD: Final = 1_000.0


def place_payment(state: UserState, action: Action, seen: Seen) -> None:
    time_ms, clock_ms = action.time_ms, state.clock_ms
    time_s = time_ms // SECOND
    payee = card = merchant = card_age_s = 0
    if action.payee_id is not None:
        payee = mark(action.payee_id)
        seen.payee_age_s = meet(state.payees, payee, time_s, bounds.PAYEES_MAX, not action.failed)
        seen.new_payee = seen.payee_age_s == 0
    if action.card_id is not None:
        card = mark(action.card_id)
        card_age_s = meet(state.cards, card, time_s, bounds.CARDS_MAX, True)
        seen.new_card = card_age_s == 0
    merchant_text = ""
    if action.merchant_id is not None:
        merchant = short(mark(action.merchant_id))
        seen.new_merchant = _meet_merchant(state.merchants, merchant)
        # What was declined, or sent to somebody, is no payment at the merchant.
        merchant_text = "" if action.failed or action.type != "transaction" else action.merchant_id
    state.receipts = keep_receipt(state.receipts, time_s, action.key, merchant_text, bounds.RECEIPTS_BYTES)
    if not action.failed:
        state.origins = keep_origin(
            state.origins, action.key, seen.device_mark, seen.device_age_s, seen.network_mark, seen.network_age_s,
            card, card_age_s, payee, seen.payee_age_s,
        )  # fmt: skip
    if action.device_id is None and action.network is None:
        seen.till = bool(state.devices or state.networks)
        seen.unplaced = state.amounts.n >= ODD_AFTER and state.unplaced * UNPLACED_PART <= state.amounts.n
        state.unplaced += 1
    insert(state.paid, time_ms, bounds.PAID_MAX, clock_ms - bounds.PAID_MS)
    amount = action.amount
    usd = 0.0 if amount is None else rough_dollars(amount, action.currency)
    if action.failed:
        entry = (time_ms, short(card), merchant, int(usd <= SMALL_USD))
        insert_entry(state.declines, entry, bounds.DECLINES_MAX, clock_ms - bounds.DECLINES_MS)
    if usd < LEAST_USD:
        return
    seen.usd = usd
    if state.amounts.n >= ODD_AFTER:
        _compare(state, action, seen)
        if seen.usual > 0 and not (seen.placed or seen.till):
            seen.theft = learn_sum(state, time_ms, usd / seen.usual)
        if seen.ratio >= ODD_RATIO:
            insert(state.odd, time_ms, bounds.ODD_MAX, clock_ms - bounds.ODD_MS)
    if not action.failed:
        insert_money(state.money, time_ms, usd, bounds.MONEY_MAX, clock_ms, bounds.MONEY_MS)
        if usd >= ROUND_USD:
            _reportable(state, action, usd)
            amount = action.amount or 0.0
            if amount % ROUND_USD == 0 and seen.payee_age_s < FAMILIAR_S:
                insert(state.round, time_ms, bounds.ROUND_MAX, clock_ms - bounds.ROUND_MS)


def _compare(state: UserState, action: Action, seen: Seen) -> None:
    """What the sum is to the user's own past. People send more than they pay in shops, and more seldom: a payout is
    held against payouts, as far as some are known, and for the rest against `SENT_RATIO` times the usual payment;
    how far out it is goes by how many of them are known."""
    amounts = state.amounts
    log_mean, log_sd, typical, mean = amounts.log_mean, amounts.log_sd, amounts.typical, amounts.mean
    if action.type == "payout":
        sent = state.sent
        share = sent.n / (sent.n + SENT_PRIOR_N)
        log_mean = share * sent.log_mean + (1 - share) * (log_mean + LOG_SENT_RATIO)
        log_sd = share * sent.log_sd + (1 - share) * max(log_sd, PRIOR_LOG_SD)
        typical = share * sent.typical + (1 - share) * SENT_RATIO * typical
        mean = share * sent.mean + (1 - share) * SENT_RATIO * mean
    seen.usual = mean
    seen.ratio = seen.usd / typical
    seen.error = (log(seen.usd) - log_mean) / max(log_sd, LEAST_LOG_SD)
    known = state.sent.n + SENT_PRIOR_N if action.type == "payout" else amounts.n
    seen.z = normal_deviations(seen.error, known + PRIOR_N)


def _meet_merchant(merchants: list[int], merchant: int) -> bool:
    if merchant in merchants:
        if merchants[-1] != merchant:
            merchants.remove(merchant)
            merchants.append(merchant)
        return False
    merchants.append(merchant)
    if len(merchants) > bounds.MERCHANTS_MAX:
        del merchants[0]
    return True


def _reportable(state: UserState, action: Action, usd: float) -> None:
    if JUST_UNDER_USD[0] <= usd < JUST_UNDER_USD[1]:
        insert(state.tall, action.time_ms, bounds.TALL_MAX, state.clock_ms - bounds.TALL_MS)


def place_deposit(state: UserState, action: Action, seen: Seen) -> None:
    if action.amount is None or action.failed:
        return
    seen.usd = usd = rough_dollars(action.amount, action.currency)
    insert_money(state.deposits, action.time_ms, usd, bounds.DEPOSITS_MAX, state.clock_ms, bounds.DEPOSITS_MS)
    _reportable(state, action, usd)
