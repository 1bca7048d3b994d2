"""Cards being tried out."""

from typing import Final

from core.clock import DAY, SECOND
from core.events import Action
from core.ledger import SMALL_USD
from core.rules.entry import NOT_ENOUGH, Answer, Example, Hit, Rule, Severity, Thresholds, event
from core.rules.unless import Unless, fewer
from core.seen import FAMILIAR_S, Seen
from core.state import UserState, short
from core.windows import entries_around
from core.wording import duration


def testing(action: Action, state: UserState, seen: Seen, t: Thresholds) -> Answer:
    if not action.failed or len(state.declines) < t["declines"]:
        return None
    small = [entry for entry in state.declines if entry[3]]
    if len(small) < t["declines"]:
        return None
    tried = max(entries_around(small, action.time_ms, int(t["window_s"] * SECOND)), key=len)
    best, cards = len(tried), {card for _, card, _, _ in tried}
    several = len(cards) > 1 or (not seen.own_device and (0 in cards or best >= t["same_card_declines"]))
    if best >= t["declines"] and several:
        text = f"{best} small payments declined within {duration(t['window_s'] * SECOND)}"
        return Hit(Severity.HIGH, text, unless=_testing(best, t))
    weekly = max(len({card for _, card, _, _ in part}) for part in entries_around(small, action.time_ms, 7 * DAY))
    if weekly >= t["week_cards"]:
        quick = fewer(best, t["declines"], "declines", t["window_s"])
        unless = fewer(weekly, t["week_cards"], "such cards", _DAY * 7, quick)
        return Hit(Severity.MEDIUM, f"Small payments declined on {weekly} cards within a week", unless=unless)
    if best >= t["declines"]:
        return Hit(
            Severity.MEDIUM,
            f"{best} small payments on one card declined within {duration(t['window_s'] * SECOND)}",
            unless=_testing(best, t),
        )
    return None


def _testing(best: int, t: Thresholds) -> Unless:
    """As long as there are not many cards in a week either."""
    slow = fewer(best, t["week_cards"], "cards", _DAY * 7)
    return fewer(best, t["declines"], "small payments declined", t["window_s"], slow)


def declines(action: Action, state: UserState, seen: Seen, t: Thresholds) -> Answer:
    if not action.failed or len(state.declines) <= t["declines"]:
        return None
    counted = max(entries_around(state.declines, action.time_ms, DAY), key=len)
    count = len(counted)
    if count <= t["declines"]:
        return None
    spread = {(card, merchant) for _, card, merchant, _ in counted}
    several = len(spread) > 1 or 0 in next(iter(spread))
    if several and (seen.till or seen.own_device):
        # A limit that is used up declines the card wherever its owner goes, and then the owner's other one.
        declined = {card for card, _ in spread}
        several = len(declined) > 1 and not declined <= _own_cards(action, state)
    severity = Severity.MEDIUM if several or count > t["same_card_declines"] else Severity.LOW
    unless = fewer(count, t["declines"] + 1, "declined payments", _DAY)
    return Hit(severity, f"{count} declined payments within a day", unless=unless)


def _own_cards(action: Action, state: UserState) -> set[int]:
    """The digests of the cards that have been the user's for a day."""
    since_s = action.time_ms // SECOND - FAMILIAR_S
    return {short(card.mark) for card in state.cards if card.first_s <= since_s}


def many_cards(action: Action, state: UserState, seen: Seen, t: Thresholds) -> Answer:
    if not seen.new_card or len(state.cards) < min(t["cards"], t["fresh_cards"]):
        return None
    at_s = action.time_ms // SECOND
    window_s = int(t["window_s"])
    declined = any(abs(action.time_ms - entry[0]) < window_s * SECOND for entry in state.declines)
    dear = seen.usd >= t["emptied_usd"]
    # Who opens an account with cards of others does not wait for a third.
    fresh = bool(state.signup_ms) and seen.known_s < window_s and declined and dear
    least = t["fresh_cards"] if fresh else t["cards"]
    firsts = sorted([card.first_s for card in state.cards])
    count = max(
        sum([end_s - window_s < first_s <= end_s for first_s in firsts])
        for end_s in firsts
        if at_s <= end_s < at_s + window_s
    )
    if count < least:
        return None
    if not state.signup_ms and seen.known_s < window_s and count < t["cards"] + t["unknown_cards"]:
        return NOT_ENOUGH
    since_s = at_s - int(t["quick_s"])
    quick = len([first_s for first_s in firsts if since_s <= first_s <= at_s]) >= t["cards"]
    # Thieves try cards with next to nothing, or empty them. Honest people fill a purse while they shop, and take
    # another card where one was declined.
    tried = quick and declined and seen.usd <= SMALL_USD
    emptied = (quick or declined) and dear and count >= t["cards"]
    if count > t["cards"] or tried or emptied:
        severity = Severity.HIGH
    else:
        severity = Severity.MEDIUM if quick or declined else Severity.LOW
    return Hit(
        severity,
        f"{count} new cards within {duration(t['window_s'] * SECOND)}",
        unless=fewer(count, least, "new cards", t["window_s"]),
    )


_HOME: Final = {"ip": "192.0.2.10", "device_id": "d1", "country": "DE"}
_DAY: Final = 86_400


def _declined(count: int, every_s: float, amount: float, cards: int = 1) -> tuple[dict[str, object], ...]:
    return tuple(
        event(
            "transaction", n * every_s, outcome="failure", amount=amount, currency="USD", card_id=f"c{n % cards}",
            merchant_id="m1", **_HOME,
        )
        for n in range(count)
    )  # fmt: skip


def _paid(at: float, card: str, **fields: object) -> dict[str, object]:
    return event("transaction", at, card_id=card, **{"amount": 25, "currency": "USD", **_HOME, **fields})


RULES: Final = (
    Rule(
        id="card_testing",
        title="Cards are being tried out",
        kind="TRANSACTION",
        severity=Severity.HIGH,
        scope="user",
        types=("transaction",),
        check=testing,
        thresholds={"declines": 3, "same_card_declines": 5, "week_cards": 4, "window_s": 600},
        period_s=21_600,
        weight=0.6,
        attack=("OAT-001",),
        suggest=("Stop new cards for this user", "Tell the issuers"),
        words="3 declined payments of up to 10 dollars in any 10 minutes: HIGH on several cards, or from 5 on; one "
        "card tried again and again is MEDIUM, since it may be a mistyped number, and stays so on a device of a day "
        "or more, where it may be empty. So are small declines on 4 cards in a week.",
        default_source="own; Stripe describes the pattern",
        gaps="Cards that pass leave no trace here but in cards_per_user. The 10 newest declines are kept.",
        examples=(
            Example(name="3 cards in 2 minutes", events=_declined(3, 60, 1.0, 3), hit=True, severity=Severity.HIGH),
            Example(name="a card a day", events=_declined(5, _DAY, 1.0, 5), hit=True, severity=Severity.MEDIUM),
            Example(name="a mistyped number", events=_declined(3, 60, 8.0), hit=True, severity=Severity.MEDIUM),
            Example(name="5 declines of one card", events=_declined(5, 60, 8.0), hit=True, severity=Severity.HIGH),
            Example(
                name="5 declines of one card on the user's device",
                events=(event("login", -_DAY, **_HOME), *_declined(5, 60, 8.0)),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(name="3 declines of a television", events=_declined(3, 60, 800.0, 3), hit=False),
            Example(name="one decline", events=_declined(1, 60, 1.0), hit=False),
        ),
    ),
    Rule(
        id="failed_payments",
        title="Several declined payments in a day",
        kind="TRANSACTION",
        severity=Severity.LOW,
        scope="user",
        types=("transaction", "payout"),
        check=declines,
        thresholds={"declines": 2, "same_card_declines": 5},
        period_s=_DAY,
        weight=0.2,
        attack=("OAT-001", "OAT-012"),
        suggest=("Look at the cards and merchants",),
        words="More than 2 declines in any 24 hours. Up to 5 of one card at one merchant only inform, and so do "
        "those of one card, or of cards that the user has had for a day, on a device of a day or more or at a till: "
        "somebody's card is empty.",
        default_source="Jube",
        gaps="The reason of a decline isn't known.",
        examples=(
            Example(name="3 cards", events=_declined(3, 7_000, 80, 3), hit=True, severity=Severity.MEDIUM),
            Example(name="an empty card", events=_declined(3, 60, 80), hit=True, severity=Severity.LOW),
            Example(
                name="an empty card, days after another's decline",
                events=(
                    event("transaction", -6 * _DAY, outcome="failure", card_id="c9", merchant_id="m9", **_HOME),
                    *_declined(3, 60, 80),
                ),
                hit=True,
                severity=Severity.LOW,
            ),
            Example(
                name="an empty card at one shop after another, on the user's device",
                events=(
                    event("login", -_DAY, **_HOME),
                    *[{**one, "merchant_id": f"m{n}"} for n, one in enumerate(_declined(3, 600, 80))],
                ),
                hit=True,
                severity=Severity.LOW,
            ),
            Example(
                name="and on a strange one",
                events=(
                    event("login", -_DAY, **{**_HOME, "device_id": "d9"}),
                    *[{**one, "merchant_id": f"m{n}"} for n, one in enumerate(_declined(3, 600, 80))],
                ),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="the user's two cards, both empty",
                events=(
                    *[_paid(-2 * _DAY, card, **_HOME) for card in ("c0", "c1")],
                    *_declined(3, 600, 80, 2),
                ),
                hit=True,
                severity=Severity.LOW,
            ),
            Example(name="2 declines", events=_declined(2, 60, 80), hit=False),
            Example(name="one every other day", events=_declined(5, 2 * _DAY, 80), hit=False),
        ),
    ),
    Rule(
        id="cards_per_user",
        title="Many new cards on one user",
        kind="TRANSACTION",
        severity=Severity.HIGH,
        scope="user",
        types=("transaction", "payout"),
        check=many_cards,
        thresholds={
            "cards": 3,
            "fresh_cards": 2,
            "unknown_cards": 2,
            "window_s": _DAY,
            "quick_s": 7_200,
            "emptied_usd": 200,
        },
        period_s=_DAY,
        weight=0.55,
        attack=("OAT-001", "OAT-010"),
        suggest=("Stop new cards for this user", "Compare the names on the cards"),
        words="3 cards that the user never used before, within 24 hours. HIGH from the fourth on; within 2 hours and "
        "with a decline for up to 10 dollars, as cards are tried; and with one of the two for 200 dollars or more, "
        "as they are emptied. With one of them MEDIUM, as are 2 cards in an account's first day, one of them "
        "declined, for 200 dollars or more. A purse that is emptied over a day informs. Old cards don't count.",
        default_source="own",
        gaps="For a user without a signup, whose first day with Argus this is, 2 more are needed. 6 cards are known.",
        examples=(
            Example(
                name="3 new cards in an hour, the last for 250 dollars",
                events=(
                    event("signup", 0, **_HOME),
                    _paid(9, "c1"),
                    _paid(600, "c2"),
                    _paid(3_600, "c3", amount=250),
                ),
                hit=True,
                severity=Severity.HIGH,
            ),
            Example(
                name="3 new cards in an hour, for sums of every day",
                events=(event("signup", 0, **_HOME), _paid(9, "c1"), _paid(600, "c2"), _paid(3_600, "c3")),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="3 new cards in a minute, for next to nothing, one declined",
                events=(
                    event("signup", 0, **_HOME),
                    _paid(9, "c1", amount=1),
                    _paid(20, "c2", amount=2, outcome="failure"),
                    _paid(40, "c3", amount=1),
                ),
                hit=True,
                severity=Severity.HIGH,
            ),
            Example(
                name="a third new card within the hour where the second was declined, for lunch",
                events=(
                    event("signup", 0, **_HOME),
                    _paid(9, "c1"),
                    _paid(600, "c2", outcome="failure"),
                    _paid(630, "c3"),
                ),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="another card where one was declined",
                events=(
                    event("signup", 0, **_HOME),
                    _paid(9, "c1"),
                    _paid(_DAY / 4, "c2"),
                    _paid(_DAY / 2, "c2", outcome="failure"),
                    _paid(_DAY / 2 + 60, "c3"),
                ),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="another card for something dear where one was declined",
                events=(
                    event("signup", 0, **_HOME),
                    _paid(9, "c1"),
                    _paid(_DAY / 4, "c2"),
                    _paid(_DAY / 2, "c2", amount=730, outcome="failure"),
                    _paid(_DAY / 2 + 60, "c3", amount=730),
                ),
                hit=True,
                severity=Severity.HIGH,
            ),
            Example(
                name="an account an hour old: another card for something dear where one was declined",
                events=(
                    event("signup", 0, **_HOME),
                    _paid(3_600, "c1", amount=250, outcome="failure"),
                    _paid(4_800, "c2", amount=270),
                ),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="the same a day later",
                events=(
                    event("signup", 0, **_HOME),
                    _paid(_DAY + 3_600, "c1", amount=250, outcome="failure"),
                    _paid(_DAY + 4_800, "c2", amount=270),
                ),
                hit=False,
            ),
            Example(
                name="an account an hour old: another card for lunch where one was declined",
                events=(
                    event("signup", 0, **_HOME),
                    _paid(3_600, "c1", outcome="failure"),
                    _paid(4_800, "c2"),
                ),
                hit=False,
            ),
            Example(
                name="an old customer on the first day that Argus sees",
                events=(_paid(0, "c1"), _paid(600, "c2"), _paid(3_600, "c3")),
                hit=False,
            ),
            Example(
                name="one after the other over a week",
                events=(_paid(0, "c1"), _paid(3 * _DAY, "c2"), _paid(6 * _DAY, "c3")),
                hit=False,
            ),
            Example(
                name="three old cards in a day",
                events=(
                    *(_paid(n * 2 * _DAY, f"c{n}") for n in range(3)),
                    *(_paid(10 * _DAY + n, f"c{n}") for n in range(3)),
                ),
                hit=False,
            ),
        ),
    ),
)
