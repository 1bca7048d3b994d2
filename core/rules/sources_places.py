"""Many users or cards where there should be few: on one device, at one address."""

from core.clock import SECOND
from core.rules.entry import Answer, Example, Hit, Rule, Severity, Thresholds, event
from core.rules.unless import fewer
from core.signal import FAILED, LOGIN, MOVED, NEW_CARD, NEW_USER, SIGNUP, Signal
from core.source_state import LOGINS, Ring, SourceState, windows
from core.wording import duration


def _signups(state: SourceState, signal: Signal, t: Thresholds) -> Answer:
    for least, window_s in ((t["signups"], t["window_s"]), (t["quick_signups"], t["quick_window_s"])):
        window = next(windows(state.rings[SIGNUP], signal.time_ms, window_s, least=least), None)
        if window is not None:
            quick = fewer(len(window), t["quick_signups"], "of them", t["quick_window_s"])
            unless = fewer(len(window), t["signups"], "signups", t["window_s"], quick)
            return Hit(Severity.MEDIUM, f"{len(window)} signups within {duration(window_s * SECOND)}", unless=unless)
    return None


def _users_on_device(state: SourceState, signal: Signal, t: Thresholds) -> Answer:
    for window in windows(state.rings[NEW_USER], signal.time_ms, t["window_s"], least=t["users"]):
        users = _users(window)
        if users >= t["users"]:
            unless = fewer(users, t["users"], "users new on this device", t["window_s"])
            return Hit(Severity.HIGH, f"{users} users are new on this device {_within(t)}", unless=unless)
    return None


def _users_at_ip(state: SourceState, signal: Signal, t: Thresholds) -> Answer:
    if not signal.flags & MOVED:
        return None
    for window in windows(state.rings[LOGINS], signal.time_ms, t["window_s"], least=t["users"], flags=MOVED):
        came = [entry for entry in window if not entry[3] & FAILED]
        users = _users([entry for entry in came if entry[3] & MOVED])
        if users >= t["users"] and users >= t["moved_share"] * _users(came):
            return Hit(
                Severity.HIGH,
                f"{users} users moved here, each on a new device, {_within(t)}",
                unless=fewer(users, t["users"], "users who moved here", t["window_s"]),
            )
    return None


def _cards_on_device(state: SourceState, signal: Signal, t: Thresholds) -> Answer:
    for window in windows(state.rings[NEW_CARD], signal.time_ms, t["window_s"], least=t["cards"]):
        cards = len({card for _, _, card, _ in window})
        if cards >= t["cards"]:
            unless = fewer(cards, t["cards"], "cards new on this device", t["window_s"])
            return Hit(Severity.HIGH, f"{cards} cards are new on this device {_within(t)}", unless=unless)
    return None


def _cards_tried(state: SourceState, signal: Signal, t: Thresholds) -> Answer:
    if not signal.flags & FAILED:
        return None
    for window in windows(state.rings[NEW_CARD], signal.time_ms, t["window_s"], least=t["cards"], flags=FAILED):
        declined = len({card for _, _, card, flags in window if flags & FAILED})
        new = len({card for _, _, card, _ in window})
        if declined >= t["cards"] and declined >= t["share_0_1"] * new:
            return Hit(
                Severity.MEDIUM,
                f"{declined} of {new} new cards were declined {_within(t)}",
                unless=fewer(declined, t["cards"], "of them", t["window_s"]),
            )
    return None


def _users(window: Ring) -> int:
    return len({user for _, user, _, _ in window})


def _within(t: Thresholds) -> str:
    return "within " + duration(t["window_s"] * SECOND)


def _settled(people: int, **there: str) -> tuple[dict[str, object], ...]:
    """Users with a history of eight days at home, who then all sign in with what is given."""
    story = []
    for n in range(people):
        home = {"user_id": f"u{n}", "ip": f"192.0.{n}.7", "device_id": f"home{n}"}
        story.append(event("login", n - 691_200.0, **home))
        story.append(event("login", n * 600.0, **{**home, "device_id": f"new{n}", **there}))
    return tuple(story)


def _cards(number: int, users: int = 1) -> tuple[dict[str, object], ...]:
    return tuple(
        event(
            "transaction",
            n * 60.0,
            user_id=f"u{n % users}",
            device_id="d1",
            card_id=f"c{n}",
            amount=9.5,
            currency="USD",
            merchant_id="m1",
        )
        for n in range(number)
    )


def _tried(number: int) -> tuple[dict[str, object], ...]:
    """Cards of as many users and devices at one merchant and address, all declined."""
    return tuple(
        {**one, "user_id": f"u{n}", "device_id": f"d{n}", "ip": "203.0.113.1", "outcome": "failure"}
        for n, one in enumerate(_cards(number))
    )


RULES: tuple[Rule, ...] = (
    Rule(
        id="signup_burst",
        title="Signup burst",
        kind="SECURITY",
        severity=Severity.MEDIUM,
        scope="source",
        types=(SIGNUP,),
        sources=("ip",),
        check=_signups,
        thresholds={"signups": 50, "window_s": 86_400, "quick_signups": 12, "quick_window_s": 3_600},
        period_s=86_400,
        weight=0.4,
        attack=("OAT-019",),
        suggest=("Ask new accounts from the address for a verified mail address or phone",),
        words="50 signups from one address within a day, or 12 within an hour.",
        default_source="Auth0",
        gaps="A campaign on a carrier's shared address counts with the honest signups there.",
        examples=(
            Example(
                name="12 signups in 12 minutes",
                events=tuple(event("signup", n * 60.0, user_id=f"u{n}", ip="203.0.113.1") for n in range(12)),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="50 signups in a day",
                events=tuple(event("signup", n * 1_200.0, user_id=f"u{n}", ip="203.0.113.1") for n in range(50)),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="49 signups",
                events=tuple(event("signup", n * 1_200.0, user_id=f"u{n}", ip="203.0.113.1") for n in range(49)),
                hit=False,
            ),
        ),
    ),
    Rule(
        id="users_per_device",
        title="Many users on one device",
        kind="SECURITY",
        severity=Severity.HIGH,
        scope="source",
        types=(NEW_USER,),
        sources=("device",),
        check=_users_on_device,
        thresholds={"users": 5, "window_s": 86_400},
        period_s=86_400,
        weight=0.6,
        attack=("OAT-019", "T1078"),
        suggest=("Check whether the users know each other", "Challenge logins from the device"),
        words="5 users a day who are new on one device, whether they get in or not.",
        default_source="own",
        gaps="A device in a library or a shop looks the same.",
        examples=(
            Example(
                name="5 users on one device", events=_settled(5, device_id="d1"), hit=True, severity=Severity.HIGH
            ),
            Example(name="a family of 4", events=_settled(4, device_id="d1"), hit=False),
            Example(name="5 users with a device each", events=_settled(5, ip="203.0.113.1"), hit=False),
        ),
    ),
    Rule(
        id="users_per_ip",
        title="Many users move to one address",
        kind="SECURITY",
        severity=Severity.HIGH,
        scope="source",
        types=(LOGIN,),
        sources=("ip",),
        check=_users_at_ip,
        thresholds={"users": 8, "moved_share": 0.5, "window_s": 86_400},
        period_s=86_400,
        weight=0.5,
        attack=("T1078",),
        suggest=("Challenge the users named", "Block the address"),
        words="8 users a day who sign in from one address, each on a device and in a network that are both new to a "
        "user of a week or longer; and half of all who are new there.",
        default_source="own",
        gaps="Users who come with their usual devices are never counted: addresses are shared by thousands. A school "
        "that hands out new tablets looks the same.",
        examples=(
            Example(
                name="8 users on new devices in a new network",
                events=_settled(8, ip="203.0.113.1"),
                hit=True,
                severity=Severity.HIGH,
            ),
            Example(name="7 users", events=_settled(7, ip="203.0.113.1"), hit=False),
            Example(
                name="20 users bring their own devices to one address",
                events=tuple(
                    event("login", at + n, user_id=f"u{n}", ip=ip or f"192.0.{n}.7", device_id=f"d{n}")
                    for at, ip in ((-691_200.0, ""), (0.0, "203.0.113.1"))
                    for n in range(20)
                ),
                hit=False,
            ),
            Example(
                name="20 users whom nobody has seen before",
                events=tuple(
                    event("login", n * 60.0, user_id=f"u{n}", ip="203.0.113.1", device_id=f"d{n}") for n in range(20)
                ),
                hit=False,
            ),
        ),
    ),
    Rule(
        id="cards_per_device",
        title="Many cards on one device",
        kind="TRANSACTION",
        severity=Severity.HIGH,
        scope="source",
        types=(NEW_CARD,),
        sources=("device",),
        check=_cards_on_device,
        thresholds={"cards": 5, "window_s": 86_400},
        period_s=86_400,
        weight=0.6,
        attack=("OAT-001", "OAT-010"),
        suggest=("Block payments from the device", "Tell the cards' issuers"),
        words="5 cards a day that are new on one device, whoever uses them.",
        default_source="Stripe",
        gaps="A tester who changes the device id with every card is left to the rules about users and merchants.",
        examples=(
            Example(name="5 cards of one user", events=_cards(5), hit=True, severity=Severity.HIGH),
            Example(name="5 cards of 5 users", events=_cards(5, users=5), hit=True),
            Example(name="4 cards", events=_cards(4), hit=False),
            Example(name="one card 20 times", events=_cards(1) * 20, hit=False),
        ),
    ),
    Rule(
        id="card_enumeration",
        title="Cards are tried one after another",
        kind="TRANSACTION",
        severity=Severity.MEDIUM,
        scope="source",
        types=(NEW_CARD,),
        sources=("ip",),
        check=_cards_tried,
        thresholds={"cards": 8, "share_0_1": 0.6, "window_s": 3_600},
        period_s=86_400,
        weight=0.4,
        attack=("OAT-001", "OAT-010"),
        suggest=("Ask for a second factor on new cards from the address", "Tell the cards' issuers"),
        words="Within an hour 8 cards, each new to its user, are declined at one address, and 60 % of all new cards "
        "there.",
        default_source="own",
        gaps="Who takes another address for every few cards is left to the rules about users and devices.",
        examples=(
            Example(name="8 users and devices", events=_tried(8), hit=True, severity=Severity.MEDIUM),
            Example(
                name="another address each time",
                events=tuple({**one, "ip": f"203.0.113.{n}"} for n, one in enumerate(_tried(8))),
                hit=False,
            ),
            Example(name="7 of them", events=_tried(7), hit=False),
            Example(name="one card 20 times", events=_tried(1) * 20, hit=False),
            Example(
                name="a busy day, with as many cards that are good",
                events=tuple(
                    {**one, "outcome": "failure" if n % 2 else "success"} for n, one in enumerate(_tried(16))
                ),
                hit=False,
            ),
        ),
    ),
)
