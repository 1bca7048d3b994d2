"""Stories that need several rules to stay quiet, or that no single rule's examples tell."""

from typing import Any

import pytest

from core.reputation import BAD, LISTED, Consulting, Reputation, Reputations
from core.rules.book import RuleBook
from core.rules.entry import Example, Hit, Severity
from core.rules.trial import answers
from tests.core.story import Town

BOOK = RuleBook()
HOME: dict[str, Any] = {"ip": "192.0.2.10", "device_id": "d1", "country": "DE", "lat": 52.5, "lon": 13.4}
WORK: dict[str, Any] = {**HOME, "ip": "198.51.100.10", "device_id": "d2"}
AWAY: dict[str, Any] = {"ip": "203.0.113.9", "device_id": "x", "country": "PE", "lat": -12.0, "lon": -77.0}
MINUTE, HOUR, DAY = 60, 3_600, 86_400


def act(type_: str, at: float, **fields: Any) -> dict[str, Any]:
    return {"type": type_, "at": at, **fields}


def failures(count: int, at: float, every: float = 30, **fields: Any) -> list[dict[str, Any]]:
    return [act("login", at + n * every, outcome="failure", **fields) for n in range(count)]


def usual_life(days: int = 20) -> list[dict[str, Any]]:
    """Home in the morning, work by day, shopping, rent, a second device."""
    events = []
    for day in range(days):
        at = day * DAY
        events += [
            act("login", at, **HOME, session_id=f"h{day}"),
            act("page_view", at + 60, path="/", **HOME, session_id=f"h{day}"),
            act("login", at + 4 * HOUR, **WORK, session_id=f"w{day}"),
            act(
                "transaction",
                at + 5 * HOUR,
                amount=30 + day % 7 * 8,
                currency="EUR",
                merchant_id=f"m{day % 4}",
                **WORK,
            ),
        ]
        if day % 10 == 3:
            events.append(act("payout", at + 6 * HOUR, amount=80, currency="EUR", payee_id="landlord", **HOME))
    return events


def spoken(
    events: list[dict[str, Any]], scores: dict[str, float] | None = None, **standing: Any
) -> dict[str, Severity]:
    """Each rule that hits, with its worst severity."""
    story = Example(name="", events=tuple(events), hit=True, scores=scores, **standing)
    said: dict[str, Severity] = {}
    for rule in BOOK.rules:
        if rule.rule.scope == "user":
            for answer in answers(BOOK, rule, story):
                if isinstance(answer, Hit):
                    said[rule.id] = max(said.get(rule.id, Severity.LOW), answer.severity)
    return said


LATER = 20 * DAY
PAYMENT = {"amount": 40, "currency": "EUR"}


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([], id="nothing but the usual"),
        pytest.param([*failures(4, LATER, **HOME), act("login", LATER + 200, **HOME)], id="a forgetful user"),
        pytest.param(
            [
                *failures(2, LATER, **HOME),
                act("password_change", LATER + 99, **HOME),
                act("login", LATER + 120, **HOME),
                act("payout", LATER + HOUR, payee_id="landlord", **PAYMENT, **HOME),
            ],
            id="a password reset, then the rent",
        ),
        pytest.param([act("login", LATER + 13 * HOUR, **HOME)], id="a night shift"),
        pytest.param([act("deposit", LATER, amount=3_200, currency="EUR", **HOME)], id="salary"),
        pytest.param(
            [
                act("transaction", LATER + n * 45, amount=3, currency="EUR", merchant_id="cards", **HOME)
                for n in range(12)
            ],
            id="a collector who buys one by one",
        ),
        pytest.param(
            [act("page_view", LATER + n * 7, path="/", **{**HOME, "ip": f"198.51.{n}.9"}) for n in range(9)],
            id="a phone that changes networks",
        ),
    ],
)
def test_normal_life_raises_nothing(events: list[dict[str, Any]]) -> None:
    said = spoken([*usual_life(), *events])
    assert said.pop("new_device_login", Severity.LOW) == Severity.LOW  # the second device, on the first day
    assert said == {}


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([act("login", LATER + DAY, **{**AWAY, "device_id": "d1"})], id="a holiday far away"),
        pytest.param(
            [
                act("login", LATER, **{**HOME, "device_id": "new"}),
                act("transaction", LATER + 99, **PAYMENT, **{**HOME, "device_id": "new"}),
            ],
            id="a new phone and the usual shopping",
        ),
        pytest.param(
            [
                act("login", LATER + n * HOUR, **(AWAY if n % 2 else HOME) | {"attributes": {"vpn": n % 2 == 1}})
                for n in range(6)
            ],
            id="a VPN, on and off",
        ),
    ],
)
def test_what_is_new_but_harmless_only_informs(events: list[dict[str, Any]]) -> None:
    assert max(spoken([*usual_life(), *events]).values()) == Severity.LOW


def test_a_takeover_is_seen_by_several_rules_and_locks() -> None:
    at = LATER
    said = spoken(
        [
            *usual_life(),
            act("login", at - 600, **HOME),
            *failures(6, at, **AWAY),
            act("login", at + 300, **AWAY),
            act("password_change", at + 360, **AWAY),
            act("payout", at + 600, amount=900, currency="EUR", payee_id="mule", **AWAY),
        ]
    )
    assert said["success_after_attack"] == Severity.CRITICAL
    assert said["credential_change_payout"] == Severity.CRITICAL
    assert said["new_device_large_payment"] == Severity.HIGH
    assert said["impossible_travel"] == Severity.HIGH
    assert said["several_weak_signals"] == Severity.HIGH
    assert said["amount_spike"] == Severity.MEDIUM


def test_the_way_back_from_where_an_alarm_came_only_informs() -> None:
    def travelled(began: int, back: dict[str, Any] = HOME) -> list[Severity | None]:
        story = (act("login", 0, **HOME), act("login", began, **AWAY), act("login", began + HOUR, **back))
        told = answers(BOOK, BOOK.by_id["impossible_travel"], Example(name="", events=story, hit=True))
        return [answer.severity if isinstance(answer, Hit) else None for answer in told]

    # On a user's first day, after hours.
    assert travelled(12 * HOUR) == [None, Severity.LOW, Severity.LOW]
    assert travelled(11 * HOUR) == [None, Severity.LOW, Severity.LOW]
    assert travelled(HOUR) == [None, Severity.HIGH, Severity.LOW]
    # Who was there first is not known.
    unknown = {**WORK, "device_id": "d7"}
    assert travelled(11 * HOUR, unknown) == [None, Severity.LOW, Severity.HIGH]


def test_a_known_payee_is_news_only_for_a_large_sum_from_elsewhere() -> None:
    def paid(amount: float, **place: Any) -> Severity | None:
        change = act("mfa_change", LATER, **place)
        rent = act("payout", LATER + 60, amount=amount, currency="EUR", payee_id="landlord", **place)
        return spoken([*usual_life(), change, rent]).get("credential_change_payout")

    assert paid(2_000, **AWAY) == Severity.HIGH
    assert paid(80, **AWAY) is None
    assert paid(2_000, **HOME) is None


def test_a_small_payout_after_a_change_informs_on_the_users_device_and_waits_for_an_analyst_on_a_strange_one() -> (
    None
):
    there = {**HOME, "ip": "203.0.113.77"}
    events = [
        act("password_change", LATER, **there),
        act("payout", LATER + 60, amount=40, currency="EUR", **there),
    ]
    assert spoken([*usual_life(), *events])["credential_change_payout"] == Severity.LOW
    strange = act("payout", LATER + 60, amount=40, currency="EUR", **AWAY)
    assert spoken([*usual_life(), events[0], strange])["credential_change_payout"] == Severity.MEDIUM
    late = act("payout", LATER + 3 * DAY, amount=40, currency="EUR", **HOME)
    assert "credential_change_payout" not in spoken([*usual_life(), events[0], late])


def test_an_attacked_user_who_comes_from_the_same_place_without_a_device_is_let_in() -> None:
    at_home = {"ip": "192.0.2.10"}
    guesses = failures(6, LATER, ip="203.0.113.9")
    said = spoken([act("login", 0, **at_home), *guesses, act("login", LATER + 300, **at_home)])
    assert "success_after_attack" not in said
    few = spoken([act("login", 0, **HOME), *failures(5, DAY, **WORK), act("login", 2 * DAY, **AWAY)])
    assert "success_after_attack" not in few
    young = [act("login", 0, **HOME), *failures(10, 60, 20, ip="198.51.100.3"), act("login", 300, **HOME)]
    assert "success_after_attack" not in spoken(young)


@pytest.mark.parametrize(
    ("before", "after", "severity"),
    [
        ({"ip": "192.0.2.1"}, {"ip": "198.51.100.1"}, Severity.LOW),
        ({"ip": "192.0.2.1", "country": "DE"}, {"ip": "198.51.100.1", "country": "PT"}, Severity.HIGH),
        ({"ip": "192.0.2.1", "country": "DE", "device_id": "d"}, {"ip": "1.2.3.4", "country": "PT", "device_id": "d"},
         Severity.MEDIUM),
        ({"ip": "192.0.2.1", "user_agent": "a"}, {"ip": "192.0.2.1", "user_agent": "b"}, Severity.HIGH),
        ({"ip": "192.0.2.1", "user_agent": "a"}, {"ip": "198.51.100.1", "user_agent": "a"}, None),
        ({"ip": "192.0.2.1"}, {"ip": "192.0.2.9"}, None),
    ],
)  # fmt: skip
def test_what_a_moved_session_is_worth(before: Any, after: Any, severity: Severity | None) -> None:
    events = [act("login", 0, session_id="s", **before), act("page_view", 60, session_id="s", path="/", **after)]
    assert spoken(events).get("session_hijack") == severity


@pytest.mark.parametrize(
    ("after", "severity"),
    [
        ([("page_view", 200, "198.51.100.3")], Severity.MEDIUM),
        ([("page_view", 160, "198.51.100.3")], None),
        ([("page_view", 161, "198.51.100.3")], Severity.MEDIUM),
        ([("page_view", 200, "192.0.2.9")], None),
        ([("page_view", 90, "198.51.100.3")], None),
        ([("login", 150, "192.0.2.1"), ("page_view", 200, "198.51.100.3")], None),
        ([("logout", 300, "192.0.2.1"), ("page_view", 200, "198.51.100.3")], None),
    ],
)
def test_a_session_that_has_ended_goes_on_nowhere(after: list[tuple[str, float, str]], severity: Any) -> None:
    steps = [("login", 0.0, "192.0.2.1"), ("logout", 100.0, "192.0.2.1"), *after]
    events = [
        act(type_, at, session_id="s", device_id="d", ip=ip, **({"path": "/"} if type_ == "page_view" else {}))
        for type_, at, ip in steps
    ]
    before = act("login", -3 * DAY, device_id="d", ip="192.0.2.1")
    assert spoken([before, *events]).get("session_hijack") == severity
    assert spoken(events).get("session_hijack") is None


def test_who_was_only_seen_at_tills_or_never_has_no_strange_places_yet() -> None:
    def got_in(*before: dict[str, Any], guessed: int = 6) -> Severity | None:
        guesses = [act("login", LATER + n * 30, outcome="failure", **AWAY) for n in range(guessed)]
        return spoken([*before, *guesses, act("login", LATER + 300, **AWAY)]).get("success_after_attack")

    bread = act("transaction", 0, amount=4, currency="EUR", country="PE", merchant_id="m1")
    assert got_in(bread) == Severity.MEDIUM
    assert got_in() == Severity.HIGH
    assert got_in(guessed=10) == got_in(bread, act("login", 60, **HOME)) == Severity.CRITICAL


def test_who_is_always_seen_in_many_countries_is_told_of_by_their_devices_alone() -> None:
    def jumped(countries: int, device: str = "d") -> dict[str, Severity]:
        exits = [
            {"ip": f"203.0.{n}.9", "country": code, "device_id": "d"}
            for n, code in enumerate(("DE", "RO", "US", "SG"))
        ]
        habit = [act("login", n * 2 * DAY, **exits[n]) for n in range(countries)]
        there = act("login", 9 * DAY, session_id="s", **exits[0])
        brazil = {"ip": "198.51.100.7", "country": "BR", "device_id": device}
        moved = act("page_view", 9 * DAY + 60, session_id="s", path="/", **brazil)
        return spoken([*habit, there, moved])

    assert jumped(3)["session_hijack"] == Severity.MEDIUM
    assert jumped(3)["impossible_travel"] == Severity.LOW
    assert jumped(3, "x")["impossible_travel"] == Severity.HIGH
    assert jumped(4)["session_hijack"] == Severity.LOW
    assert jumped(4, "x")["impossible_travel"] == Severity.LOW
    assert jumped(4, "x")["session_hijack"] == Severity.HIGH


def test_an_ended_session_abroad_is_no_less_than_one_that_has_not_ended() -> None:
    home, away = {"ip": "192.0.2.1", "country": "DE"}, {"ip": "198.51.100.3", "country": "PT"}
    events = [
        act("login", 0, session_id="s", **home),
        act("logout", 100, session_id="s", **home),
        act("page_view", 200, session_id="s", path="/", **away),
    ]
    assert spoken(events).get("session_hijack") == Severity.HIGH


def test_a_session_that_returns_to_a_known_network_is_quiet() -> None:
    one, other = {"ip": "192.0.2.1"}, {"ip": "198.51.100.1"}
    events = [
        act("login", 0, **other),
        act("login", 9, session_id="s", **one),
        act("logout", 60, session_id="s", **other),
    ]
    assert "session_hijack" not in spoken(events)


def test_declines_without_a_card_are_held_for_different_cards() -> None:
    events = [act("transaction", n * 60, outcome="failure", amount=1) for n in range(3)]
    said = spoken(events)
    assert said["card_testing"] == Severity.HIGH
    assert said["failed_payments"] == Severity.MEDIUM


def test_a_spread_of_declines_counts_more_than_one_empty_card() -> None:
    empty = [act("transaction", n * 60, outcome="failure", amount=80, card_id="c", merchant_id="m") for n in range(7)]
    assert spoken(empty[:4])["failed_payments"] == Severity.LOW
    assert spoken(empty)["failed_payments"] == Severity.MEDIUM


def test_old_failures_do_not_add_up_forever() -> None:
    slow = [act("login", 0, **HOME), *failures(12, 100, 3 * DAY, **AWAY)]
    assert "slow_brute_force" not in spoken(slow)
    near = [act("login", 0, **HOME), *failures(8, 100, DAY / 4, **AWAY)]
    assert "slow_brute_force" not in spoken(near)


def test_late_wrong_codes_are_counted_where_they_belong() -> None:
    codes = [act("otp", at, outcome="failure") for at in (0, 60, 120, 180)]
    assert spoken([*codes, act("otp", 9_000), act("otp", 240, outcome="failure")]) == {
        "otp_guessing": Severity.MEDIUM
    }
    pushes = [act("otp", n * 400, outcome="failure", attributes={"mfa": "push"}) for n in range(5)]
    assert spoken(pushes) == {}


def test_laundering_rules_forget_what_is_over() -> None:
    tall = [act("payout", n * 30 * HOUR, amount=9_000, currency="USD") for n in range(4)]
    assert "aml_structuring" not in spoken(tall)
    spread = [act("payout", n * 16 * DAY, amount=2_000, currency="USD", payee_id=f"p{n}") for n in range(5)]
    assert "aml_round_amounts" not in spoken(spread)


def test_money_that_came_hours_ago_or_went_to_few_is_no_fan_out() -> None:
    def out(at: float, payee: str) -> dict[str, Any]:
        return act("payout", at, amount=400, currency="USD", payee_id=payee)

    came = act("deposit", 0, amount=1_200, currency="USD")
    assert "mule_fan_out" not in spoken([came, *(out(5 * HOUR + n, f"p{n}") for n in range(3))])
    old = [out(n, f"p{n}") for n in range(2)]
    late = {**came, "at": 40 * DAY}
    assert "mule_fan_out" not in spoken([*old, late, *(out(40 * DAY + n + 1, f"p{n}") for n in (0, 1, 5))])
    assert "mule_fan_out" in spoken([came, *(out(60 + n, f"p{n}") for n in range(3))])


SINCE_MS = 1_772_442_000_000


def standing(level: int, **more: Any) -> dict[str, Any]:
    return {"level": level, "rule_id": "x", "since_ms": SINCE_MS, "until_ms": SINCE_MS + 100 * DAY * 1_000, **more}


@pytest.mark.parametrize(
    ("level", "place", "severity"),
    [
        (1, AWAY, Severity.LOW),
        (2, AWAY, Severity.MEDIUM),
        (3, AWAY, Severity.HIGH),
        (1, HOME, None),
        (2, HOME, Severity.LOW),
        (3, HOME, Severity.MEDIUM),
    ],
)
def test_a_bad_address_counts_less_from_the_users_own_device(
    level: int, place: Any, severity: Severity | None
) -> None:
    payment = act("transaction", LATER, **PAYMENT, **place)
    said = spoken(
        [*usual_life(), payment],
        reputation={f"ip:{place['ip']}": {**standing(level), "since_ms": SINCE_MS + LATER * 1_000}},
    )
    assert said.get("bad_source") == severity


def test_the_worst_of_several_standings_speaks_and_failures_are_not_asked() -> None:
    known = {"ip:203.0.113.9": standing(1), "network:203.0.113.0/24": standing(3), "device:x": standing(2)}
    said = spoken([act("transaction", 0, **PAYMENT, **AWAY)], reputation=known)
    assert said["bad_source"] == Severity.HIGH
    declined = act("transaction", 0, outcome="failure", **PAYMENT, **AWAY)
    assert "bad_source" not in spoken([declined], reputation=known)
    nobody = {"ip:9.9.9.9": standing(3)}
    assert spoken([act("login", 0, **AWAY), act("transaction", 9, **PAYMENT)], reputation=nobody) == {}
    listed = spoken(
        [act("login", 0, **HOME), act("login", 9 * DAY, **AWAY)], reputation={"ip:203.0.113.9": standing(3)}
    )
    assert listed["attacker_logged_in"] == Severity.HIGH
    again = [act("login", 0, **AWAY), act("login", 60, **AWAY)]
    later = {"ip:203.0.113.9": {**standing(2), "since_ms": SINCE_MS + 30_000}}
    assert "attacker_logged_in" not in spoken(again, reputation=later)


def test_without_scores_no_event_is_an_anomaly() -> None:
    assert "anomaly" not in spoken(usual_life(), scores={})
    assert "anomaly" in spoken(usual_life(), scores={"a": 1.0})


def test_a_repeated_event_is_told_once() -> None:
    twice = [{**act("transaction", 0, amount=9_000), "event_id": "same"}] * 2
    story = Example(name="", events=tuple(twice), hit=True)
    assert len(answers(BOOK, BOOK.by_id["large_amount"], story)) == 1


def test_what_a_user_sends_is_held_against_what_they_send_not_against_the_groceries() -> None:
    def sent(amount: float) -> Severity | None:
        rents = [act("payout", n * DAY, amount=500 + n, payee_id=f"p{n}", currency="EUR", **HOME) for n in range(10)]
        shop = [
            act("transaction", n * DAY + 60, amount=20 + n, merchant_id="m", currency="EUR", **HOME)
            for n in range(10)
        ]
        paid = act("payout", 12 * DAY, amount=amount, payee_id="new", currency="EUR", **HOME)
        return spoken([*rents, *shop, paid]).get("amount_spike")

    assert sent(800) is None
    assert sent(9_000) == Severity.MEDIUM


def test_a_merchant_is_held_against_nobody_who_pays_there_with_a_device_of_their_own() -> None:
    def paid(**place: Any) -> Severity | None:
        payment = act("transaction", LATER, merchant_id="skimmed", **PAYMENT, **place)
        known = {"merchant:skimmed": {**standing(2), "since_ms": SINCE_MS + LATER * 1_000}}
        return spoken([*usual_life(), payment], reputation=known).get("payment_at_compromised_merchant")

    assert paid(**HOME) == Severity.LOW
    assert paid(country="DE") == Severity.HIGH
    assert paid(**AWAY) == Severity.HIGH


def test_one_new_thing_locks_nobody_and_two_of_a_user_known_for_long_do() -> None:
    def sent(*before: dict[str, Any], amount: float = 600, **place: Any) -> Severity | None:
        change = act("password_change", LATER, **place)
        payout = act("payout", LATER + 600, amount=amount, currency="EUR", payee_id="mule", **place)
        return spoken([*usual_life(), *before, change, payout]).get("credential_change_payout")

    laptop = {**HOME, "device_id": "d9"}
    assert sent(**HOME) == Severity.LOW
    assert sent(**laptop) == Severity.MEDIUM
    assert sent(amount=16_000, **laptop) == Severity.HIGH
    assert sent(act("otp", LATER - 60, **laptop), amount=16_000, **laptop) == Severity.MEDIUM
    assert sent(**{**laptop, "ip": "203.0.113.9"}) == Severity.CRITICAL
    proven = act("otp", LATER - 60, **{**laptop, "ip": "203.0.113.9"})
    assert sent(proven, **{**laptop, "ip": "203.0.113.9"}) == Severity.HIGH


def test_a_new_network_alone_is_no_sign_where_devices_are_not_named() -> None:
    def shopping(**place: Any) -> Severity | None:
        paid = [act("transaction", LATER + n * 300, amount=9, currency="EUR", **place) for n in range(6)]
        return spoken([*usual_life(), *paid]).get("payment_velocity")

    train = {**AWAY, "country": "DE", "lat": 52.5, "lon": 13.4}
    assert shopping(**train) == Severity.MEDIUM
    del train["device_id"]
    assert shopping(**train) is None
    elsewhere = dict(AWAY)
    del elsewhere["device_id"]
    assert shopping(**elsewhere) == Severity.MEDIUM


def test_a_series_of_odd_payments_is_told_though_its_first_was_learnt() -> None:
    shop = {"currency": "EUR", "merchant_id": "m1", **HOME}
    habits = [act("transaction", n * DAY, amount=(5, 20, 90)[n % 3], **shop) for n in range(15)]
    first = act("transaction", 15 * DAY, amount=260, **shop)
    again = act("transaction", 15 * DAY + 600, amount=300, **shop)
    assert spoken([*habits, first])["amount_spike"] == Severity.LOW
    assert spoken([*habits, first, again])["amount_spike"] == Severity.MEDIUM
    assert spoken([*habits, first, {**again, "at": again["at"] + 2 * HOUR}])["amount_spike"] == Severity.LOW


def test_a_session_that_moved_is_told_by_a_large_sum_to_somebody_new_soon_after() -> None:
    train = {**HOME, "ip": "203.0.113.50"}

    def sent(after_s: float = 60, payee: str = "mule", amount: float = 900, **place: Any) -> Severity | None:
        session = {"session_id": "s9"}
        here = act("page_view", LATER, path="/", **session, **HOME)
        moved = act("page_view", LATER + 60, path="/payees", **session, **{**train, **place})
        fields = {"amount": amount, "currency": "EUR", "payee_id": payee, **session}
        payout = act("payout", LATER + 60 + after_s, **fields, **{**train, **place})
        friend = act("payout", DAY, amount=20, currency="EUR", payee_id="friend", **HOME)
        return spoken([*usual_life(), friend, here, moved, payout]).get("session_hijack")

    assert sent() == sent(after_s=600) == Severity.MEDIUM
    assert sent(after_s=601) is None
    assert sent(payee="friend") is None
    assert sent(amount=90) is None
    assert sent(**HOME) is None


def test_what_follows_a_spike_that_was_told_is_told_sooner() -> None:
    shop = {"currency": "EUR", "merchant_id": "m1", **HOME}
    habits = [act("transaction", n * DAY, amount=(10, 20, 40, 80)[n % 4], **shop) for n in range(20)]
    first = act("transaction", 20 * DAY, amount=440, **shop)

    def then(minutes: float, amount: float) -> Severity | None:
        again = act("transaction", 20 * DAY + minutes * 60, amount=amount, **shop)
        return spoken([*habits, first, again])["amount_spike"]

    assert spoken([*habits, first])["amount_spike"] == Severity.LOW
    assert then(10, 200) == Severity.MEDIUM
    assert then(10, 100) == Severity.LOW
    assert then(61, 200) == Severity.LOW


def test_a_rent_or_a_dear_thing_comes_alone_and_from_home() -> None:
    shop = {"currency": "EUR", "merchant_id": "m1", **HOME}
    habits = [act("transaction", n * DAY, amount=20 + n % 5, **shop) for n in range(20)]
    lately = act("login", 20 * DAY - HOUR, **HOME)

    def paid(*before: dict[str, Any], amount: float = 400, **place: Any) -> Severity | None:
        payment = act("transaction", 20 * DAY, amount=amount, **{**shop, **place})
        return spoken([*habits, lately, *before, payment]).get("amount_spike")

    def dear(minutes: int) -> dict[str, Any]:
        return act("transaction", 20 * DAY - minutes * 60, amount=150, **shop)

    assert paid() == Severity.LOW
    assert paid(amount=600) == Severity.MEDIUM
    assert paid(device_id="d9") == Severity.MEDIUM
    assert paid(dear(20)) == Severity.MEDIUM
    assert paid(dear(90)) == Severity.LOW


def test_the_same_sum_is_odder_the_more_is_known() -> None:
    shop = {"currency": "EUR", "merchant_id": "m1", **HOME}

    def after(known: int) -> Severity | None:
        habits = [act("transaction", n * DAY, amount=(10, 20, 40, 80)[n % 4], **shop) for n in range(known)]
        return spoken([*habits, act("transaction", known * DAY, amount=530, **shop)]).get("amount_spike")

    assert after(12) == Severity.LOW
    assert after(80) == Severity.MEDIUM


def last_severity(rule_id: str, threshold: str, value: float, *events: dict[str, Any]) -> Severity | None:
    book = RuleBook({f"rule_{rule_id}_{threshold}": value})
    answer = answers(book, book.by_id[rule_id], Example(name="", events=events, hit=True))[-1]
    return answer.severity if isinstance(answer, Hit) else None


def test_how_long_a_session_is_held_to_its_device_is_a_setting() -> None:
    moved = (act("login", 0, session_id="s1", **HOME), act("page_view", HOUR, path="/", session_id="s1", **AWAY))
    assert last_severity("session_hijack", "window_s", HOUR, *moved) == Severity.HIGH
    assert last_severity("session_hijack", "window_s", HOUR - 1, *moved) is None


def test_how_often_one_empty_card_is_declined_before_an_analyst_looks_is_a_setting() -> None:
    empty = [act("transaction", n, outcome="failure", card_id="c1", merchant_id="m1", **PAYMENT) for n in range(4)]
    assert last_severity("failed_payments", "same_card_declines", 4, *empty) == Severity.LOW
    assert last_severity("failed_payments", "same_card_declines", 3, *empty) == Severity.MEDIUM


def test_what_is_just_under_the_threshold_is_told_once_and_not_with_every_coffee_after_it() -> None:
    def paid(at: float, amount: float, payee: str) -> dict[str, Any]:
        return act("payout", at, amount=amount, currency="USD", payee_id=payee, **HOME)

    life = usual_life()
    tall = [paid(LATER + n * 60, 9_000 + n, f"p{n}") for n in range(3)]
    coffee = act("transaction", LATER + 600, amount=5, currency="USD", merchant_id="cafe", **HOME)
    town = Town()
    town.play(*life, *tall)
    assert len(town.by_rule("aml_structuring")) == 1
    hits = town.users["u1"].groups["aml_structuring:"].count
    town.play(coffee)
    assert town.users["u1"].groups["aml_structuring:"].count == hits


def test_a_source_that_attacks_here_and_is_on_a_list_too_is_no_less_critical() -> None:
    source = "ip:203.0.113.9"
    told = Reputations()
    told.learn(source, Reputation(**standing(BAD)))
    listed = Consulting({source: Reputation(**standing(LISTED))}.get)
    listed.learn(source, told[source])
    for reputation in (told, listed):
        town = Town()
        town.reputation = reputation
        town.play(act("login", 0, **HOME), act("login", 9 * DAY, **AWAY))
        (alert,) = town.by_rule("attacker_logged_in")
        assert alert.severity == "CRITICAL"
